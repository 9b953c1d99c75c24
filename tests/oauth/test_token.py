"""POST /oauth/token: exchanging a code, and what the tokens say."""

import base64
import hashlib
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone
from django.utils.http import urlencode

from accounts.models import Proxy
from launch.context import make_launch
from oauth.models import AccessToken, Consent, Grant, RefreshToken
from oauth.signing_keys import published_jwks
from tests.oauth.flow import Flow, make_client, make_user, post_token, run_authorization_code

pytestmark = pytest.mark.django_db


def claims_of(token: str, audience: str) -> dict[str, Any]:
    """The verified claims of one of our JWTs, by the published keys as a resource server has them."""
    keys = {key["kid"]: jwt.PyJWK(key) for key in published_jwks()["keys"]}
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=[key.algorithm_name], audience=audience)
    return claims


@pytest.mark.requirement("RFC 9068 section 2")
def test_the_access_token_is_a_signed_jwt_with_the_claims_that_resource_servers_need() -> None:
    client, _ = make_client()
    user = make_user("Patient/p1")
    result = run_authorization_code(client, user, "openid profile email patient/*.rs")
    header = jwt.get_unverified_header(result.access_token)
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    claims = claims_of(result.access_token, settings.FHIR_BASE)
    url = f"{settings.FHIR_BASE}/Patient/p1"
    jti = claims.pop("jti")
    assert claims.pop("exp") - claims.pop("iat") == settings.ACCESS_TOKEN_SECONDS
    assert claims == {
        "iss": settings.SITE_URL,
        "sub": str(user.uid),
        "aud": settings.FHIR_BASE,
        "client_id": client.client_id,
        "azp": client.client_id,
        "scope": "openid profile email patient/*.rs",
        "profile": url,
        "fhirUser": url,
        "patient": "p1",
    }
    row = AccessToken.objects.get(jti=jti)
    assert row.token == ""
    assert row.token_checksum == hashlib.sha256(result.access_token.encode()).hexdigest()


@pytest.mark.requirement("OpenID Connect Core 2 and 3.1.3.6")
def test_the_id_token_says_who_signed_in_when_and_for_which_app() -> None:
    client, _ = make_client()
    user = make_user("Practitioner/d1")
    result = run_authorization_code(client, user, "openid fhirUser", nonce="n-0S6")
    token = result.tokens["id_token"]
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["alg"]) == ("JWT", "RS256")
    claims = claims_of(token, client.client_id)
    half = hashlib.sha256(result.access_token.encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).decode().rstrip("=")
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (settings.SITE_URL, client.client_id, "n-0S6")
    assert claims["sub"] == str(user.uid)
    assert claims["fhirUser"] == f"{settings.FHIR_BASE}/Practitioner/d1"
    assert abs(claims["auth_time"] - timezone.now().timestamp()) < 60
    assert claims["exp"] > claims["iat"]
    assert not {"name", "email", "profile"} & set(claims)


def test_the_id_token_names_the_person_only_with_the_scopes_for_it() -> None:
    client, _ = make_client()
    user = make_user("Patient/p1", email="ada@example.org")
    claims = claims_of(
        run_authorization_code(client, user, "openid profile").tokens["id_token"], client.client_id
    )
    assert claims["name"] == "Ada Lovelace"
    assert (claims["given_name"], claims["family_name"]) == ("Ada", "Lovelace")
    assert claims["preferred_username"] == user.username
    assert claims["email"] == "ada@example.org"
    assert claims["profile"] == f"{settings.FHIR_BASE}/Patient/p1"
    assert "email_verified" not in claims
    claims = claims_of(
        run_authorization_code(client, user, "openid email").tokens["id_token"], client.client_id
    )
    assert (claims["email"], claims["email_verified"]) == ("ada@example.org", False)
    assert "name" not in claims


def test_without_openid_there_is_no_id_token() -> None:
    client, _ = make_client()
    assert "id_token" not in run_authorization_code(client, make_user(), "patient/*.rs").tokens


