"""One authorization attempt is one timeline, from the launch to the code, and staff find it by its code."""

import itertools
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client as Browser
from django.test import RequestFactory
from django.utils import timezone

from accounts.models import Proxy
from audit.models import Event
from launch.context import make_launch
from launch.models import LaunchContext
from oauth import codes
from oauth.authorization_steps import AskConsent, next_step
from oauth.models import Application, AuthorizationRequest, Consent, Grant
from tests.launch.conftest import encounter, patient, put
from tests.oauth.console import act
from tests.oauth.ehr import make_ehr, post
from tests.oauth.flow import REDIRECT_URI, Flow, answer_of, make_client, make_user, run_authorization_code
from tests.oauth.services import make_service
from tests.oauth.timeline import shown_reference as reference

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("CONTRACT: an authorization attempt is one timeline"),
]

LAUNCH_URL = "https://app.example.org/launch"
OTHER = "https://elsewhere.example/fhir"


@pytest.fixture
def records() -> None:
    """Amy, with an encounter, and Ben."""
    put(patient("amy", "Shaw", "Amy"))
    put(patient("ben", "Stone", "Ben"))
    put(encounter("amy-1", "amy", "2024-01-05"))


def steps(attempt: str) -> list[Event]:
    """The events under a reference code, in the order in which they were written."""
    return list(Event.objects.filter(attempt=attempt).order_by("time", "id"))


def kinds(attempt: str) -> list[str]:
    """Their kinds, one that comes several times in a row named once."""
    return [kind for kind, _ in itertools.groupby(event.kind for event in steps(attempt))]


def detail(event: Event) -> dict[str, Any]:
    """What is told of an event besides its columns."""
    return dict(json.loads(event.detail or "{}"))


def told(attempt: str, kind: str) -> dict[str, Any]:
    """The detail of the last step of this kind."""
    return detail([event for event in steps(attempt) if event.kind == kind][-1])


def refusal(answer: Any) -> tuple[str, str, str]:
    """Of the step that a refused answer's reference code ends in: kind, rule and cause."""
    last = steps(reference(answer))[-1]
    assert last.outcome == "refused"
    said = detail(last)
    return last.kind, said["rule"], said["cause"]


def only_attempt() -> str:
    """The reference code of the only authorization request there is."""
    return AuthorizationRequest.objects.get().attempt


def sign_in(flow: Flow, page: Any, user: Any, password: str = "correct horse battery") -> Any:
    """Answer the sign-in page; where that leads."""
    [back] = parse_qs(page.request["QUERY_STRING"])["next"]
    answer = {"login": user.username, "password": password, "next": back}
    return flow.follow(flow.browser.post(settings.LOGIN_URL, answer))


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
    assert {event.outcome for event in steps(attempt)} == {"allowed"}
    assert {(event.client, event.patient) for event in steps(attempt)} == {(app.client_id, "amy")}
    people = {event.person for event in steps(attempt) if event.kind != "request"}
    assert people == {str(doctor.uid)}
    assert {event.address for event in steps(attempt)} == {"127.0.0.1"}
    for event in steps(attempt):
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
    assert (steps(attempt)[-1].kind, steps(attempt)[-1].outcome) == ("sign-in", "refused")
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
    context = [(event.outcome, detail(event)) for event in steps(attempt) if event.kind == "context"]
    assert [outcome for outcome, _ in context] == ["refused", "allowed", "refused", "allowed"]
    assert (context[0][1]["rule"], context[0][1]["received"]) == ("pick_patient", "nobody")
    assert (context[1][1]["how"], context[1][1]["received"]) == ("picked", "Patient/amy")
    assert context[2][1]["cause"] == "The encounter that came from the picker is none of Patient/amy."
    assert (context[3][1]["how"], context[3][1]["encounter"]) == ("picked", "amy-1")
    shown = [detail(event).get("how") for event in steps(attempt) if event.kind == "consent"]
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
    assert [event.kind for event in steps(launch.attempt)] == ["request", "sign-in", "context"]


FAR = "https://app.example.org/callback is registered."


