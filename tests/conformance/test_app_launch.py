"""What the page on app launch demands, over HTTP.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html
"""

import html
import re
import secrets
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.test import Client as Browser

from oauth.models import Application, Grant
from tests.conformance.conftest import ask, found
from tests.oauth.flow import (
    REDIRECT_URI,
    Flow,
    answer_of,
    challenge_of,
    make_client,
    make_user,
    post_token,
    run_authorization_code,
)
from tests.oauth.issuing import issue, make_key

pytestmark = pytest.mark.django_db
LASTING = "openid patient/Observation.rs offline_access"
# RFC 6750 section 2.1, b64token.
BEARER = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


def claims(token: str) -> dict[str, Any]:
    """What an access token says; its signature is another test's matter."""
    said: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return said


@pytest.mark.requirement("SMART-14")
@pytest.mark.requirement("SMART-31")
def test_a_code_asked_for_with_s256_is_exchanged_for_its_verifier_alone() -> None:
    flow = Flow(make_client()[0], make_user())
    code = flow.code(code_challenge=challenge_of(flow.verifier), code_challenge_method="S256")
    for verifier in (None, "", flow.verifier[::-1], challenge_of(flow.verifier)):
        refused = flow.exchange(code, code_verifier=verifier)
        assert refused.status_code == 400
        assert "access_token" not in refused.json()  # type: ignore[attr-defined]
    assert flow.exchange(code).status_code == 200


@pytest.mark.requirement("SMART-15")
@pytest.mark.parametrize("method", ["plain", None])
def test_a_challenge_in_the_clear_is_refused(method: str | None) -> None:
    # As long as a SHA-256 in base64url is, so that nothing but the method is wrong.
    flow = Flow(make_client()[0], make_user(), verifier=secrets.token_urlsafe(32))
    answer = answer_of(flow.authorize(code_challenge=flow.verifier, code_challenge_method=method))
    assert answer["error"] == "invalid_request"
    assert not Grant.objects.exists()


@pytest.mark.requirement("SMART-18")
def test_nobody_is_sent_to_an_address_that_is_not_registered_in_full() -> None:
    flow = Flow(make_client(redirect_uri="https://app.example.org/callback?site=1")[0], make_user())
    for near in (
        "https://app.example.org/",
        "https://app.example.org/callback",
        "https://app.example.org/callback?site=1&more=2",
        "https://app.example.org/callback/?site=1",
        "https://evil.example.org/callback?site=1",
    ):
        answer = flow.authorize(redirect_uri=near)
        assert answer.status_code == 400
        assert "Location" not in answer
        assert near.removeprefix("https://") not in answer.content.decode()


@pytest.mark.requirement("SMART-24")
def test_a_registration_is_confirmed_with_what_was_registered_and_a_client_id() -> None:
    console = Browser()
    console.force_login(make_user("", is_staff=True, is_superuser=True))
    empty = console.get("/admin/oauth/application/add/").context["adminform"].form
    offered = {name: empty[name].value() for name in empty.fields if empty[name].value() is not None}
    said = {
        "name": "Lab Viewer",
        "redirect_uris": "https://app.example.org/callback",
        "launch_url": "https://app.example.org/launch",
        "scope": "launch patient/*.rs",
    }
    kind = {"application_type": "browser", "token_endpoint_auth_method": "none", "introspection": "none"}
    rows = {"secrets-TOTAL_FORMS": "0", "secrets-INITIAL_FORMS": "0"}
    form = {**offered, **said, **kind, **rows}
    assert console.post("/admin/oauth/application/add/", form).status_code == 302
    app = Application.objects.get()
    assert app.client_id == offered["client_id"]
    assert len(app.client_id) >= 20
    page = html.unescape(console.get(f"/admin/oauth/application/{app.pk}/change/").content.decode())
    for confirmed in (app.client_id, *" ".join(said.values()).split(" ")):
        assert confirmed in page