@pytest.mark.requirement("SMART-89")
@pytest.mark.parametrize("scope", ["offline_access", "online_access"])
def test_a_refresh_token_comes_only_with_the_scopes_for_it(scope: str) -> None:
    client, _ = make_client()
    assert "refresh_token" in run_authorization_code(client, make_user(), f"openid {scope}").tokens


def test_a_client_not_registered_for_refresh_gets_no_refresh_token() -> None:
    client, _ = make_client(grant_types=["authorization_code"])
    assert "refresh_token" not in run_authorization_code(client, make_user(), "offline_access").tokens


@pytest.mark.requirement("SMART-86")
@pytest.mark.requirement("SMART-87")
@pytest.mark.requirement("SMART 2.2 app-launch#response-5 (no-store, no-cache)")
def test_no_answer_of_the_token_endpoint_may_be_stored() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user())
    answers = [
        flow.exchange(flow.code()),
        post_token({}),
        Browser().get("/oauth/token"),
        post_token({"grant_type": "x"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 405, 400]
    for answer in answers:
        assert answer["Cache-Control"] == "no-store"
        assert answer["Pragma"] == "no-cache"
        assert answer["Content-Type"].startswith("application/json")


@pytest.mark.requirement("SMART-91")
@pytest.mark.requirement("SMART-88")
@pytest.mark.parametrize(
    ("asked", "lifetime"), [(None, settings.ACCESS_TOKEN_SECONDS), (600, 600), (10, 300), (86_400, 3600)]
)
def test_access_tokens_live_five_minutes_to_an_hour(asked: int | None, lifetime: int) -> None:
    client, _ = make_client(access_token_seconds=asked)
    tokens = run_authorization_code(client, make_user(), "openid").tokens
    assert tokens["expires_in"] == lifetime


def test_the_refresh_token_lives_as_long_as_the_client_is_registered_for() -> None:
    client, _ = make_client(refresh_token_seconds=1000)
    run_authorization_code(client, make_user(), "offline_access")
    left = RefreshToken.objects.get().expires - timezone.now()  # type: ignore[operator]
    assert timedelta(seconds=900) < left <= timedelta(seconds=1000)


@pytest.mark.requirement("CONTRACT: online_access ends with the session")
def test_online_tokens_do_not_outlive_the_session() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user(), scope="openid online_access")
    session = flow.browser.session
    session.set_expiry(400)
    session.save()
    tokens = flow.exchange(flow.code()).json()  # type: ignore[attr-defined]
    assert 300 < tokens["expires_in"] <= 400
    assert RefreshToken.objects.get().expires <= timezone.now() + timedelta(seconds=400)  # type: ignore[operator]
    flow.browser.logout()
    assert flow.refresh(tokens["refresh_token"]).status_code == 400


def test_offline_tokens_survive_sign_out() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user(), scope="openid online_access offline_access")
    tokens = flow.exchange(flow.code()).json()  # type: ignore[attr-defined]
    flow.browser.logout()
    assert flow.refresh(tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": None}, "invalid_request"),
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": "kürzer"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"redirect_uri": "https://app.example.org/callback/"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"code": "x"}, "invalid_grant"),
        ({"code": "x" * 20_000}, "invalid_grant"),
        ({"code": "x" * 70_000}, "invalid_request"),
        ({"code": "x\x00"}, "invalid_request"),
        ({"code": ["a", "b"]}, "invalid_request"),
        ({"redirect_uri": ["a", "b"]}, "invalid_request"),
        ({"client_id": ["a", "b"]}, "invalid_request"),
        ({"whatever": ["a", "b"]}, "invalid_request"),
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": ["authorization_code", "authorization_code"]}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "openid"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unauthorized_client"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}, "unsupported_grant_type"),
    ],
)
@pytest.mark.requirement("RFC 6749 section 5.2")
def test_a_faulty_exchange_is_refused_and_does_not_spend_the_code(
    changes: dict[str, Any], error: str
) -> None:
    client, _ = make_client()
    flow = Flow(client, make_user())
    code = flow.code()
    response = flow.exchange(code, **changes)
    assert response.status_code == 400
    assert response.json()["error"] == error  # type: ignore[attr-defined]
    assert not AccessToken.objects.exists()
    assert flow.exchange(code).status_code == 200


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"grant_type": "authorization_code"}', "application/json"),
        (b"grant_type=authorization_code", "text/plain"),
        (b"grant_type=authorization_code", "application/x-www-form-urlencoded; charset=utf-16"),
        (b"\xff\xfe\xff=\xff&grant_type=%ff%fe", "application/x-www-form-urlencoded"),
        (b"", "application/x-www-form-urlencoded"),
        (b"&".join(b"p%d=1" % number for number in range(2000)), "application/x-www-form-urlencoded"),
        (b"grant_type=" + b"x" * 100_000, "application/x-www-form-urlencoded"),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
    ],
)
def test_a_body_that_is_no_form_is_refused_and_never_an_error_of_ours(body: bytes, content_type: str) -> None:
    response = Browser().post("/oauth/token", body, content_type=content_type)
    assert response.status_code == 400
    assert response.json()["error"] in ("invalid_request", "unsupported_grant_type")


