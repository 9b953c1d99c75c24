"""Native apps, as RFC 8252 has them: where they are answered, and that people are asked each time."""

from typing import Any

import pytest
from django.test import Client as Browser
from pytest_django import Settings

from oauth.clients.metadata import BadMetadata, fill
from oauth.models import Application, Consent
from tests.oauth.flow import Flow, answer_of, ensure_keys, make_user

pytestmark = pytest.mark.django_db

RFC8252 = "https://www.rfc-editor.org/rfc/rfc8252"
SCOPE = "openid patient/Observation.rs offline_access"
LOOPBACK_4 = ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb")
LOOPBACK_6 = ("http://[::1]/cb", "http://[::1]:51004/cb")
PRIVATE = ("com.example.app:/cb", "com.example.app:/cb")
CLAIMED = ("https://app.example.org/cb", "https://app.example.org/cb")
UNCLAIMED = [LOOPBACK_4, LOOPBACK_6, PRIVATE]


@pytest.fixture(autouse=True)
def as_in_production(settings: Settings) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = False


def native(*uris: str, **metadata: Any) -> Application:
    """A live native app, registered as every client is."""
    ensure_keys()
    said = {
        "client_name": "Pocket Chart",
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "redirect_uris": list(uris),
        "scope": SCOPE,
        "status": "live",
        **metadata,
    }
    application = fill(Application(), said)
    application.save()
    return application


def is_asked(page: Any) -> bool:
    """Whether this is the consent page."""
    return page.status_code == 200 and 'name="decision"' in page.content.decode()


@pytest.mark.requirement(f"{RFC8252}#section-7")
@pytest.mark.parametrize(("registered", "used"), [*UNCLAIMED, CLAIMED])
def test_a_native_app_goes_the_whole_way_from_the_request_to_a_refreshed_token(
    registered: str, used: str
) -> None:
    flow = Flow(native(registered), make_user(), SCOPE, redirect_uri=used)
    page = flow.authorize()
    assert is_asked(page)
    code = answer_of(flow.decide(page))["code"]
    tokens = flow.exchange(code).json()  # type: ignore[attr-defined]
    assert tokens["scope"] == SCOPE
    refreshed = flow.refresh(tokens["refresh_token"])
    assert refreshed.status_code == 200
    assert refreshed.json()["access_token"] != tokens["access_token"]  # type: ignore[attr-defined]


@pytest.mark.requirement(f"{RFC8252}#section-8.6")
@pytest.mark.parametrize(("registered", "used"), UNCLAIMED)
@pytest.mark.parametrize("metadata", [{}, {"auto_approved_scope": SCOPE}, {"consent_policy": "remember"}])
def test_consent_is_never_skipped_for_an_app_that_owns_no_https_address(
    registered: str, used: str, metadata: dict[str, Any]
) -> None:
    application, person = native(registered, **metadata), make_user()
    for _ in range(2):
        flow = Flow(application, person, SCOPE, redirect_uri=used)
        page = flow.authorize()
        assert is_asked(page)
        assert flow.exchange(answer_of(flow.decide(page))["code"]).status_code == 200
    fewer = Flow(application, person, "openid", redirect_uri=used)
    assert is_asked(fewer.authorize())


@pytest.mark.requirement(f"{RFC8252}#section-8.6")
@pytest.mark.parametrize(("registered", "used"), UNCLAIMED)
@pytest.mark.parametrize("metadata", [{}, {"auto_approved_scope": SCOPE}])
def test_without_a_page_such_an_app_gets_no_code(
    registered: str, used: str, metadata: dict[str, Any]
) -> None:
    application, person = native(registered, **metadata), make_user()
    first = Flow(application, person, SCOPE, redirect_uri=used)
    assert first.exchange(first.code()).status_code == 200
    silent = Flow(application, person, SCOPE, redirect_uri=used)
    assert answer_of(silent.authorize(prompt="none"))["error"] == "consent_required"
    nobody = Flow(application, None, SCOPE, redirect_uri=used)
    assert answer_of(nobody.authorize(prompt="none"))["error"] == "login_required"
    clinician = Flow(application, make_user("Practitioner/d1"), SCOPE, redirect_uri=used)
    assert answer_of(clinician.authorize(prompt="none"))["error"] == "interaction_required"


@pytest.mark.requirement(f"{RFC8252}#section-7.2")
def test_the_consent_to_an_app_with_a_claimed_https_address_is_remembered() -> None:
    application, person = native(CLAIMED[0]), make_user()
    flow = Flow(application, person, SCOPE, redirect_uri=CLAIMED[1])
    assert flow.exchange(flow.code()).status_code == 200
    again = Flow(application, person, SCOPE, redirect_uri=CLAIMED[1])
    assert answer_of(again.authorize(prompt="none"))["code"]


@pytest.mark.parametrize(("registered", "used"), UNCLAIMED)
def test_one_address_that_anybody_could_take_is_enough_to_be_asked(registered: str, used: str) -> None:
    application, person = native(CLAIMED[0], registered), make_user()
    flow = Flow(application, person, SCOPE, redirect_uri=CLAIMED[1])
    assert flow.exchange(flow.code()).status_code == 200
    for uri in (CLAIMED[1], used):
        assert is_asked(Flow(application, person, SCOPE, redirect_uri=uri).authorize())
    assert Consent.objects.count() == 1


