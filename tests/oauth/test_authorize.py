"""GET and POST /oauth/authorize, up to the code."""

import logging
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone

from oauth.models import AccessToken, Application, AuthorizationRequest, Grant
from tests.oauth.flow import (
    REDIRECT_URI,
    Flow,
    answer_of,
    make_client,
    make_user,
    run_authorization_code,
)

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("SMART 2.2 app-launch#step-5-access-token")
def test_a_patient_comes_from_authorize_over_consent_to_tokens() -> None:
    client, _ = make_client()
    tokens = run_authorization_code(client, make_user("Patient/p1"), "openid fhirUser patient/*.rs").tokens
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == settings.ACCESS_TOKEN_SECONDS
    assert tokens["scope"] == "openid fhirUser patient/*.rs"
    assert tokens["patient"] == "p1"
    assert "refresh_token" not in tokens
    assert AccessToken.objects.get().scope == tokens["scope"]


@pytest.mark.requirement("RFC 9207 section 2")
def test_the_answer_has_code_state_and_iss_and_only_a_digest_of_the_code_is_kept() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user())
    response = flow.decide(flow.authorize(state="a b&c=d%"))
    assert response["Location"].startswith(f"{REDIRECT_URI}?")
    answer = answer_of(response)
    assert answer["state"] == "a b&c=d%"
    assert answer["iss"] == settings.SITE_URL
    assert not Grant.objects.filter(code=answer["code"]).exists()


def test_a_redirect_uri_with_a_query_keeps_it() -> None:
    client, _ = make_client(redirect_uri="https://app.example.org/cb?tenant=1")
    flow = Flow(client, make_user(), redirect_uri="https://app.example.org/cb?tenant=1")
    response = flow.decide(flow.authorize())
    assert parse_qs(urlsplit(response["Location"]).query)["tenant"] == ["1"]
    assert answer_of(response)["code"]


@pytest.mark.requirement("SMART 2.2 app-launch#request-4 (POST)")
def test_a_cross_site_post_becomes_a_get_and_touches_no_session() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user(), browser=Browser(enforce_csrf_checks=True))
    response = flow.browser.post("/oauth/authorize", flow.parameters())
    assert response.status_code == 303
    assert response["Location"].startswith("/oauth/authorize?")
    assert settings.SESSION_COOKIE_NAME not in response.cookies
    assert not AuthorizationRequest.objects.exists()
    page = flow.follow(response)
    assert page.request["PATH_INFO"].endswith("/consent")  # type: ignore[attr-defined]


def test_a_parameter_doubled_over_url_and_body_of_a_post_is_refused() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user())
    response = flow.follow(flow.browser.post("/oauth/authorize?scope=openid", flow.parameters()))
    assert answer_of(response)["error"] == "invalid_request"


@pytest.mark.requirement("SMART-18")
@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "nobody"},
        {"client_id": "x\x00y"},
        {"client_id": "x" * 5000},
        {"client_id": ["a", "b"]},
        {"redirect_uri": None},
        {"redirect_uri": REDIRECT_URI + "/"},
        {"redirect_uri": REDIRECT_URI + "?x=1"},
        {"redirect_uri": "https://evil.example.org/callback"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "http://[broken"},
        {"redirect_uri": REDIRECT_URI + "\x00"},
        {"redirect_uri": [REDIRECT_URI, REDIRECT_URI]},
    ],
)
def test_an_unproven_request_is_answered_on_our_own_page(
    changes: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    client, _ = make_client()
    with caplog.at_level(logging.WARNING, "oauth.refusals"):
        response = Flow(client, make_user()).authorize(**changes)
    assert response.status_code == 400
    body = response.content.decode()
    logged = next(record.getMessage() for record in caplog.records if record.name == "oauth.refusals")
    reference = logged.split("reference ")[1].split(":")[0]
    assert reference in body
    assert "rule check_client" in logged or "rule check_redirect_uri" in logged
    assert "error" not in urlsplit(response.get("Location", "")).query
    assert not AuthorizationRequest.objects.exists()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"aud": "https://evil.example.org/fhir"}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "patient/Nonsense.rs"}, "invalid_scope"),
        ({"scope": "patient/Observation.sr"}, "invalid_scope"),
        ({"scope": "openid  profile"}, "invalid_scope"),
        ({"scope": "launch"}, "invalid_scope"),
        ({"scope": "a\x00"}, "invalid_request"),
        ({"nonce": ["a", "b"]}, "invalid_request"),
        ({"nonce": "n" * 20_000}, "invalid_request"),
        ({"launch": "unknown"}, "invalid_request"),
        ({"launch": "x\x00"}, "invalid_request"),
        ({"launch": "x" * 5000}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "x"}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
    ],
)
@pytest.mark.requirement("RFC 6749 section 4.1.2.1")
def test_a_proven_request_with_a_fault_goes_back_to_the_app(
    changes: dict[str, Any], error: str, caplog: pytest.LogCaptureFixture
) -> None:
    client, _ = make_client()
    flow = Flow(client, None)
    with caplog.at_level(logging.WARNING, "oauth.refusals"):
        answer = answer_of(flow.authorize(**changes))
    assert answer["error"] == error
    assert answer["state"] == flow.state
    assert answer["iss"] == settings.SITE_URL
    assert answer["error_description"].split("(reference ")[1].rstrip(")") in caplog.text


