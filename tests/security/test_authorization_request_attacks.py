"""Authorization requests and consents that somebody has tampered with: nothing is granted."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client as Browser

from oauth.models import AccessToken, Consent, Grant, RefreshToken
from tests.oauth.flow import Flow, answer_of, make_client, make_user

pytestmark = pytest.mark.django_db
SCOPE = "openid patient/Observation.rs"
REDIRECT = "https://app.example.org/cb"


def begun(**client: Any) -> Flow:
    """An app and a patient who is signed in."""
    application, _ = make_client(redirect_uri=client.pop("redirect_uri", REDIRECT), **client)
    return Flow(application, make_user("Patient/p1"), scope=SCOPE, redirect_uri=REDIRECT)


def nothing_is_granted() -> bool:
    """Whether there is neither code nor token nor consent."""
    return not any(model.objects.exists() for model in (Grant, AccessToken, RefreshToken, Consent))


def assert_refused_to_app(flow: Flow, error: str, **changes: Any) -> None:
    """The request goes back to the app with this error and the state, and nothing is granted."""
    answer = answer_of(flow.authorize(**changes))
    assert (answer["error"], answer["state"]) == (error, flow.state)
    assert "code" not in answer
    assert nothing_is_granted()


@pytest.mark.requirement("SMART 2.2 app-launch#request-4: aud")
@pytest.mark.parametrize(
    "aud",
    [
        None,
        "",
        "https://evil.example.org/fhir",
        settings.SITE_URL,
        f"{settings.FHIR_BASE}//",
        f"{settings.FHIR_BASE}/Patient",
        f"{settings.FHIR_BASE}?x",
        settings.FHIR_BASE.upper(),
        f"{settings.FHIR_BASE} https://evil.example.org/fhir",
    ],
)
def test_a_wrong_or_missing_aud_is_refused(aud: str | None) -> None:
    assert_refused_to_app(begun(), "invalid_request", aud=aud)


@pytest.mark.requirement("SMART 2.2 app-launch#considerations-for-pkce-support")
@pytest.mark.parametrize("confidential", [True, False])
@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge_method": "s256"},
        {"code_challenge": None},
        {"code_challenge": ""},
        {"code_challenge": "x" * 42},
        {"code_challenge": "x" * 43, "code_challenge_method": "plain"},
    ],
)
def test_pkce_plain_or_missing_is_refused(changes: dict[str, str | None], confidential: bool) -> None:
    assert_refused_to_app(begun(confidential=confidential), "invalid_request", **changes)


@pytest.mark.requirement("RFC 9700 section 2.1")
@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        f"{REDIRECT}/",
        f"{REDIRECT}?",
        f"{REDIRECT}#",
        f"{REDIRECT}?code=x",
        f"{REDIRECT} ",
        f"{REDIRECT}\x00",
        f"{REDIRECT}\r\nX-Header: y",
        "https://app.example.org/CB",
        "https://APP.example.org/cb",
        "https://app.example.org:443/cb",
        "https://app.example.org/%63b",
        "https://app.example.org/x/../cb",
        "https://app.example.org@evil.example.org/cb",
        "https://app.example.org\\@evil.example.org/cb",
        "https://app.example.org.evil.example.org/cb",
        "http://app.example.org/cb",
        "//app.example.org/cb",
        "javascript:alert(1)",
        f"{REDIRECT} https://other.example.org/cb",
        "/" * 20_000,
    ],
)
def test_an_unregistered_redirect_uri_gets_our_own_page_and_no_answer(uri: str | None) -> None:
    flow = begun(redirect_uris=f"{REDIRECT} https://other.example.org/cb")
    response = flow.browser.get("/oauth/authorize", flow.parameters(redirect_uri=uri))
    assert response.status_code == 400
    assert "Location" not in response.headers
    assert nothing_is_granted()


@pytest.mark.requirement("RFC 8252 section 7.3")
@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:80@evil.example.org/cb",
        "http://127.0.0.1.evil.example.org/cb",
        "http://127.0.0.1:1234567/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:1/cb/",
        "http://127.0.0.1:1/cb?x",
        "http://127.0.0.2/cb",
        "http://127.1/cb",
        "http://localhost/cb",
        "http://[::1]/cb",
        "https://127.0.0.1/cb",
        "org.example.app://cb",
        "org.example.app:/cb/x",
    ],
)
def test_a_native_apps_loopback_address_opens_no_other(uri: str) -> None:
    registered = "http://127.0.0.1/cb org.example.app:/cb"
    flow = begun(redirect_uris=registered, application_type="native")
    assert flow.browser.get("/oauth/authorize", flow.parameters(redirect_uri=uri)).status_code == 400
    known = flow.parameters(redirect_uri="http://127.0.0.1:50123/cb")
    assert flow.browser.get("/oauth/authorize", known).status_code == 302


@pytest.mark.parametrize("response_type", ["token", "code token", "code id_token", "xcodex", "CODE", "none"])
def test_only_code_is_a_response_type(response_type: str) -> None:
    assert_refused_to_app(begun(), "unsupported_response_type", response_type=response_type)


def test_to_untick_everything_is_to_deny() -> None:
    flow = begun()
    answer = answer_of(flow.decide(flow.authorize(), untick=("*",)))
    assert answer["error"] == "access_denied"
    assert nothing_is_granted()


@pytest.mark.parametrize("form", [{}, {"decision": "deny"}, {"decision": "Allow"}, {"allow": "true"}])
def test_an_answer_that_does_not_say_allow_is_a_denial(form: dict[str, str]) -> None:
    flow = begun()
    page: Any = flow.authorize()
    sent = flow.browser.post(page.request["PATH_INFO"], {"scope": "patient/Observation.rs", **form})
    assert answer_of(flow.follow(sent))["error"] == "access_denied"
    assert nothing_is_granted()


def test_a_tick_that_the_page_did_not_offer_grants_nothing() -> None:
    flow = begun()
    page: Any = flow.authorize()
    ticked = ["patient/*.cruds", "user/*.cruds", "system/*.cruds", "offline_access"]
    sent = flow.browser.post(page.request["PATH_INFO"], {"decision": "allow", "scope": ticked})
    assert answer_of(flow.follow(sent))["error"] == "access_denied"
    assert nothing_is_granted()


def test_what_else_the_consent_form_holds_is_not_read() -> None:
    flow = begun()
    other, _ = make_client()
    page: Any = flow.authorize()
    more = {
        "client_id": other.client_id,
        "redirect_uri": "https://evil.example.org/",
        "state": "other",
        "aud": "https://evil.example.org/fhir",
        "code_challenge": "x" * 43,
        "launch": "x",
    }
    form = {"decision": "allow", "scope": ["patient/Observation.rs", "patient/*.cruds"], **more}
    response = flow.follow(flow.browser.post(page.request["PATH_INFO"], form))
    assert response["Location"].startswith(f"{REDIRECT}?code=")
    answer = answer_of(response)
    assert answer["state"] == flow.state
    tokens: dict[str, Any] = flow.exchange(answer["code"]).json()  # type: ignore[attr-defined]
    assert set(tokens["scope"].split()) == {"openid", "patient/Observation.rs"}


def test_an_answered_consent_cannot_be_answered_again() -> None:
    flow = begun()
    page: Any = flow.authorize()
    flow.decide(page)
    form = {"decision": "allow", "scope": ["patient/Observation.rs"]}
    assert flow.browser.post(page.request["PATH_INFO"], form).status_code == 400
    assert Grant.objects.count() == 1


@pytest.mark.parametrize("fhir_user", ["Patient/p1", "Practitioner/d1", ""])
@pytest.mark.parametrize("path", ["", "/consent", "/patient", "/encounter"])
def test_a_request_is_worth_nothing_in_another_browser(path: str, fhir_user: str) -> None:
    flow = begun()
    page: Any = flow.authorize()
    address = page.request["PATH_INFO"].removesuffix("/consent") + path
    thief = Browser()
    if fhir_user:
        thief.force_login(make_user(fhir_user))
    assert thief.get(address).status_code == 400
    if path:
        assert (
            thief.post(address, {"decision": "allow", "scope": "patient/Observation.rs"}).status_code == 400
        )
    assert nothing_is_granted()


def test_who_signs_in_later_in_the_same_browser_cannot_finish_somebody_elses_request() -> None:
    flow = begun()
    page: Any = flow.authorize()
    flow.browser.force_login(make_user("Patient/p2"))
    form = {"decision": "allow", "scope": "patient/Observation.rs"}
    assert flow.browser.post(page.request["PATH_INFO"], form).status_code == 400
    assert nothing_is_granted()


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "https://evil.example.org"}, {"Origin": "null"}, {"Origin": settings.SITE_URL}]
)
def test_another_site_cannot_answer_for_a_person(headers: dict[str, str]) -> None:
    flow = begun()
    flow.browser.handler.enforce_csrf_checks = True
    page: Any = flow.authorize()
    address = page.request["PATH_INFO"]
    form = {"decision": "allow", "scope": "patient/Observation.rs"}
    assert flow.browser.post(address, form, headers=headers).status_code == 403
    assert flow.browser.post("/oauth/manage/revoke", {"client_id": "x"}, headers=headers).status_code == 403
    assert nothing_is_granted()


def test_the_consent_page_cannot_be_framed_or_stored() -> None:
    page = begun().authorize()
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert "no-store" in page["Cache-Control"]


@pytest.mark.parametrize("shortcut", [{"approval_prompt": "auto"}, {"prompt": "none"}, {"skip": "true"}])
def test_no_parameter_of_the_app_skips_the_consent(shortcut: dict[str, str]) -> None:
    flow = begun()
    response = flow.authorize(**shortcut)
    assert response.status_code == 200 or answer_of(response)["error"] == "consent_required"
    assert nothing_is_granted()


@pytest.mark.parametrize(
    "parameter",
    ["client_id", "redirect_uri", "scope", "state", "aud", "code_challenge", "response_type", "x"],
)
@pytest.mark.parametrize("fault", ["doubled", "oversized", "NUL"])
def test_a_malformed_parameter_is_refused_whatever_it_is(parameter: str, fault: str) -> None:
    flow = begun()
    good = str(flow.parameters().get(parameter, "y"))
    bad: Any = {"doubled": [good, good], "oversized": good + "a" * 17_000, "NUL": good + "\x00"}[fault]
    response = flow.browser.get("/oauth/authorize", flow.parameters(**{parameter: bad}))
    if parameter in ("client_id", "redirect_uri"):
        assert response.status_code == 400
    else:
        assert answer_of(response)["error"] == "invalid_request"
        assert ("state" in answer_of(response)) is (parameter != "state")
    posted = flow.browser.post("/oauth/authorize", flow.parameters(**{parameter: bad}))
    assert "code=" not in posted.get("Location", "")
    assert nothing_is_granted()
