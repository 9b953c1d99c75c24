"""Each everyday mistake ends at the right step of the timeline, with its own exact cause for staff."""

import pytest
from pytest_django.fixtures import Settings

from tests.oauth.misconfigured import calls, clients, codes, requests, services  # noqa: F401  # fill the table
from tests.oauth.misconfigured.table import TABLE
from tests.oauth.timeline import says, shown_reference, steps

pytestmark = pytest.mark.django_db
AT_LEAST = 35


@pytest.mark.requirement("every refused attempt: step, rule, exact cause, reference code")
@pytest.mark.parametrize("name", TABLE)
def test_a_misconfiguration_ends_at_its_step_with_its_own_cause(name: str, settings: Settings) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    case = TABLE[name]
    seen = case.make()
    timeline = steps(seen.reference or shown_reference(seen.answer))
    last = timeline[-1]
    rule = last.detail["rule"]
    assert (last.kind, last.outcome, rule) == (case.kind, "refused", case.rule)
    assert says(last.detail["cause"], case.cause, **seen.values), last.detail["cause"]
    assert [one.kind for one in timeline[:-1] if one.outcome == "allowed"] == list(case.before)


def test_there_are_many_and_no_two_look_alike_to_staff() -> None:
    assert len(TABLE) >= AT_LEAST
    assert len({(case.kind, case.rule, case.cause) for case in TABLE.values()}) == len(TABLE)
