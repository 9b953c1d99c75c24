"""The consent page: what it shows, what an answer grants, what is remembered."""

import html

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from oauth.models import Application, AuthorizationRequest, Consent, Grant, Scope
from tests.oauth.flow import Flow, answer_of, make_client, make_user, run_authorization_code, ticks

pytestmark = pytest.mark.django_db


def test_the_page_names_app_person_patient_and_each_scope_in_plain_words() -> None:
    client, _ = make_client(
        name="Lab Viewer", publisher="Example Health", logo_uri="https://app.example.org/logo.png"
    )
    page = Flow(
        client, make_user("Patient/p1"), scope="openid patient/Observation.rs offline_access"
    ).authorize()
    text = html.unescape(page.content.decode())
    for words in (
        "Lab Viewer",
        "Example Health",
        "https://app.example.org/logo.png",
        "Ada Lovelace",
        "p1",
        "Know that it is you who signed in",
        "Read and search lab results, vital signs and other observations in your own record",
        "until you take it back",
    ):
        assert words in text
    assert ticks(page) == ["patient/Observation.rs", "offline_access"]


def test_a_page_with_many_scopes_takes_no_more_statements_than_one_with_few() -> None:
    client, _ = make_client()
    counts = []
    for scope in (
        "openid patient/Patient.rs",
        "openid fhirUser profile offline_access patient/*.rs patient/Patient.rs",
    ):
        flow = Flow(client, make_user("Patient/p1"), scope=scope)
        address = flow.authorize().request["PATH_INFO"]  # type: ignore[attr-defined]
        with CaptureQueriesContext(connection) as captured:
            assert flow.browser.get(address).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


@pytest.mark.requirement("SMART-370")
def test_a_scope_with_a_query_is_shown_in_plain_words_and_granted_as_it_is() -> None:
    client, _ = make_client()
    asked = "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
    page = Flow(client, make_user("Patient/p1"), scope=f"openid {asked}").authorize()
    text = html.unescape(page.content.decode())
    assert "Read and search only laboratory results in your own record" in text
    assert ticks(page) == [asked]
    tokens = run_authorization_code(client, make_user("Patient/p2"), f"openid {asked}").tokens
    assert tokens["scope"] == f"openid {asked}"


def test_the_catalogues_own_words_and_mark_are_shown() -> None:
    client, _ = make_client()
    Scope.objects.update_or_create(
        pattern="offline_access", defaults={"description": "Stay.", "sensitive": True}
    )
    text = Flow(client, make_user(), scope="offline_access").authorize().content.decode()
    assert "Stay." in text
    assert "sensitive" in text


def test_text_of_an_app_is_never_markup() -> None:
    client, _ = make_client(name="<script>alert(1)</script>")
    text = Flow(client, make_user()).authorize().content.decode()
    assert "<script" not in text


def test_only_what_is_ticked_is_granted() -> None:
    client, _ = make_client()
    tokens = run_authorization_code(
        client,
        make_user(),
        "openid patient/Observation.rs patient/Condition.rs",
        untick=("patient/Condition.rs",),
    ).tokens
    assert tokens["scope"] == "openid patient/Observation.rs"


@pytest.mark.requirement("trap: unticking every scope is a denial")
def test_nothing_ticked_is_a_denial() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user(), scope="openid patient/Observation.rs patient/Condition.rs")
    assert answer_of(flow.decide(flow.authorize(), untick=("*",)))["error"] == "access_denied"
    assert not Grant.objects.exists()
    assert not Consent.objects.exists()


def test_a_click_on_do_not_allow_is_a_denial() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user())
    answer = answer_of(flow.decide(flow.authorize(), decision="deny"))
    assert answer["error"] == "access_denied"
    assert answer["state"] == flow.state
    assert not Grant.objects.exists()


def test_signing_in_alone_needs_no_tick() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user(), scope="openid")
    assert answer_of(flow.decide(flow.authorize()))["code"]


@pytest.mark.requirement("trap: the consent POST reads the stored request only")
def test_fields_added_to_the_form_grant_nothing_more() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user(), scope="openid patient/Observation.rs")
    page = flow.authorize()
    smuggled = {
        "decision": "allow",
        "scope": ["patient/Observation.rs", "patient/*.cruds", "offline_access"],
        "redirect_uri": "https://evil.example.org/",
        "client_id": "other",
        "aud": "https://evil.example.org/fhir",
        "launch": "x",
        "state": "other",
        "code_challenge": "x",
    }
    path = page.request["PATH_INFO"]  # type: ignore[attr-defined]
    response = flow.browser.post(
        f"{path}?scope=user/*.cruds&redirect_uri=https://evil.example.org/", smuggled
    )
    assert response["Location"].startswith(f"{flow.redirect_uri}?")
    assert answer_of(response)["state"] == flow.state
    assert Grant.objects.get().scope == "openid patient/Observation.rs"


@pytest.mark.requirement("trap: our own consent POST is held to CSRF")
def test_a_consent_post_without_csrf_token_is_refused() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user(), browser=Browser(enforce_csrf_checks=True))
    page = flow.authorize()
    assert flow.decide(page).status_code == 403
    assert not Grant.objects.exists()