def test_parameters_in_the_url_are_refused() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user())
    form = {"grant_type": "authorization_code", "code": flow.code(), "client_id": client.client_id}
    response = Browser().post(
        "/oauth/token?code_verifier=x", urlencode(form), content_type="application/x-www-form-urlencoded"
    )
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "name", ["user", "client", "scopes", "issued", "signers", "jti", "extra_credentials"]
)
def test_parameters_cannot_pose_as_our_own_findings(name: str) -> None:
    client, _ = make_client()
    flow = Flow(client, make_user("Patient/p1"))
    response = flow.exchange(flow.code(), **{name: "smuggled"})
    assert response.status_code == 200
    assert "smuggled" not in response.content.decode()


# --- what a code rests on ---------------------------------------------------------------------------------


@pytest.mark.requirement("SMART-55")
@pytest.mark.requirement("SMART-58")
def test_a_code_lives_a_minute() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user())
    code = flow.code()
    assert Grant.objects.get().expires <= timezone.now() + timedelta(seconds=60)
    Grant.objects.update(expires=timezone.now())
    assert flow.exchange(code).json()["error"] == "invalid_grant"  # type: ignore[attr-defined]


def test_a_code_dies_with_the_person_the_consent_and_a_reset_password() -> None:
    client, _ = make_client()

    def exchange_after(**changes: Any) -> int:
        user = make_user("Patient/p1")
        flow = Flow(client, user)
        code = flow.code()
        if "withdrawn" in changes:
            Consent.objects.filter(user=user).update(**changes)
        else:
            type(user).objects.filter(pk=user.pk).update(**changes)
        return flow.exchange(code).status_code

    now = timezone.now() + timedelta(seconds=5)
    assert exchange_after(is_active=False) == 400
    assert exchange_after(withdrawn=now) == 400
    assert exchange_after(credentials_reset_at=now) == 400
    assert exchange_after(fhir_user="Patient/p2") == 400
    assert exchange_after(first_name="Augusta") == 200


def test_a_code_dies_with_the_proxy() -> None:
    client, _ = make_client()
    user = make_user("RelatedPerson/r1")
    proxy = Proxy.objects.create(user=user, patient="p1")
    flow = Flow(client, user)
    code = flow.code()
    proxy.active = False
    proxy.save()
    assert flow.exchange(code).status_code == 400


def test_context_of_a_launch_comes_with_the_token() -> None:
    client, _ = make_client()
    user = make_user("Practitioner/d1")
    context = [{"reference": "ImagingStudy/i1"}]
    launch = make_launch(
        client,
        user,
        patient="p1",
        encounter="e1",
        fhir_context=context,
        intent="reconcile",
        need_patient_banner=False,
    )
    tokens = run_authorization_code(client, user, "launch openid patient/*.rs", launch=launch).tokens
    assert tokens["patient"] == "p1"
    assert tokens["encounter"] == "e1"
    assert tokens["fhirContext"] == context
    assert tokens["intent"] == "reconcile"
    assert tokens["need_patient_banner"] is False
    claims = claims_of(tokens["access_token"], settings.FHIR_BASE)
    assert (claims["patient"], claims["encounter"], claims["fhirContext"]) == ("p1", "e1", context)
