"""Two authorizations at once, and parameters that would change one under way: no token is for another
patient, person or app than the one that was consented to.
"""

from typing import Any

import pytest
from django.test import Client as Browser

from accounts.models import Proxy, User
from launch.context import make_launch
from launch.models import LaunchContext
from launch.patients import patient_summary
from oauth.clients.metadata import faults
from oauth.models import Consent, Grant
from tests.fhir.callers import everyone
from tests.oauth.flow import Flow, answer_of, make_client, make_user, run_authorization_code
from tests.oauth.services import make_service
from tests.security.test_tokens_over_fhir import send

pytestmark = pytest.mark.django_db
SCOPE = "launch/patient patient/Patient.rs patient/Observation.rs"


@pytest.fixture
def records() -> None:
    """Two patients."""
    for patient in ("p1", "p2"):
        resource = {"resourceType": "Patient", "id": patient, "name": [{"family": patient}]}
        assert everyone().send("PUT", f"Patient/{patient}", resource).status_code == 201


@pytest.fixture
def mother() -> User:
    """A proxy for both."""
    person = make_user("RelatedPerson/r1")
    for patient in ("p1", "p2"):
        Proxy.objects.create(user=person, patient=patient)
    return person


def patient_of(flow: Flow, code: str) -> str:
    return str(flow.exchange(code).json()["patient"])  # type: ignore[attr-defined]


def test_two_requests_in_two_tabs_keep_their_own_patients(mother: User, records: None) -> None:
    app, _ = make_client(consent_policy="always")
    browser = Browser()
    one, two = (Flow(app, mother, scope=SCOPE, browser=browser) for _ in range(2))
    first, second = one.authorize(), two.authorize()
    asks_one = one.pick(first, "p1")
    asks_two = two.pick(second, "p2")
    codes = [answer_of(two.decide(asks_two))["code"], answer_of(one.decide(asks_one))["code"]]
    assert [patient_of(two, codes[0]), patient_of(one, codes[1])] == ["p2", "p1"]


def test_the_patient_cannot_be_changed_between_picking_and_consent(mother: User, records: None) -> None:
    app, _ = make_client()
    flow = Flow(app, mother, scope=SCOPE)
    page: Any = flow.authorize()
    asks: Any = flow.pick(page, "p1")
    flow.browser.post(page.request["PATH_INFO"], {"patient": "p2"})
    form = {
        "decision": "allow",
        "scope": "patient/Patient.rs",
        "patient": "p2",
        "launch": "x",
        "encounter": "e",
    }
    code = answer_of(flow.browser.post(asks.request["PATH_INFO"], form))["code"]
    assert patient_of(flow, code) == "p1"


@pytest.mark.parametrize("where", ["authorize", "pick", "consent", "exchange", "refresh"])
def test_a_patient_or_person_named_in_a_parameter_counts_nowhere(
    mother: User, records: None, where: str
) -> None:
    Proxy.objects.filter(patient="p2").delete()
    app, _ = make_client()
    named = {"patient": "p2", "sub": "x", "user": "1", "fhirUser": "Practitioner/d1", "encounter": "e2"}
    flow = Flow(app, mother, scope=f"{SCOPE} offline_access openid fhirUser")
    page: Any = flow.authorize(**(named if where in ("authorize", "pick") else {}))
    assert page.request["PATH_INFO"].endswith("/consent")
    ticks = {"decision": "allow", "scope": ["patient/Patient.rs", "offline_access", "fhirUser"]}
    path = page.request["PATH_INFO"]
    if where == "pick":
        flow.browser.post(path.replace("/consent", "/patient"), named)
    answer = answer_of(flow.browser.post(path, {**ticks, **(named if where == "consent" else {})}))
    told: Any = flow.exchange(answer["code"], **(named if where == "exchange" else {})).json()  # type: ignore[attr-defined]
    if where == "refresh":
        told = flow.refresh(told["refresh_token"], **named).json()  # type: ignore[attr-defined]
    assert told["patient"] == "p1"
    assert "encounter" not in told
    bearer = f"Bearer {told['access_token']}"
    assert send(bearer, "GET", "Patient/p1").status_code == 200
    assert send(bearer, "GET", "Patient/p2").status_code == 404


def test_a_pick_beyond_ones_right_is_refused_and_gives_no_code(mother: User, records: None) -> None:
    app, _ = make_client()
    flow = Flow(app, mother, scope=SCOPE)
    page: Any = flow.authorize()
    Proxy.objects.filter(patient="p2").delete()
    for patient in ("p2", "p3", "Patient/p1", "../p1", "p1\x00", "p1,p2", "", "*"):
        flow.browser.post(page.request["PATH_INFO"], {"patient": patient})
        # What was refused leads on to the only patient who is left.
        assert set(LaunchContext.objects.values_list("patient", flat=True)) <= {"p1"}
    assert not Grant.objects.exists()