def test_a_state_that_is_itself_at_fault_is_not_echoed() -> None:
    client, _ = make_client()
    answer = answer_of(Flow(client, None).authorize(state=["one", "two"]))
    assert answer["error"] == "invalid_request"
    assert "state" not in answer


def test_asked_scopes_are_narrowed_to_what_the_client_may_have() -> None:
    client, _ = make_client(scope="openid patient/Observation.rs patient/Condition.r")
    tokens = run_authorization_code(
        client, make_user(), "openid fhirUser patient/*.read user/*.rs nonsense"
    ).tokens
    assert set(tokens["scope"].split()) == {"openid", "patient/Observation.read", "patient/Condition.r"}


@pytest.mark.requirement("SMART 2.2 scopes-and-launch-context#scopes-for-requesting-fhir-resources (v1)")
def test_scopes_asked_as_v1_are_answered_as_v1() -> None:
    client, _ = make_client()
    tokens = run_authorization_code(client, make_user(), "patient/*.read patient/Observation.write").tokens
    assert tokens["scope"] == "patient/*.read patient/Observation.write"


def test_scopes_with_a_query_are_granted_where_every_word_of_it_is_understood() -> None:
    client, _ = make_client()
    asked = (
        "openid patient/Observation.rs?status=final patient/Observation.rs?nonsense=1 "
        "patient/*.rs?status=final"
    )
    tokens = run_authorization_code(client, make_user(), asked).tokens
    assert tokens["scope"] == "openid patient/Observation.rs?status=final"


def test_someone_not_signed_in_is_sent_to_sign_in_with_the_requests_id_only() -> None:
    client, _ = make_client()
    flow = Flow(client, None)
    response = flow.browser.get("/oauth/authorize", flow.parameters())
    response = flow.browser.get(response["Location"])
    stored = AuthorizationRequest.objects.get()
    assert response["Location"] == f"{settings.LOGIN_URL}?next=%2Foauth%2Fauthorize%2F{stored.pk}"


def test_after_sign_in_the_walk_goes_on_to_consent_and_code() -> None:
    client, _ = make_client()
    user = make_user()
    flow = Flow(client, None)
    page = flow.authorize()
    answer = {"login": user.username, "password": "correct horse battery", "next": _next(page)}
    consent = flow.follow(flow.browser.post(settings.LOGIN_URL, answer))
    assert consent.request["PATH_INFO"].endswith("/consent")  # type: ignore[attr-defined]
    assert answer_of(flow.decide(consent))["code"]


def test_after_sign_in_a_remembered_consent_goes_back_by_a_page_as_the_sign_in_form_may_not_lead_there() -> (
    None
):
    client, _ = make_client()
    user = make_user()
    run_authorization_code(client, user, "openid")
    flow = Flow(client, None, scope="openid")
    page = flow.authorize()
    answer = {"login": user.username, "password": "correct horse battery", "next": _next(page)}
    response = flow.follow(flow.browser.post(settings.LOGIN_URL, answer))
    assert response.status_code == 200
    assert flow.exchange(answer_of(response)["code"]).status_code == 200


def _next(page: Any) -> str:
    return str(parse_qs(page.request["QUERY_STRING"])["next"][0])


def test_the_request_is_worth_nothing_in_another_browser() -> None:
    client, _ = make_client()
    user = make_user()
    consent = Flow(client, user).authorize()
    other = Browser()
    other.force_login(user)
    assert other.get(consent.request["PATH_INFO"]).status_code == 400  # type: ignore[attr-defined]
    assert other.post(consent.request["PATH_INFO"], {"decision": "allow"}).status_code == 400  # type: ignore[attr-defined]
    assert not Grant.objects.exists()


def test_the_request_ends_after_half_an_hour() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user())
    consent = flow.authorize()
    stored = AuthorizationRequest.objects.get()
    assert timedelta(minutes=29) < stored.expires - timezone.now() <= timedelta(minutes=30)
    AuthorizationRequest.objects.update(expires=timezone.now())
    assert flow.decide(consent).status_code == 400
    assert not Grant.objects.exists()


def test_one_request_gives_one_code() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user())
    consent = flow.authorize()
    assert answer_of(flow.decide(consent))["code"]
    assert flow.decide(consent).status_code == 400
    assert Grant.objects.count() == 1


def test_a_client_suspended_meanwhile_gets_nothing() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user())
    consent = flow.authorize()
    Application.objects.update(status=Application.Status.SUSPENDED)
    assert flow.decide(consent).status_code == 400
    assert not Grant.objects.exists()


def test_a_request_of_one_person_is_not_gone_on_with_by_another() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user())
    consent = flow.authorize()
    AuthorizationRequest.objects.update(user=make_user("Patient/p2"))
    assert flow.decide(consent).status_code == 400
    assert not Grant.objects.exists()