@pytest.mark.parametrize(
    ("changes", "rule", "cause"),
    [
        ({"client_id": "nobody"}, "check_client", "No client has this client_id."),
        ({"client_id": None}, "check_client", "client_id is missing."),
        (
            {"redirect_uri": f"{REDIRECT_URI}/"},
            "check_redirect_uri",
            f"redirect_uri differs from the registered one only by a trailing slash: {FAR}",
        ),
        (
            {"redirect_uri": f"{REDIRECT_URI}x"},
            "check_redirect_uri",
            "redirect_uri differs from the registered one only by one character of its path (/callbackx"
            f" instead of /callback): {FAR}",
        ),
        ({"nonce": ["one", "two"]}, "check_well_formed", "nonce came 2 times."),
        (
            {"response_type": "token"},
            "check_response_type",
            "response_type is token: it has to be code, as no other flow is served.",
        ),
        (
            {"code_challenge": None},
            "check_pkce_s256",
            "The app uses no PKCE: code_challenge is missing.",
        ),
        (
            {"code_challenge_method": "plain"},
            "check_pkce_s256",
            "code_challenge_method is plain: it has to be S256.",
        ),
        (
            {"aud": "http://testserver"},
            "check_aud",
            "aud is this server's address without /fhir: http://testserver/fhir is expected.",
        ),
        (
            {"scope": "patient/observation.rs"},
            "check_scope",
            "None of the asked scopes can be granted: patient/observation.rs is not a scope: perhaps"
            " patient/Observation.rs is meant.",
        ),
        (
            {"launch": "unknown"},
            "check_launch",
            "No launch has this launch value: it was never made here, or was removed after its time.",
        ),
        (
            {"prompt": "none login"},
            "check_prompt",
            "prompt has none together with other words, which contradict it.",
        ),
    ],
)
def test_a_request_that_breaks_a_rule_ends_in_its_step_with_its_cause(
    changes: dict[str, Any], rule: str, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    app, _ = make_client()
    flow = Flow(app, None)
    answer = flow.authorize(**changes)
    assert refusal(answer) == ("request", rule, cause)
    [event] = steps(reference(answer))
    assert event.client == ("" if rule == "check_client" else app.client_id)
    assert event.status == answer.status_code
    assert cause in caplog.text
    assert flow.state not in caplog.text
    assert cause not in answer.content.decode() + answer.get("Location", "")


@pytest.mark.parametrize(
    ("status", "cause"),
    [("draft", "is a draft, which"), ("suspended", "is suspended"), ("retired", "is retired")],
)
def test_a_client_that_is_not_live_is_told_to_staff_alone(status: str, cause: str) -> None:
    app, _ = make_client(status=status)
    answer = Flow(app, None).authorize()
    assert refusal(answer)[2].startswith(f"The client {app.client_id} {cause}")
    assert "not known to this server, or is not in use" in answer.content.decode()


def test_a_client_id_with_one_wrong_character_is_told_to_staff_alone() -> None:
    app, _ = make_client(client_id="growth-chart-7f3a", name="Growth Chart")
    make_client(client_id="growth-chart-7f3b-old")
    for received in ("growth-chart-7f3b", "Growth-Chart-7f3a", "gorwth-chart-7f3a", "growth-chart-7f3"):
        answer = Flow(app, None).authorize(client_id=received)
        assert "it differs from growth-chart-7f3a, that of Growth Chart, only by " in refusal(answer)[2]
        assert "growth-chart-7f3a" not in answer.content.decode()


def test_a_post_that_is_too_long_for_a_url_is_told() -> None:
    app, _ = make_client()
    flow = Flow(app, None)
    answer = flow.browser.post("/oauth/authorize", flow.parameters(nonce="n" * 70_000))
    assert refusal(answer)[:2] == ("request", "check_well_formed")
    assert "too long for a URL" in refusal(answer)[2]


def test_a_launch_that_is_used_a_second_time_is_an_attempt_of_its_own_that_names_the_first() -> None:
    app, _ = make_client()
    doctor = make_user("Practitioner/d1")
    launch = make_launch(app, doctor, patient="p1")
    flow = Flow(app, doctor, scope="launch patient/*.rs", extra={"launch": launch.pk})
    wrong: Any = flow.authorize(aud=OTHER)
    assert reference(wrong) == launch.attempt
    flow.authorize()
    again: Any = flow.authorize()
    assert reference(again) != launch.attempt
    kind, rule, cause = refusal(again)
    assert (kind, rule) == ("request", "check_launch")
    assert cause.startswith("The launch value was used before on ")
    assert cause.endswith(f", by attempt {launch.attempt}.")
    assert [event.outcome for event in steps(launch.attempt) if event.kind == "request"] == [
        "refused",
        "allowed",
    ]


def test_a_launch_that_another_request_claims_in_the_same_moment_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The launch seems to be free when it is looked up, and is taken when it is to be claimed."""
    app, _ = make_client()
    launch = make_launch(app, make_user("Practitioner/d1"), patient="p1")
    LaunchContext.objects.update(claimed_by="another", claimed_at=timezone.now())
    monkeypatch.setattr("oauth.authorize_facts.launch_refusal", lambda *_: "")
    answer = Flow(app, None, scope="launch patient/*.rs").authorize(launch=launch.pk)
    assert refusal(answer)[:2] == ("request", "check_launch")
    assert refusal(answer)[2].endswith(f"by attempt {launch.attempt}.")
    assert not AuthorizationRequest.objects.exists()
    assert not steps(launch.attempt)


def test_a_launch_of_another_client_or_after_its_time_is_told() -> None:
    app, _ = make_client()
    other, _ = make_client()
    doctor = make_user("Practitioner/d1")
    foreign, late = make_launch(other, doctor), make_launch(app, doctor)
    LaunchContext.objects.filter(pk=late.pk).update(expires=timezone.now())
    flow = Flow(app, doctor, scope="launch user/*.rs")
    answer: Any = flow.authorize(launch=foreign.pk)
    assert refusal(answer)[2] == (
        f"The launch value was made for another client, {other.client_id} (attempt {foreign.attempt})."
    )
    assert reference(answer) != foreign.attempt
    answer = flow.authorize(launch=late.pk)
    assert refusal(answer)[2].startswith("The launch value expired on ")
    assert reference(answer) == late.attempt


def test_a_launch_of_another_person_is_told_with_both() -> None:
    app, _ = make_client()
    meant, other = make_user("Practitioner/d1"), make_user("Practitioner/d2")
    launch = make_launch(app, meant, patient="p1")
    answer = Flow(app, other, scope="launch patient/*.rs").authorize(launch=launch.pk)
    assert refusal(answer) == (
        "sign-in",
        "launch_person",
        f"The launch was made for {meant.uid} (Practitioner/d1), and {other.uid} (Practitioner/d2) has"
        " signed in.",
    )
    assert reference(answer) == launch.attempt


def test_an_account_that_is_nobody_in_the_record_is_told() -> None:
    app, _ = make_client()
    person = make_user("", is_staff=True)
    answer = Flow(app, person).authorize()
    assert refusal(answer)[:2] == ("sign-in", "fhir_identity")
    assert str(person.uid) in refusal(answer)[2]


def test_a_right_to_the_patient_that_ended_is_told(records: None) -> None:
    app, _ = make_client()
    mother = make_user("RelatedPerson/r1")
    proxy = Proxy.objects.create(user=mother, patient="amy")
    launch = make_launch(app, mother, patient="amy")
    Proxy.objects.filter(pk=proxy.pk).update(ends=timezone.now() - timedelta(days=1))
    flow = Flow(app, mother, scope="launch patient/*.rs")
    kind, rule, cause = refusal(flow.authorize(launch=launch.pk))
    assert (kind, rule) == ("context", "patient_right")
    assert "(RelatedPerson/r1) has no right to Patient/amy: their proxy ended on " in cause
    kind, rule, cause = refusal(flow.authorize(scope="patient/*.rs"))
    assert (kind, rule) == ("context", "patient_right")
    assert cause.endswith("acts for nobody now: of 1 proxies none is in force.")


def test_an_encounter_that_is_not_there_is_told(records: None) -> None:
    app, _ = make_client()
    answer = Flow(app, make_user("Patient/ben"), scope="launch/encounter").authorize()
    assert refusal(answer)[:2] == ("context", "encounter")


@pytest.mark.parametrize(
    ("fhir_user", "changes", "kind", "cause"),
    [
        ("", {}, "sign-in", "nobody is signed in in this browser"),
        ("Practitioner/d1", {}, "context", "the person would have to choose a patient"),
        ("Patient/p1", {}, "consent", "no consent of this person to this client is in force"),
        ("Patient/p1", {"max_age": "1"}, "sign-in", "max_age is 1 seconds, and the person last proved"),
    ],
)
def test_a_page_that_prompt_none_forbids_is_told(
    fhir_user: str, changes: dict[str, str], kind: str, cause: str
) -> None:
    app, _ = make_client()
    user = make_user(fhir_user) if fhir_user else None
    flow = Flow(app, user, scope="patient/*.rs")
    if user is not None:
        type(user).objects.update(last_login=timezone.now() - timedelta(minutes=5))
    answer = flow.authorize(prompt="none", **changes)
    assert refusal(answer)[:2] == (kind, "prompt_none")
    assert refusal(answer)[2].startswith(f"prompt=none allows no page, but {cause}")
    assert reference(answer) == only_attempt()


@pytest.mark.parametrize(
    ("decision", "untick", "cause"),
    [
        ("deny", (), "The person declined."),
        ("allow", ("*",), "The person pressed Allow with nothing ticked."),
    ],
)
def test_a_consent_that_is_declined_is_told(decision: str, untick: tuple[str, ...], cause: str) -> None:
    app, _ = make_client()
    flow = Flow(app, make_user(), scope="patient/*.rs")
    answer = flow.decide(flow.authorize(), decision, untick=untick)
    assert refusal(answer) == ("consent", "consent", cause)
    assert kinds(only_attempt()) == ["request", "sign-in", "context", "consent"]


def browser_of(flow: Flow, whose: str) -> Browser:
    """The flow's own browser, "other": somebody else's, or "empty": one in which nobody is signed in."""
    if not whose:
        return flow.browser
    browser = Browser()
    if whose == "other":
        browser.force_login(make_user("Patient/p2"))
    return browser


@pytest.mark.parametrize(
    ("happens", "kind", "rule", "cause"),
    [
        ({"finished": timezone.now()}, "request", "check_open", "The request was completed on "),
        ({"expires": timezone.now()}, "request", "check_open", "The request expired on "),
        ({"user": "other"}, "sign-in", "check_person", "The request was begun by "),
        ({"browser": "other"}, "request", "check_binding", "The request was begun in another browser, or"),
        ({"browser": "empty"}, "request", "check_binding", "The browser sent no session in which a request"),
        ({"status": "suspended"}, "request", "check_client", "The client "),
    ],
)
def test_a_page_that_cannot_be_gone_on_with_ends_its_own_attempt(
    happens: dict[str, Any], kind: str, rule: str, cause: str
) -> None:
    happens = dict(happens)
    app, _ = make_client()
    flow = Flow(app, make_user())
    page: Any = flow.authorize()
    browser = browser_of(flow, happens.pop("browser", ""))
    if "status" in happens:
        Application.objects.update(**happens)
    elif happens:
        changes = {"user": make_user("Patient/p2")} if "user" in happens else happens
        AuthorizationRequest.objects.update(**changes)
    answer = browser.get(page.request["PATH_INFO"])
    assert reference(answer) == only_attempt()
    assert refusal(answer)[:2] == (kind, rule)
    assert refusal(answer)[2].startswith(cause)


def test_an_unknown_request_is_an_attempt_of_its_own() -> None:
    answer = Browser().get("/oauth/authorize/unknown")
    assert refusal(answer)[:2] == ("request", "check_binding")
    assert refusal(answer)[2].startswith("No authorization request has this id")


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
        [event] = steps(reference(answer))
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
    [event] = steps(launch.attempt)
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
        [event] = steps(code)
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