@pytest.mark.parametrize(
    "method",
    [
        pytest.param("get", marks=pytest.mark.requirement("SMART-48")),
        pytest.param(
            "post",
            marks=[pytest.mark.requirement("SMART-49"), pytest.mark.requirement("SMART-354")],
        ),
    ],
)
def test_the_authorization_endpoint_takes_get_and_post(method: str) -> None:
    flow = Flow(make_client()[0], make_user())
    first = getattr(flow.browser, method)("/oauth/authorize", flow.parameters())
    answer = answer_of(flow.decide(flow.follow(first)))
    assert answer["state"] == flow.state
    assert flow.exchange(answer["code"]).status_code == 200


@pytest.mark.requirement("SMART-53")
@pytest.mark.requirement("SMART-56")
@pytest.mark.requirement("SMART-57")
@pytest.mark.requirement("SMART-59")
@pytest.mark.parametrize("state", ["98wrghuwuogerg97", "a b&c=d%20+é?#/\\\"'", "0", "x" * 500])
def test_what_is_granted_goes_back_by_the_browser_as_a_code_with_the_very_state(state: str) -> None:
    flow = Flow(make_client()[0], make_user())
    response = flow.decide(flow.authorize(state=state))
    assert response.status_code == 302
    assert response["Location"].startswith(f"{REDIRECT_URI}?")
    answer = answer_of(response)
    assert "error" not in answer
    assert answer["state"] == state
    assert flow.exchange(answer["code"]).status_code == 200


@pytest.mark.requirement("SMART-54")
@pytest.mark.requirement("SMART-59")
def test_what_is_denied_goes_back_by_the_browser_as_an_error_with_the_very_state() -> None:
    flow = Flow(make_client()[0], make_user())
    response = flow.decide(flow.authorize(state="a b&c"), decision="deny")
    assert response["Location"].startswith(f"{REDIRECT_URI}?")
    answer = answer_of(response)
    assert (answer["error"], answer["state"]) == ("access_denied", "a b&c")
    assert "code" not in answer


@pytest.mark.requirement("SMART-73")
@pytest.mark.requirement("SMART-74")
@pytest.mark.requirement("SMART-75")
@pytest.mark.requirement("SMART-84")
@pytest.mark.requirement("SMART-85")
def test_the_token_response_is_json_with_a_bearer_token_that_works(clinic: None) -> None:
    flow = Flow(make_client()[0], make_user("Patient/amy"), scope="patient/Observation.rs")
    response = flow.exchange(flow.code())
    assert response["Content-Type"].startswith("application/json")
    tokens = response.json()  # type: ignore[attr-defined]
    assert tokens["token_type"] == "Bearer"
    assert BEARER.fullmatch(tokens["access_token"])
    assert ask(tokens, "Observation/amy-sugar").status_code == 200
    assert ask({"access_token": f"{tokens['access_token']}x"}, "Observation/amy-sugar").status_code == 401


@pytest.mark.requirement("SMART-73")
@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"code": "never given"}, 400, "invalid_grant"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "invalid_request"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"grant_type": "refresh_token", "refresh_token": "never given"}, 400, "invalid_grant"),
    ],
)
def test_a_refused_exchange_is_json_that_says_so(changes: dict[str, Any], status: int, error: str) -> None:
    flow = Flow(make_client()[0], make_user())
    response = flow.exchange(flow.code(), **changes)
    assert response.status_code == status
    assert response["Content-Type"].startswith("application/json")
    told = response.json()  # type: ignore[attr-defined]
    assert told["error"] == error
    assert "access_token" not in told


@pytest.mark.requirement("SMART-79")
@pytest.mark.requirement("SMART-145")
@pytest.mark.requirement("SMART-78")
def test_the_token_response_names_the_scope_granted_where_it_is_less_than_was_asked_for() -> None:
    client, _ = make_client(scope="openid patient/Observation.rs patient/Condition.rs")
    asked = "openid patient/*.rs user/*.rs"
    tokens = run_authorization_code(client, make_user(), asked, untick=("patient/Condition.rs",)).tokens
    assert set(tokens["scope"].split()) == {"openid", "patient/Observation.rs"}
    assert claims(tokens["access_token"])["scope"] == tokens["scope"]