@pytest.mark.parametrize(
    ("redirect_uri", "source"),
    [
        ("https://app.example.org/callback", "https://app.example.org"),
        ("http://localhost:9001/cb", "http://localhost:9001"),
        ("org.example.app:/cb", "org.example.app:"),
    ],
)
@pytest.mark.requirement("trap: form-action names the client's origin on that page only")
def test_the_pages_form_may_end_at_the_app(redirect_uri: str, source: str) -> None:
    client, _ = make_client(redirect_uri=redirect_uri, application_type="native")
    flow = Flow(client, make_user(), redirect_uri=redirect_uri)
    page = flow.authorize()
    directives = dict(
        part.strip().split(" ", 1) for part in page["Content-Security-Policy"].split(";") if part.strip()
    )
    assert directives["form-action"].split() == ["'self'", source]
    assert "unsafe" not in page["Content-Security-Policy"]
    login = Browser().get("/accounts/login/")
    assert source not in login["Content-Security-Policy"]
    response = flow.decide(page)
    assert response["Location"].startswith(f"{redirect_uri}?")


def test_the_page_may_be_neither_framed_nor_stored() -> None:
    client, _ = make_client()
    page = Flow(client, make_user()).authorize()
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert "no-store" in page["Cache-Control"]


def test_the_same_request_is_not_asked_again() -> None:
    client, _ = make_client()
    user = make_user()
    run_authorization_code(client, user, "openid patient/*.rs")
    assert answer_of(Flow(client, user, scope="openid patient/Observation.r").authorize())["code"]
    assert Consent.objects.count() == 1


def test_more_scopes_are_asked_for() -> None:
    client, _ = make_client()
    user = make_user()
    run_authorization_code(client, user, "openid patient/Observation.rs")
    assert Flow(client, user, scope="openid patient/Condition.rs").authorize().status_code == 200


def test_what_was_declined_is_not_asked_again_and_never_given_unasked() -> None:
    client, _ = make_client()
    user = make_user()
    scope = "openid patient/Observation.rs patient/Condition.rs"
    run_authorization_code(client, user, scope, untick=("patient/Condition.rs",))
    flow = Flow(client, user, scope=scope)
    tokens = flow.exchange(answer_of(flow.authorize())["code"]).json()  # type: ignore[attr-defined]
    assert tokens["scope"] == "openid patient/Observation.rs"


def test_declining_later_takes_it_out_of_what_is_remembered() -> None:
    client, _ = make_client()
    user = make_user()
    scope = "openid patient/Observation.rs patient/Condition.rs"
    run_authorization_code(client, user, scope)
    run_authorization_code(client, user, scope, untick=("patient/Condition.rs",), prompt="consent")
    assert Consent.objects.get().scope == "openid patient/Observation.rs"


def test_a_withdrawn_consent_is_asked_again() -> None:
    client, _ = make_client()
    user = make_user()
    run_authorization_code(client, user, "openid")
    consent = Consent.objects.get()
    consent.withdrawn = consent.created
    consent.save()
    assert Flow(client, user, scope="openid").authorize().status_code == 200


def test_a_client_that_is_always_asked_is_asked() -> None:
    client, _ = make_client(consent_policy=Application.ConsentPolicy.ALWAYS)
    user = make_user()
    run_authorization_code(client, user, "openid")
    assert Flow(client, user, scope="openid").authorize().status_code == 200


@pytest.mark.requirement("RFC 8252 section 8.6")
def test_a_native_public_client_without_a_claimed_https_redirect_is_always_asked() -> None:
    uri = "org.example.app:/cb"
    client, _ = make_client(redirect_uri=uri, application_type="native")
    user = make_user()
    run_authorization_code(client, user, "openid")
    assert Flow(client, user, scope="openid", redirect_uri=uri).authorize().status_code == 200


@pytest.mark.requirement("trap: approval_prompt=auto does not skip consent")
def test_the_app_cannot_skip_consent() -> None:
    client, _ = make_client()
    for name in ("approval_prompt", "allow", "decision"):
        assert Flow(client, make_user()).authorize(**{name: "auto"}).status_code == 200
    assert not Grant.objects.exists()


def test_scopes_approved_in_advance_are_neither_shown_nor_asked() -> None:
    client, _ = make_client(auto_approved_scope="openid fhirUser")
    flow = Flow(client, make_user(), scope="openid fhirUser patient/*.rs")
    page = flow.authorize()
    assert ticks(page) == ["patient/*.rs"]
    assert flow.exchange(answer_of(flow.decide(page))["code"]).json()["scope"] == flow.scope  # type: ignore[attr-defined]


def test_an_old_request_does_not_use_a_consent_for_another_patient() -> None:
    client, _ = make_client()
    user = make_user("Patient/p1")
    run_authorization_code(client, user, "patient/*.rs")
    type(user).objects.filter(pk=user.pk).update(fhir_user="Patient/p2")
    user.refresh_from_db()
    assert Flow(client, user, scope="patient/*.rs").authorize().status_code == 200
    assert AuthorizationRequest.objects.latest("created").launch_context.patient == "p2"  # type: ignore[union-attr]


def test_a_request_approved_in_advance_as_a_whole_is_not_asked_and_still_recorded() -> None:
    client, _ = make_client(auto_approved_scope="openid patient/*.rs")
    user = make_user()
    answer = answer_of(Flow(client, user, scope="openid patient/Observation.rs").authorize())
    assert answer["code"]
    assert Consent.objects.get().scope == "openid patient/Observation.rs"
    page = Flow(client, user, scope="openid patient/Observation.rs").authorize(prompt="consent")
    assert page.status_code == 200