@pytest.mark.requirement(f"{RFC8252}#section-8.1")
@pytest.mark.parametrize(("registered", "used"), UNCLAIMED)
@pytest.mark.parametrize("verifier", [None, "x" * 43])
def test_a_code_that_another_app_caught_is_worth_nothing_without_the_verifier(
    registered: str, used: str, verifier: str | None
) -> None:
    flow = Flow(native(registered), make_user(), SCOPE, redirect_uri=used)
    refused = flow.exchange(flow.code(), code_verifier=verifier)
    assert refused.status_code == 400
    assert refused.json()["error"] in ("invalid_grant", "invalid_request")  # type: ignore[attr-defined]


@pytest.mark.parametrize("missing", ["code_challenge", "code_challenge_method"])
def test_without_a_challenge_nobody_is_asked_anything(missing: str) -> None:
    flow = Flow(native(PRIVATE[0]), make_user(), SCOPE, redirect_uri=PRIVATE[1])
    assert answer_of(flow.authorize(**{missing: None}))["error"] == "invalid_request"


@pytest.mark.requirement(f"{RFC8252}#section-7.3")
def test_the_port_of_a_request_is_the_port_of_its_exchange() -> None:
    flow = Flow(native(LOOPBACK_4[0]), make_user(), SCOPE, redirect_uri="http://127.0.0.1:51004/cb")
    refused = flow.exchange(flow.code(), redirect_uri="http://127.0.0.1:51005/cb")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")  # type: ignore[attr-defined]


@pytest.mark.requirement(f"{RFC8252}#section-7.3")
@pytest.mark.parametrize("port", ["1", "80", "8080", "65535"])
def test_a_loopback_app_listens_on_whatever_port_it_gets(port: str) -> None:
    application, person = native(*(registered for registered, _ in (LOOPBACK_4, LOOPBACK_6))), make_user()
    for host in ("127.0.0.1", "[::1]"):
        uri = f"http://{host}:{port}/cb"
        flow = Flow(application, person, SCOPE, redirect_uri=uri)
        assert is_asked(flow.authorize())


@pytest.mark.requirement(f"{RFC8252}#section-8.3")
@pytest.mark.requirement(f"{RFC8252}#section-8.4")
@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost/cb",
        "http://localhost:51004/cb",
        "http://127.0.0.2/cb",
        "http://0.0.0.0/cb",
        "http://192.168.0.1/cb",
        "http://app.example.org/cb",
        "myapp:/cb",
        "myapp://cb",
        "com.example.app://cb",
        "com.example.app:/cb#x",
        "javascript:alert(1)",
        "file:///cb",
        "urn:ietf:wg:oauth:2.0:oob",
    ],
)
def test_no_other_address_is_registered_for_a_native_app(uri: str) -> None:
    with pytest.raises(BadMetadata, match="redirect_uris: "):
        native(uri)


@pytest.mark.requirement(f"{RFC8252}#section-7.3")
def test_localhost_is_for_development_where_settings_allow_it(settings: Settings) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    application = native("http://localhost:51004/cb")
    assert application.redirect_uri_allowed("http://localhost:51004/cb")
    assert not application.redirect_uri_allowed("http://localhost:51005/cb")


@pytest.mark.requirement(f"{RFC8252}#section-8.5")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt"])
def test_a_native_app_has_no_secret_that_everybody_could_take_out_of_it(method: str) -> None:
    with pytest.raises(BadMetadata, match="token_endpoint_auth_method: "):
        native(PRIVATE[0], token_endpoint_auth_method=method)


@pytest.mark.parametrize("kind", ["web", "browser"])
@pytest.mark.parametrize(("registered", "used"), UNCLAIMED)
def test_only_native_apps_have_addresses_that_anybody_could_take(
    kind: str, registered: str, used: str
) -> None:
    with pytest.raises(BadMetadata, match="redirect_uris: "):
        native(registered, application_type=kind)


@pytest.mark.parametrize(
    ("uris", "source"),
    [(LOOPBACK_4, "http://127.0.0.1:*"), (PRIVATE, "com.example.app:"), (CLAIMED, "https://app.example.org")],
)
def test_the_consent_page_lets_its_form_end_at_the_app_and_nowhere_else(
    uris: tuple[str, str], source: str
) -> None:
    flow = Flow(native(uris[0]), make_user(), SCOPE, redirect_uri=uris[1])
    page = flow.authorize()
    [allowed] = [
        each for each in page["Content-Security-Policy"].split("; ") if each.startswith("form-action")
    ]
    assert allowed == f"form-action 'self' {source}"
    answer = flow.decide(page)
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{uris[1]}?code=")


def test_where_a_policy_cannot_name_the_address_a_page_leads_back() -> None:
    flow = Flow(native(LOOPBACK_6[0]), make_user(), SCOPE, redirect_uri=LOOPBACK_6[1])
    answer = flow.decide(flow.authorize())
    assert answer.status_code == 200
    assert f'href="{LOOPBACK_6[1]}?code=' in answer.content.decode()
    assert answer_of(answer)["state"] == flow.state


@pytest.mark.parametrize(("registered", "used"), UNCLAIMED)
def test_what_goes_wrong_is_told_to_the_app_at_its_address(registered: str, used: str) -> None:
    flow = Flow(native(registered), make_user(), SCOPE, redirect_uri=used)
    answer = flow.authorize(aud="https://elsewhere.example.org/fhir")
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{used}?error=invalid_request")
    denied = answer_of(flow.decide(flow.authorize(), decision="deny"))
    assert denied["error"] == "access_denied"


def test_a_native_apps_pages_have_no_web_origin() -> None:
    application = native(*(registered for registered, _ in UNCLAIMED))
    assert application.allowed_origins == ""
    answer = Browser().options(
        "/oauth/token", headers={"Origin": "http://127.0.0.1:51004", "Access-Control-Request-Method": "POST"}
    )
    assert "Access-Control-Allow-Origin" not in answer