@pytest.mark.requirement("SMART-92")
@pytest.mark.requirement("SMART-76")
@pytest.mark.requirement("SMART-88")
@pytest.mark.parametrize("seconds", [300, 900])
def test_how_long_a_token_lives_is_the_servers_to_say(seconds: int) -> None:
    client, _ = make_client(access_token_seconds=seconds)
    tokens = run_authorization_code(client, make_user(), "openid", expires_in="86400").tokens
    said = claims(tokens["access_token"])
    assert tokens["expires_in"] == said["exp"] - said["iat"] == seconds


@pytest.mark.requirement("SMART-81")
@pytest.mark.requirement("SMART-102")
@pytest.mark.requirement("SMART-89")
def test_a_refresh_token_is_given_where_person_and_registration_allow_it_and_not_else() -> None:
    def given(untick: tuple[str, ...] = (), **registered: Any) -> bool:
        client, _ = make_client(**registered)
        return "refresh_token" in run_authorization_code(client, make_user(), LASTING, untick=untick).tokens

    assert given()
    assert not given(untick=("offline_access",))
    assert not given(scope="openid patient/*.rs")
    assert not given(grant_types=["authorization_code"])


@pytest.mark.requirement("SMART-77")
@pytest.mark.requirement("SMART-94")
def test_the_api_takes_a_token_until_it_ends_and_no_longer(clinic: None) -> None:
    key, user = make_key(), make_user("Patient/amy")
    for seconds, status in ((60, 200), (-5, 401)):
        issued = issue(key, user, scope="patient/*.rs", patient="amy", seconds=seconds)
        answer = ask({"access_token": issued.token}, "Observation/amy-sugar")
        assert answer.status_code == status
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


@pytest.mark.requirement("SMART-96")
def test_only_this_servers_fhir_base_is_a_fitting_audience(clinic: None) -> None:
    flow = Flow(make_client()[0], make_user("Patient/amy"))
    for aud in (
        None,
        "",
        "https://fhir.example.org/fhir",
        f"{settings.FHIR_BASE}/Patient",
        settings.SITE_URL,
    ):
        assert answer_of(flow.authorize(aud=aud))["error"] == "invalid_request"
    token = flow.exchange(flow.code(aud=settings.FHIR_BASE)).json()  # type: ignore[attr-defined]
    assert claims(token["access_token"])["aud"] == settings.FHIR_BASE
    assert ask(token, "Patient/amy").status_code == 200
    other = issue(make_key(), make_user("Patient/amy"), patient="amy", aud="https://fhir.example.org/fhir")
    assert ask({"access_token": other.token}, "Patient/amy").status_code == 401


@pytest.mark.requirement("SMART-100")
def test_online_access_gives_new_tokens_as_long_as_the_person_stays_signed_in(clinic: None) -> None:
    flow = Flow(make_client()[0], make_user("Patient/amy"), scope="patient/*.rs online_access")
    tokens = flow.exchange(flow.code()).json()  # type: ignore[attr-defined]
    for _ in range(2):
        tokens = flow.refresh(tokens["refresh_token"]).json()  # type: ignore[attr-defined]
        assert ask(tokens, "Patient/amy").status_code == 200
    flow.browser.logout()
    assert flow.refresh(tokens["refresh_token"]).status_code == 400


@pytest.mark.requirement("SMART-101")
def test_offline_access_gives_new_tokens_while_the_person_is_away(clinic: None) -> None:
    flow = Flow(make_client()[0], make_user("Patient/amy"), scope="patient/*.rs offline_access")
    tokens = flow.exchange(flow.code()).json()  # type: ignore[attr-defined]
    flow.browser.logout()
    for _ in range(2):
        tokens = flow.refresh(tokens["refresh_token"]).json()  # type: ignore[attr-defined]
        assert ask(tokens, "Patient/amy").status_code == 200


