"""What was answered for is not asked again, per client, person and patient; more than that is."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Proxy
from oauth import stored_requests
from oauth.models import Application, AuthorizationRequest, Consent, Grant
from tests.fhir.records import patient
from tests.fhir.search.shelf import put
from tests.oauth.flow import Flow, answer_of, make_client, make_user, run_authorization_code, ticks

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("consent is remembered per client, person and patient, and asked again for more"),
]
BOTH = "openid patient/Observation.rs patient/Condition.rs"


def is_asked(flow: Flow, **changes: Any) -> bool:
    """Whether the consent page comes."""
    answer = flow.authorize(**changes)
    return answer.status_code == 200 and answer.request["PATH_INFO"].endswith("/consent")  # type: ignore[attr-defined]


def granted(flow: Flow, **changes: Any) -> str:
    """The scope of the tokens that come without a page."""
    code = answer_of(flow.authorize(**changes))["code"]
    return str(flow.exchange(code).json()["scope"])  # type: ignore[attr-defined]


def test_every_answer_is_kept_yes_or_no() -> None:
    client, _ = make_client()
    run_authorization_code(client, make_user(), BOTH, untick=("patient/Condition.rs",))
    consent = Consent.objects.get()
    assert (consent.asked, consent.scope) == (BOTH, "openid patient/Observation.rs")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (BOTH, "openid patient/Observation.rs"),
        ("openid patient/Condition.rs", "openid"),
        ("openid patient/Condition.r patient/Observation.s", "openid patient/Observation.s"),
        ("patient/Observation.rs?status=final", "patient/Observation.rs?status=final"),
        ("patient/Observation.read", "patient/Observation.read"),
    ],
)
def test_what_was_declined_is_neither_asked_nor_granted(asked: str, expected: str) -> None:
    client, _ = make_client()
    user = make_user()
    run_authorization_code(client, user, BOTH, untick=("patient/Condition.rs",))
    assert granted(Flow(client, user, scope=asked)) == expected


@pytest.mark.parametrize(
    "more",
    [
        "patient/Observation.cruds",
        "patient/Goal.rs",
        "patient/*.rs",
        "user/Observation.rs",
        "offline_access",
        "fhirUser",
        "launch/patient",
    ],
)
def test_more_than_was_answered_for_is_asked(more: str) -> None:
    client, _ = make_client()
    user = make_user()
    run_authorization_code(client, user, BOTH)
    assert is_asked(Flow(client, user, scope=f"{BOTH} {more}"))
    assert answer_of(Flow(client, user, scope=f"{BOTH} {more}").authorize(prompt="none"))["error"] == (
        "consent_required"
    )


def test_a_declined_scope_is_asked_again_where_the_app_wants_the_question() -> None:
    client, _ = make_client()
    user = make_user()
    run_authorization_code(client, user, BOTH, untick=("patient/Condition.rs",))
    flow = Flow(client, user, scope=BOTH)
    page = flow.authorize(prompt="consent")
    assert ticks(page) == ["patient/Observation.rs"]
    flow.decide(page, tick=("patient/Condition.rs",))
    assert granted(Flow(client, user, scope=BOTH)) == BOTH


def test_where_only_declined_scopes_are_asked_the_person_may_think_again() -> None:
    client, _ = make_client()
    user = make_user()
    run_authorization_code(client, user, BOTH, untick=("patient/Condition.rs",))
    assert is_asked(Flow(client, user, scope="patient/Condition.rs"))


def test_a_page_for_more_shows_earlier_answers_and_ticks_what_is_new() -> None:
    client, _ = make_client()
    user = make_user()
    run_authorization_code(client, user, BOTH, untick=("patient/Condition.rs",))
    page = Flow(client, user, scope=f"{BOTH} patient/Goal.rs").authorize()
    assert ticks(page) == ["patient/Observation.rs", "patient/Goal.rs"]


def test_to_decline_all_records_takes_back_what_they_were_and_asks_for_the_rest_anew() -> None:
    client, _ = make_client()
    user = make_user()
    first = run_authorization_code(client, user, "openid patient/*.rs")
    flow = Flow(client, user, scope="openid patient/Observation.rs patient/Goal.rs")
    flow.decide(flow.authorize(prompt="consent"), untick=("patient/Observation.rs",))
    assert Consent.objects.get().scope == "openid patient/Goal.rs"
    assert Browser().get("/fhir/Observation", headers=first.bearer).status_code == 401
    assert granted(Flow(client, user, scope="openid patient/Observation.rs")) == "openid"
    assert is_asked(Flow(client, user, scope="openid patient/Procedure.rs"))


def test_a_refusal_is_not_remembered_as_an_answer() -> None:
    client, _ = make_client()
    user = make_user()
    flow = Flow(client, user, scope=BOTH)
    assert answer_of(flow.decide(flow.authorize(), decision="deny"))["error"] == "access_denied"
    assert is_asked(Flow(client, user, scope=BOTH))


def test_a_refusal_to_give_more_leaves_what_was_given() -> None:
    client, _ = make_client()
    user = make_user()
    run_authorization_code(client, user, BOTH)
    flow = Flow(client, user, scope=f"{BOTH} patient/Goal.rs")
    flow.decide(flow.authorize(), decision="deny")
    assert granted(Flow(client, user, scope=BOTH)) == BOTH


def test_a_consent_from_before_answers_were_kept_counts_for_what_it_allows() -> None:
    client, _ = make_client()
    user = make_user()
    run_authorization_code(client, user, BOTH)
    Consent.objects.update(asked="")
    assert granted(Flow(client, user, scope=BOTH)) == BOTH
    assert is_asked(Flow(client, user, scope=f"{BOTH} patient/Goal.rs"))


@pytest.mark.parametrize("ended", ["withdrawn", "expires"])
def test_a_consent_that_ended_is_not_remembered(ended: str) -> None:
    client, _ = make_client()
    user = make_user()
    run_authorization_code(client, user, BOTH)
    Consent.objects.update(**{ended: timezone.now()})
    assert is_asked(Flow(client, user, scope=BOTH))


def test_another_person_another_app_and_another_patient_are_asked_for_themselves() -> None:
    put(patient("p1"), patient("p2"))
    client, _ = make_client()
    parent = make_user("RelatedPerson/eve")
    for ward in ("p1", "p2"):
        Proxy.objects.create(user=parent, patient=ward)
    run_authorization_code(client, parent, BOTH, patient="p1")
    flow = Flow(client, parent, scope=BOTH)
    assert answer_of(flow.pick(flow.authorize(), "p1"))["code"]
    other = Flow(client, parent, scope=BOTH)
    assert other.pick(other.authorize(), "p2").request["PATH_INFO"].endswith("/consent")  # type: ignore[attr-defined]
    assert is_asked(Flow(client, make_user("Patient/p1"), scope=BOTH))
    elsewhere, _ = make_client()
    flow = Flow(elsewhere, parent, scope=BOTH)
    assert flow.pick(flow.authorize(), "p1").request["PATH_INFO"].endswith("/consent")  # type: ignore[attr-defined]


def test_a_clinician_is_asked_once_for_all_patients() -> None:
    put(patient("p1"), patient("p2"))
    client, _ = make_client()
    doctor = make_user("Practitioner/d1")
    run_authorization_code(client, doctor, BOTH, patient="p1")
    flow = Flow(client, doctor, scope=BOTH)
    assert answer_of(flow.pick(flow.authorize(), "p2"))["code"]
    assert Consent.objects.get().patient == ""


@pytest.mark.requirement("RFC 8252 section 8.6")
@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"consent_policy": Application.ConsentPolicy.ALWAYS}, True),
        ({"application_type": "native", "redirect_uri": "org.example.app:/cb"}, True),
        ({"application_type": "native", "redirect_uri": "http://127.0.0.1/cb"}, True),
        ({"application_type": "native"}, False),
        ({"application_type": "native", "redirect_uri": "org.example.app:/cb", "confidential": True}, False),
        ({"application_type": "browser"}, False),
    ],
)
def test_whose_consents_are_remembered(fields: dict[str, Any], asked: bool) -> None:
    client, secret = make_client(**fields)
    user = make_user()
    run_authorization_code(client, user, BOTH, secret=secret)
    flow = Flow(client, user, scope=BOTH, redirect_uri=client.redirect_uris)
    assert is_asked(flow) is asked


def test_the_answers_of_an_app_that_always_asks_are_kept_for_its_owner_to_see() -> None:
    client, _ = make_client(consent_policy=Application.ConsentPolicy.ALWAYS)
    user = make_user()
    for _ in range(2):
        run_authorization_code(client, user, BOTH)
    assert Consent.objects.get().scope == BOTH


def test_scopes_approved_by_staff_need_no_answer_beside_remembered_ones() -> None:
    client, _ = make_client(auto_approved_scope="fhirUser patient/Goal.rs")
    user = make_user()
    run_authorization_code(client, user, BOTH)
    assert (
        granted(Flow(client, user, scope=f"{BOTH} fhirUser patient/Goal.r"))
        == f"{BOTH} fhirUser patient/Goal.r"
    )


def test_of_two_answers_to_one_page_only_the_first_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = make_client(consent_policy=Application.ConsentPolicy.ALWAYS)
    flow = Flow(client, make_user(), scope=BOTH)
    page: Any = flow.authorize()
    seen_open = stored_requests.load(page.wsgi_request, AuthorizationRequest.objects.get().pk)
    flow.decide(page, untick=("patient/Condition.rs",))
    # The second click was looked at while the request was still open.
    monkeypatch.setattr("oauth.views.consent.load", lambda request, request_id: seen_open)
    assert flow.decide(page).status_code == 400
    assert Consent.objects.get().scope == "openid patient/Observation.rs"
    assert Grant.objects.count() == 1


def test_the_latest_answer_counts_where_one_is_for_this_session_and_one_for_longer() -> None:
    client, _ = make_client()
    user = make_user()
    here = Flow(client, user, scope=BOTH)
    here.decide(here.authorize(), duration="session")
    run_authorization_code(client, user, f"{BOTH} patient/Goal.rs")
    assert granted(here, scope=f"{BOTH} patient/Goal.rs") == f"{BOTH} patient/Goal.rs"
    here.decide(here.authorize(prompt="consent"), untick=("patient/Condition.rs",), duration="session")
    assert granted(here) == "openid patient/Observation.rs"


def test_a_remembered_consent_costs_one_statement() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user(), scope=BOTH)
    flow.decide(flow.authorize())
    again = flow.browser.get("/oauth/authorize", flow.parameters())
    with CaptureQueriesContext(connection) as captured:
        assert "code=" in flow.browser.get(again["Location"])["Location"]
    assert len([query for query in captured if 'FROM "oauth_consent"' in query["sql"]]) == 1