def test_a_right_lost_between_picking_and_consent_ends_it(mother: User, records: None) -> None:
    app, _ = make_client()
    flow = Flow(app, mother, scope=SCOPE)
    asks: Any = flow.pick(flow.authorize(), "p1")
    Proxy.objects.all().delete()
    answer = answer_of(flow.decide(asks))
    assert answer["error"] == "access_denied"
    assert not Grant.objects.exists()


def test_a_launch_for_one_patient_is_not_widened_by_a_second_tab(records: None) -> None:
    app, _ = make_client()
    doctor = make_user("Practitioner/d1")
    launches = [make_launch(app, doctor, patient=patient) for patient in ("p1", "p2")]
    browser = Browser()
    flows = [
        Flow(app, doctor, scope="launch patient/Patient.rs", browser=browser, extra={"launch": launch.pk})
        for launch in launches
    ]
    pages = [flow.authorize() for flow in flows]
    codes = [answer_of(flow.decide(page))["code"] for flow, page in zip(flows, pages, strict=True)]
    assert [patient_of(flow, code) for flow, code in zip(flows, codes, strict=True)] == ["p1", "p2"]


def test_a_remembered_consent_for_one_patient_opens_no_other(mother: User, records: None) -> None:
    app, _ = make_client()
    flow = Flow(app, mother, scope=SCOPE)
    flow.decide(flow.pick(flow.authorize(), "p1"))
    again = Flow(app, mother, scope=SCOPE)
    page: Any = again.pick(again.authorize(), "p2")
    assert page.status_code == 200
    assert page.request["PATH_INFO"].endswith("/consent")


def test_the_request_id_of_one_tab_does_not_answer_for_the_app_of_another(records: None) -> None:
    person = make_user("Patient/p1")
    browser = Browser()
    trusted, _ = make_client(name="Trusted")
    strange, _ = make_client(name="Strange", redirect_uri="https://strange.example.org/cb")
    asked_by_trusted = Flow(trusted, person, scope=SCOPE, browser=browser)
    asked_by_strange = Flow(
        strange, person, scope=SCOPE, browser=browser, redirect_uri="https://strange.example.org/cb"
    )
    page, _ = asked_by_trusted.authorize(), asked_by_strange.authorize()
    back = asked_by_trusted.decide(page)
    assert back["Location"].startswith(asked_by_trusted.redirect_uri)
    assert Consent.objects.get().application == trusted


@pytest.mark.requirement(
    "https://www.rfc-editor.org/rfc/rfc9700#section-4.15 (a client that poses as a person)"
)
def test_a_service_whose_id_is_a_persons_subject_cannot_be_registered() -> None:
    person = make_user("Practitioner/d1")
    for spelling in (str(person.uid), str(person.uid).upper(), person.uid.hex, f"{{{person.uid}}}"):
        client = make_service(client_id=spelling).application
        assert [fault for fault in faults(client) if fault.startswith("client_id:")]
    other = make_service(client_id="6d0f5bd2-6c43-4c0f-8d28-7a5c2f1f6c11").application
    assert not [fault for fault in faults(other) if fault.startswith("client_id:")]


def test_what_a_service_reads_is_never_taken_for_a_persons_own(records: None) -> None:
    """Not even where a client's id is a person's subject after all, as rights follow the record."""
    person = make_user("Practitioner/d1")
    service = make_service(scope="system/Observation.rs", client_id=str(person.uid))
    bearer = service.bearer("system/Observation.rs")["Authorization"]
    assert send(bearer, "GET", "Patient/p1").status_code == 403
    assert Browser().get("/oauth/userinfo", headers={"Authorization": bearer}).status_code == 401


def test_a_token_is_bound_to_the_person_and_not_to_who_uses_the_browser_later(records: None) -> None:
    app, _ = make_client()
    result = run_authorization_code(app, make_user("Patient/p1"), "openid fhirUser patient/Patient.rs")
    browser = result.flow.browser
    browser.force_login(make_user("Patient/p2"))
    answer = browser.get("/fhir/Patient", headers=result.bearer)
    assert [entry["resource"]["id"] for entry in answer.json()["entry"]] == ["p1"]


def test_of_two_picks_at_the_same_moment_the_one_that_was_shown_stands(
    mother: User, records: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, _ = make_client()
    flow = Flow(app, mother, scope=SCOPE)
    page: Any = flow.authorize()
    shown: list[Any] = []

    def overtaken(person: User, patient: str) -> Any:
        if not shown:
            shown.append(None)
            shown[0] = flow.pick(page, "p2")
        return patient_summary(person, patient)

    monkeypatch.setattr("oauth.views.pick.patient_summary", overtaken)
    flow.pick(page, "p1")
    assert shown[0].request["PATH_INFO"].endswith("/consent")
    assert patient_of(flow, answer_of(flow.decide(shown[0]))["code"]) == "p2"