@pytest.mark.requirement("SMART-103")
@pytest.mark.parametrize("confidential", [True, False])
def test_a_refresh_token_is_of_no_use_to_another_client(confidential: bool) -> None:
    mine, my_secret = make_client(confidential=confidential)
    tokens = run_authorization_code(mine, make_user(), LASTING, my_secret)
    other, secret = make_client(confidential=confidential)
    refused = Flow(other, None, secret=secret).refresh(tokens.tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")  # type: ignore[attr-defined]


@pytest.mark.requirement("SMART-116")
@pytest.mark.requirement("SMART-104")
def test_a_refresh_gives_the_first_tokens_claims_or_fewer(clinic: None) -> None:
    first = run_authorization_code(make_client()[0], make_user("Patient/amy"), LASTING)
    shown = first.tokens["refresh_token"]
    for more in ("patient/*.rs", f"{LASTING} user/*.rs", "patient/Observation.cruds"):
        assert first.flow.refresh(shown, scope=more).status_code == 400
    # What is no parameter of a refresh changes nothing.
    new = first.flow.refresh(shown, patient="ben", sub="x", aud="https://x.example.org").json()  # type: ignore[attr-defined]
    old_claims, new_claims = claims(first.access_token), claims(new["access_token"])
    differing = {name for name in old_claims | new_claims if old_claims.get(name) != new_claims.get(name)}
    assert differing <= {"exp", "iat", "jti"}
    assert found(new, "Observation") == {"amy-sugar", "amy-pulse"}


@pytest.mark.requirement("SMART-109")
@pytest.mark.requirement("SMART-110")
@pytest.mark.requirement("SMART-111")
@pytest.mark.requirement("SMART-112")
@pytest.mark.requirement("SMART-113")
@pytest.mark.requirement("SMART-114")
def test_a_refresh_without_a_scope_answers_with_every_member_and_the_scope_of_the_start(clinic: None) -> None:
    first = run_authorization_code(make_client()[0], make_user("Patient/amy"), LASTING)
    answer = first.flow.refresh(first.tokens["refresh_token"])
    tokens = answer.json()  # type: ignore[attr-defined]
    assert tokens["access_token"] != first.access_token
    assert ask(tokens, "Observation/amy-sugar").status_code == 200
    assert tokens["token_type"].lower() == "bearer"
    said = claims(tokens["access_token"])
    assert tokens["expires_in"] == said["exp"] - said["iat"] == settings.ACCESS_TOKEN_SECONDS
    assert tokens["scope"] == said["scope"] == first.tokens["scope"] == LASTING


@pytest.mark.requirement("SMART-115")
def test_a_refresh_names_what_was_granted_and_not_what_the_app_once_asked_for() -> None:
    client, _ = make_client()
    asked = f"{LASTING} patient/Condition.rs"
    first = run_authorization_code(client, make_user(), asked, untick=("patient/Condition.rs",))
    tokens = first.flow.refresh(first.tokens["refresh_token"]).json()  # type: ignore[attr-defined]
    assert tokens["scope"] == LASTING != asked
    client.scope = "openid offline_access"
    client.save()
    narrower = first.flow.refresh(tokens["refresh_token"]).json()  # type: ignore[attr-defined]
    assert narrower["scope"] == "openid offline_access"


@pytest.mark.requirement("SMART-17")
def test_a_page_of_a_registered_origin_goes_from_the_token_endpoint_to_the_data(clinic: None) -> None:
    home, stranger = "https://app.example.org", "https://evil.example.org"
    flow = Flow(make_client(allowed_origins=home)[0], make_user("Patient/amy"))
    form = {
        "grant_type": "authorization_code",
        "code": flow.code(),
        "client_id": flow.application.client_id,
        "redirect_uri": flow.redirect_uri,
        "code_verifier": flow.verifier,
    }
    answer = post_token(form, {"Origin": home})
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (200, home)
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}  # type: ignore[attr-defined]
    for origin, told in ((home, home), (stranger, None)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        asked["Access-Control-Request-Headers"] = "authorization"
        for reply in (
            Browser().get("/fhir/Patient/amy", headers={**bearer, "Origin": origin}),
            Browser().options("/fhir/Patient/amy", headers=asked),
        ):
            assert reply.get("Access-Control-Allow-Origin") == told
