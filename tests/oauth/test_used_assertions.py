"""An assertion counts once: among processes, after a restart, and for as long as it could be shown again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from oauth.clients import used_assertions
from oauth.clients.assertion import read_assertion
from oauth.clients.used_assertions import CLEAN_EVERY_SECONDS, clean, use_up
from oauth.models import Application, ClientAssertionJti
from tests.oauth.parallel import at_once
from tests.oauth.services import Service, make_service

pytestmark = pytest.mark.django_db
RULE = (
    "https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#signature-verification"
)


@pytest.fixture
def service() -> Service:
    return make_service()


def request_of(service: Service) -> dict[str, str]:
    return {"grant_type": "client_credentials", "scope": "system/*.rs", **service.proof()}


@pytest.mark.requirement("SMART-336")
@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement(RULE)
def test_of_several_processes_that_are_shown_one_assertion_one_takes_it(tmp_path: Path) -> None:
    assert at_once(request_of(make_service()), {}, 4, tmp_path) == [200, 401, 401, 401]


@pytest.mark.requirement("SMART-336")
@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement(RULE)
def test_a_process_that_starts_later_knows_what_was_used(tmp_path: Path) -> None:
    service = make_service()
    form = request_of(service)
    assert service.ask_token(**form).status_code == 200
    assert at_once(form, {}, 1, tmp_path) == [401]


def rows(service: Service, *ages: int) -> None:
    """Used assertions that expired so many seconds ago."""
    now = timezone.now()
    ClientAssertionJti.objects.bulk_create(
        ClientAssertionJti(
            application=service.application, digest=f"{number:064}", expires=now - timedelta(seconds=age)
        )
        for number, age in enumerate(ages)
    )


def test_what_its_exp_refuses_anyway_is_deleted_and_nothing_before(service: Service) -> None:
    rows(service, -300, 0, 30, 61, 3600)
    assert clean() == 2
    assert ClientAssertionJti.objects.count() == 3
    assert clean() == 0


def test_each_process_cleans_once_a_minute(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(used_assertions, "_cleaned", -1e9)
    rows(service, *[3600] * 1_500)
    assert service.ask_token().status_code == 200
    assert ClientAssertionJti.objects.count() == 1
    rows(service, 3600)
    assert service.ask_token().status_code == 200
    assert ClientAssertionJti.objects.count() == 3
    monkeypatch.setattr(used_assertions, "_cleaned", used_assertions._cleaned - CLEAN_EVERY_SECONDS)
    assert service.ask_token().status_code == 200
    assert ClientAssertionJti.objects.count() == 3


def test_the_row_lasts_as_long_as_the_assertion_and_does_not_hold_its_jti(service: Service) -> None:
    exp = int(timezone.now().timestamp()) + 200
    assertion = read_assertion(service.assertion(jti="a text of the client", exp=exp))
    assert use_up(service.application, assertion)
    assert not use_up(service.application, assertion)
    row = ClientAssertionJti.objects.get()
    assert row.expires == datetime.fromtimestamp(exp, UTC)
    assert "a text" not in repr(vars(row))


def test_used_assertions_go_with_their_client(service: Service) -> None:
    answer: Any = service.ask_token()
    assert answer.status_code == 200
    assert ClientAssertionJti.objects.exists()
    Application.objects.all().delete()
    assert not ClientAssertionJti.objects.exists()
