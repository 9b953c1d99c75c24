"""What is refused between launch and code ends its timeline, at the right step and with its exact cause."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import Proxy
from launch.context import make_launch
from launch.models import LaunchContext
from oauth.models import Application, AuthorizationRequest
from tests.oauth.flow import REDIRECT_URI, Flow, make_client, make_user
from tests.oauth.timeline import events, kinds, only_attempt, refusal, shown_reference

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("CONTRACT: an authorization attempt is one timeline"),
]


LAUNCH_URL = "https://app.example.org/launch"
OTHER = "https://elsewhere.example/fhir"


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
    [event] = events(shown_reference(answer))
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
    assert shown_reference(wrong) == launch.attempt
    flow.authorize()
    again: Any = flow.authorize()
    assert shown_reference(again) != launch.attempt
    kind, rule, cause = refusal(again)
    assert (kind, rule) == ("request", "check_launch")
    assert cause.startswith("The launch value was used before on ")
    assert cause.endswith(f", by attempt {launch.attempt}.")
    assert [event.outcome for event in events(launch.attempt) if event.kind == "request"] == [
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
    assert not events(launch.attempt)


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
    assert shown_reference(answer) != foreign.attempt
    answer = flow.authorize(launch=late.pk)
    assert refusal(answer)[2].startswith("The launch value expired on ")
    assert shown_reference(answer) == late.attempt


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
    assert shown_reference(answer) == launch.attempt


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
    assert shown_reference(answer) == only_attempt()


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
    assert shown_reference(answer) == only_attempt()
    assert refusal(answer)[:2] == (kind, rule)
    assert refusal(answer)[2].startswith(cause)


def test_an_unknown_request_is_an_attempt_of_its_own() -> None:
    answer = Browser().get("/oauth/authorize/unknown")
    assert refusal(answer)[:2] == ("request", "check_binding")
    assert refusal(answer)[2].startswith("No authorization request has this id")