def test_somebody_without_a_fhir_identity_gets_access_denied() -> None:
    client, _ = make_client()
    answer = answer_of(Flow(client, make_user("", is_staff=True)).authorize())
    assert answer["error"] == "access_denied"


@pytest.mark.requirement("OpenID Connect Core 3.1.2.1 prompt")
def test_prompt_none_without_a_signed_in_person_is_login_required() -> None:
    client, _ = make_client()
    assert answer_of(Flow(client, None).authorize(prompt="none"))["error"] == "login_required"


@pytest.mark.requirement("OpenID Connect Core 3.1.2.1 prompt")
def test_prompt_none_without_consent_is_consent_required() -> None:
    client, _ = make_client()
    assert answer_of(Flow(client, make_user()).authorize(prompt="none"))["error"] == "consent_required"


@pytest.mark.requirement("OpenID Connect Core 3.1.2.1 prompt")
def test_prompt_none_with_a_picker_to_show_is_interaction_required() -> None:
    client, _ = make_client()
    answer = answer_of(Flow(client, make_user("Practitioner/d1")).authorize(prompt="none"))
    assert answer["error"] == "interaction_required"


@pytest.mark.requirement("OpenID Connect Core 3.1.2.1 prompt")
def test_prompt_none_with_a_remembered_consent_gives_a_code_at_once() -> None:
    client, _ = make_client()
    user = make_user()
    run_authorization_code(client, user, "openid patient/*.rs")
    assert answer_of(Flow(client, user, scope="openid patient/*.rs").authorize(prompt="none"))["code"]


@pytest.mark.requirement("OpenID Connect Core 3.1.2.1 prompt")
def test_prompt_consent_asks_again_although_remembered() -> None:
    client, _ = make_client()
    user = make_user()
    run_authorization_code(client, user, "openid")
    page = Flow(client, user, scope="openid").authorize(prompt="consent")
    assert page.request["PATH_INFO"].endswith("/consent")  # type: ignore[attr-defined]


@pytest.mark.requirement("OpenID Connect Core 3.1.2.1 prompt")
def test_prompt_login_asks_for_the_password_again_and_then_goes_on() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user(), scope="openid")
    page = flow.authorize(prompt="login")
    assert page.request["PATH_INFO"] == "/accounts/reauthenticate/"  # type: ignore[attr-defined]
    form = {"password": "correct horse battery", "next": _next(page)}
    consent = flow.follow(flow.browser.post("/accounts/reauthenticate/", form))
    assert consent.request["PATH_INFO"].endswith("/consent")  # type: ignore[attr-defined]


@pytest.mark.requirement("OpenID Connect Core 3.1.2.1 prompt")
def test_max_age_asks_for_the_password_again_only_where_it_is_older() -> None:
    client, _ = make_client()
    user = make_user()
    flow = Flow(client, user, scope="openid")
    assert flow.authorize(max_age="60").request["PATH_INFO"].endswith("/consent")  # type: ignore[attr-defined]
    type(user).objects.update(last_login=timezone.now() - timedelta(minutes=5))
    again = flow.authorize(max_age="60")
    assert again.request["PATH_INFO"] == "/accounts/reauthenticate/"  # type: ignore[attr-defined]
    assert answer_of(flow.authorize(max_age="60", prompt="none"))["error"] == "login_required"


def test_login_hint_fills_in_the_user_name() -> None:
    client, _ = make_client()
    page = Flow(client, None).authorize(login_hint='ada"><script>')
    assert 'value="ada&quot;&gt;&lt;script&gt;"' in page.content.decode()
    assert "<script>" not in page.content.decode()


@pytest.mark.parametrize("request_id", ["x", "x%00", "x" * 3000, "%ff", "..%2f", "é"])
@pytest.mark.parametrize("page", ["", "/consent", "/patient", "/encounter"])
def test_an_unknown_request_id_is_a_calm_page(request_id: str, page: str) -> None:
    browser = Browser()
    browser.force_login(make_user())
    assert browser.get(f"/oauth/authorize/{request_id}{page}").status_code in (400, 404)


def test_resource_indicators_change_nothing() -> None:
    client, _ = make_client()
    result = run_authorization_code(client, make_user(), "openid", resource="https://elsewhere.example.org/")
    answer = Browser().get("/oauth/userinfo", headers=result.bearer)
    assert answer.status_code == 200


def test_the_toolkits_lax_defaults_are_not_ours(settings: Any) -> None:
    ours = settings.OAUTH2_PROVIDER
    assert ours["ACCESS_TOKEN_EXPIRE_SECONDS"] <= 3600
    assert ours["REFRESH_TOKEN_EXPIRE_SECONDS"] is not None
    assert ours["REFRESH_TOKEN_REUSE_PROTECTION"] is True
    assert ours["PKCE_REQUIRED"] is True
    assert ours["AUTHORIZATION_CODE_EXPIRE_SECONDS"] <= 60
    gates = [value for name, value in ours.items() if name.startswith("COMPLIANT_BCP_RFC9700")]
    assert len(gates) >= 9
    assert all(gates)
