"""One authorization attempt is one timeline, from the launch to the code, and staff find it by its code."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client as Browser
from django.test import RequestFactory

from accounts.models import Proxy
from audit.models import Event
from launch.context import make_launch
from launch.models import LaunchContext
from oauth.authorization_steps import AskConsent, next_step
from oauth.models import AuthorizationRequest, Consent, Grant
from oauth.tokens import codes
from tests.oauth.console import act
from tests.oauth.ehr import make_ehr, post
from tests.oauth.flow import REDIRECT_URI, Flow, answer_of, make_client, make_user, run_authorization_code
from tests.oauth.services import make_service
from tests.oauth.timeline import detail, events, kinds, only_attempt, refusal, shown_reference, sign_in, told

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("CONTRACT: an authorization attempt is one timeline"),
]

LAUNCH_URL = "https://app.example.org/launch"
OTHER = "https://elsewhere.example/fhir"


def test_an_ehr_launch_is_one_timeline_from_the_portal_to_the_code(records: None) -> None:
    app, _ = make_client(launch_url=LAUNCH_URL)
    doctor = make_user("Practitioner/d1")
    flow = Flow(app, doctor, scope="launch patient/Observation.rs patient/Condition.rs nonsense")
    gone = flow.browser.post(f"/launch/{app.pk}/amy/", {"encounter": "amy-1"})["Location"]
    [launch] = parse_qs(urlsplit(gone).query)["launch"]
    code = flow.code(launch=launch, nonce="n-0S6_WzA2Mj", untick=("patient/Condition.rs",))
    attempt = LaunchContext.objects.get().attempt
    assert only_attempt() == attempt == Grant.objects.get().attempt
    assert kinds(attempt) == ["launch", "request", "sign-in", "context", "consent", "code"]
    assert {event.outcome for event in events(attempt)} == {"allowed"}
    assert {(event.client, event.patient) for event in events(attempt)} == {(app.client_id, "amy")}
    people = {event.person for event in events(attempt) if event.kind != "request"}
    assert people == {str(doctor.uid)}
    assert {event.address for event in events(attempt)} == {"127.0.0.1"}
    for event in events(attempt):
        assert {"rule", "expected", "received"} <= set(detail(event)), event.kind
        assert event.time > 0
    launched = told(attempt, "launch")
    assert (launched["source"], launched["encounter"]) == ("portal", "amy-1")
    request = told(attempt, "request")
    assert (request["launch"], request["pkce"], request["redirect_uri"]) == ("yes", "S256", REDIRECT_URI)
    assert request["granted"] == "launch patient/Observation.rs patient/Condition.rs"
    assert request["left_out"] == "nonsense is not a scope"
    assert request["rule"].startswith("check_client, check_redirect_uri, ")
    context = told(attempt, "context")
    assert (context["how"], context["encounter"]) == ("from the launch", "amy-1")
    assert context["received"] == "Patient/amy"
    consent = told(attempt, "consent")
    assert (consent["how"], consent["declined"]) == ("answered", "patient/Condition.rs")
    assert consent["lasts"].startswith("until ")
    assert told(attempt, "code")["seconds"] == 60
    assert flow.exchange(code).status_code == 200


@pytest.mark.requirement("CONTRACT: secrets are masked")
def test_no_event_holds_what_could_open_anything(records: None) -> None:
    app, secret = make_client(launch_url=LAUNCH_URL, confidential=True)
    doctor = make_user("Practitioner/d1")
    flow = Flow(app, None, secret=secret, scope="launch openid patient/*.rs")
    launch = make_launch(app, doctor, patient="amy")
    asked = {"launch": launch.pk, "nonce": "n-0S6_WzA2Mj", "login_hint": "somebody-hinted"}
    consent = sign_in(flow, flow.authorize(**asked), doctor)
    code = answer_of(flow.decide(consent))["code"]
    flow.authorize(**asked)
    flow.authorize(redirect_uri=f"https://ada:hunter2@app.example.org/?code={code}", **asked)
    flow.authorize(aud=f"https://x.example/?token={flow.state}", **asked)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM audit_event")
        written = "\n".join(str(row) for row in cursor.fetchall())
    stored = AuthorizationRequest.objects.get()
    parts = [code, launch.pk, flow.state, flow.verifier, stored.one("code_challenge"), stored.pk, secret]
    parts += ["n-0S6_WzA2Mj", "somebody-hinted", "hunter2", "correct horse battery"]
    parts.append(flow.browser.cookies[settings.SESSION_COOKIE_NAME].value)
    assert Event.objects.count() > 8
    assert [part for part in parts if part in written] == []


def test_a_standalone_launch_with_sign_in_and_pick_is_one_timeline(records: None) -> None:
    app, _ = make_client()
    doctor = make_user("Practitioner/d1")
    flow = Flow(app, None, scope="openid launch/patient launch/encounter patient/*.rs")
    page = flow.authorize()
    attempt = only_attempt()
    assert flow.browser.session["attempt"] == attempt
    sign_in(flow, page, doctor, "a wrong password")
    assert (events(attempt)[-1].kind, events(attempt)[-1].outcome) == ("sign-in", "refused")
    picker = sign_in(flow, page, doctor)
    picker = flow.pick(picker, "nobody")
    assert picker.status_code == 400
    encounters = flow.pick(picker, "amy")
    wrong = flow.browser.post(encounters.request["PATH_INFO"], {"encounter": "ben-1"})  # type: ignore[attr-defined]
    assert wrong.status_code == 400
    right = flow.browser.post(encounters.request["PATH_INFO"], {"encounter": "amy-1"})  # type: ignore[attr-defined]
    consent = flow.follow(right)
    assert answer_of(flow.decide(consent))["code"]
    assert "attempt" not in flow.browser.session
    assert kinds(attempt) == ["request", "sign-in", "context", "consent", "code"]
    assert LaunchContext.objects.get().attempt == attempt
    proof = told(attempt, "sign-in")
    assert proof["how"] == "password"
    assert proof["auth_time"].endswith("+00:00")
    context = [(event.outcome, detail(event)) for event in events(attempt) if event.kind == "context"]
    assert [outcome for outcome, _ in context] == ["refused", "allowed", "refused", "allowed"]
    assert (context[0][1]["rule"], context[0][1]["received"]) == ("pick_patient", "nobody")
    assert (context[1][1]["how"], context[1][1]["received"]) == ("picked", "Patient/amy")
    assert context[2][1]["cause"] == "The encounter that came from the picker is none of Patient/amy."
    assert (context[3][1]["how"], context[3][1]["encounter"]) == ("picked", "amy-1")
    shown = [detail(event).get("how") for event in events(attempt) if event.kind == "consent"]
    assert shown == ["shown", "answered"]


def test_the_only_patient_and_a_remembered_consent_need_no_page_and_are_told(records: None) -> None:
    app, _ = make_client()
    mother = make_user("RelatedPerson/r1")
    Proxy.objects.create(user=mother, patient="ben")
    run_authorization_code(app, mother, "patient/*.rs")
    assert answer_of(Flow(app, mother, scope="patient/*.rs").authorize())["code"]
    attempt = AuthorizationRequest.objects.latest("created").attempt
    assert kinds(attempt) == ["request", "sign-in", "context", "consent", "code"]
    assert told(attempt, "context")["how"] == "the only patient there is for this person"
    assert told(attempt, "consent")["how"] == "remembered"


def test_scopes_that_staff_approved_in_advance_are_told_so() -> None:
    app, _ = make_client(auto_approved_scope="openid")
    assert answer_of(Flow(app, make_user(), scope="openid").authorize())["code"]
    assert told(only_attempt(), "consent")["how"] == "approved in advance"


def test_what_is_left_out_of_the_context_is_told(records: None) -> None:
    app, _ = make_client()
    doctor = make_user("Practitioner/d1")
    flow = Flow(app, doctor, scope="user/*.rs launch/patient launch/encounter")
    picker: Any = flow.authorize()
    flow.follow(flow.browser.post(picker.request["PATH_INFO"], {"without": "1"}))
    context = told(only_attempt(), "context")
    assert context["how"] == "the person chose no patient"
    assert context["dropped"] == "launch/patient launch/encounter"
    assert context["received"] == "no patient"


def test_two_tabs_at_once_tell_each_step_once() -> None:
    app, _ = make_client()
    doctor = make_user("Practitioner/d1")
    launch = make_launch(app, doctor, patient="p1")
    flow = Flow(app, doctor, scope="launch patient/*.rs", extra={"launch": launch.pk})
    flow.browser.get("/oauth/authorize", flow.parameters())
    tabs = [AuthorizationRequest.objects.get() for _ in range(2)]
    request: Any = RequestFactory().get("/")
    request.user, request.session = doctor, flow.browser.session
    for tab in tabs:
        assert isinstance(next_step(request, tab), AskConsent)
    assert [event.kind for event in events(launch.attempt)] == ["request", "sign-in", "context"]


def test_steps_stand_or_fall_with_what_they_tell_of(monkeypatch: pytest.MonkeyPatch) -> None:
    app, _ = make_client()
    flow = Flow(app, make_user(), scope="openid")
    page = flow.authorize()

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the trail cannot be written")

    monkeypatch.setattr(codes, "step_of", fail)
    with pytest.raises(RuntimeError):
        flow.decide(page)
    assert not Grant.objects.exists()
    assert not Consent.objects.exists()
    assert AuthorizationRequest.objects.get().finished is None
    monkeypatch.undo()
    monkeypatch.setattr("oauth.views.authorize.step", fail)
    with pytest.raises(RuntimeError):
        flow.authorize()
    assert AuthorizationRequest.objects.count() == 1


def test_the_portal_tells_of_launches_that_it_refuses(records: None) -> None:
    app, _ = make_client(launch_url=LAUNCH_URL, scope="launch patient/*.rs")
    asleep, _ = make_client(launch_url=LAUNCH_URL, status="suspended")
    amy = make_user("Patient/amy")
    browser = Flow(app, amy).browser
    said = {
        f"/launch/{app.pk}/ben/": ("patient_right", "(Patient/amy) has no right to Patient/ben: patients"),
        f"/launch/{asleep.pk}/amy/": ("launchable_app", "is not live but suspended."),
        f"/launch/{asleep.pk}/": ("launchable_app", "is not live but suspended."),
        "/launch/999999/amy/": ("launchable_app", "No client is registered by this name."),
        f"/launch/{app.pk}/without-patient": ("without_patient", "nothing that works without a patient."),
    }
    for path, (rule, cause) in said.items():
        answer = browser.post(path) if not path.endswith(f"{asleep.pk}/") else browser.get(path)
        assert answer.status_code == 404, path
        assert refusal(answer)[:2] == ("launch", rule), path
        assert cause in refusal(answer)[2], path
        [event] = events(shown_reference(answer))
        assert event.person == str(amy.uid)
    browser.post(f"/launch/{app.pk}/amy/", {"records": "Observation/of-ben"})
    assert detail(Event.objects.latest("id"))["rule"] == "further_context"
    wrong = browser.post(f"/launch/{app.pk}/amy/", {"encounter": "ben-1"})
    assert (wrong.status_code, refusal(wrong)[1]) == (400, "encounter")
    assert not LaunchContext.objects.exists()


def test_an_external_ehr_begins_a_timeline_and_its_refusals_are_told(records: None) -> None:
    app, _ = make_client(launch_url=LAUNCH_URL)
    stranger, _ = make_client(launch_url=LAUNCH_URL)
    ehr = make_ehr(app)
    doctor = make_user("Practitioner/d1")
    launch = ehr.launch(patient="amy", encounter="amy-1")
    [event] = events(launch.attempt)
    assert (event.kind, event.person, event.patient) == ("launch", str(doctor.uid), "amy")
    maker = ehr.service.application.client_id
    assert (detail(event)["source"], detail(event)["made_by"]) == ("external EHR", maker)
    without = make_service()
    answer = post(json.dumps(ehr.body()), without.bearer("system/*.rs"))
    last = Event.objects.filter(kind="launch").latest("id")
    assert (answer.status_code, last.status, detail(last)["rule"]) == (403, 403, "launch_context_scope")
    assert detail(last)["made_by"] == without.application.client_id
    causes = {}
    asleep, _ = make_client(launch_url=LAUNCH_URL, status="draft")
    for asked in (
        {"client_id": stranger.client_id},
        {"client_id": asleep.client_id},
        {"client_id": "unknown"},
        {"user": "nobody"},
        {"patient": "nobody"},
        {"patient": "amy", "encounter": "ben-1"},
        {"nonsense": True},
    ):
        answer = ehr.ask(**asked)
        code = json.loads(answer.content)["error_description"].rpartition("(reference ")[2].rstrip(")")
        [event] = events(code)
        assert (event.kind, event.outcome, event.status) == ("launch", "refused", 400)
        causes[detail(event)["rule"], detail(event)["cause"]] = event.client
    assert causes == {
        (
            "may_launch",
            f"{maker} may not launch {stranger.client_id}: staff have not named it in its registration.",
        ): stranger.client_id,
        ("may_launch", f"The client {asleep.client_id} is not live but draft."): asleep.client_id,
        ("may_launch", "No client is registered by this name."): "",
        ("user", "No account has the user name, sub or FHIR user that was sent."): app.client_id,
        (
            "patient_right",
            f"{doctor.uid} (Practitioner/d1) has no right to Patient/nobody: the record is not there, or out"
            " of their reach.",
        ): app.client_id,
        ("encounter", "The encounter that was sent is none of Patient/amy."): app.client_id,
        ("invalid_request", "'nonsense' is not a member of a launch context."): "",
    }


def test_what_is_taken_back_is_told_by_whom(staff: Browser) -> None:
    app, _ = make_client()
    user = make_user("Patient/p1")
    run_authorization_code(app, user, "patient/*.rs")
    Flow(app, user).browser.post("/oauth/manage/revoke", {"client_id": app.client_id})
    run_authorization_code(app, user, "patient/*.rs")
    consent = Consent.objects.get(withdrawn__isnull=True)
    act(staff, "consent", "withdraw_selected", consent.pk)
    by_person, by_staff = Event.objects.filter(kind="revocation").order_by("id")
    assert (by_person.person, by_person.client, by_person.patient) == (str(user.uid), app.client_id, "p1")
    assert detail(by_person)["by"] == "person"
    assert (by_staff.client, by_staff.patient) == (app.client_id, "p1")
    assert by_staff.person != str(user.uid)
    assert detail(by_staff) == {
        "by": "staff",
        "of": str(user.uid),
        "consent": consent.pk,
        "scope": "patient/*.rs",
    }
