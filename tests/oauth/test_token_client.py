"""Who may use the token endpoint: each client by the one method it is registered with."""

import base64

import pytest
from django.utils import timezone

from oauth.clients.secrets import add_secret
from oauth.models import AccessToken, Application, ClientSecret
from tests.oauth.flow import Flow, basic, make_client, make_user, post_token, run_authorization_code

pytestmark = pytest.mark.django_db


def test_a_confidential_client_authenticates_by_basic() -> None:
    client, secret = make_client(confidential=True)
    assert run_authorization_code(client, make_user(), secret=secret).tokens["access_token"]
    assert ClientSecret.objects.get().last_used is not None


def test_a_confidential_client_registered_for_post_sends_its_secret_in_the_body() -> None:
    client, secret = make_client(confidential=True, token_endpoint_auth_method="client_secret_post")
    flow = Flow(client, make_user())
    assert flow.exchange(flow.code(), client_secret=secret).status_code == 200


@pytest.mark.parametrize(
    "case", ["wrong", "empty", "none", "by post", "id only", "ended", "garbage", "bearer", "not utf-8"]
)
@pytest.mark.requirement("RFC 6749 section 5.2 invalid_client")
def test_bad_client_authentication_is_401_invalid_client(case: str) -> None:
    client, secret = make_client(confidential=True)
    flow = Flow(client, make_user())
    form = {
        "grant_type": "authorization_code",
        "code": flow.code(),
        "redirect_uri": flow.redirect_uri,
        "code_verifier": flow.verifier,
    }
    headers = {"Authorization": basic(client.client_id, secret)}
    match case:
        case "wrong":
            headers = {"Authorization": basic(client.client_id, secret + "x")}
        case "empty":
            headers = {"Authorization": basic(client.client_id, "")}
        case "none":
            headers = {}
        case "by post":
            headers, form = {}, {**form, "client_id": client.client_id, "client_secret": secret}
        case "id only":
            headers, form = {}, {**form, "client_id": client.client_id}
        case "ended":
            ClientSecret.objects.update(ends=timezone.now())
        case "garbage":
            headers = {"Authorization": "Basic !!!!"}
        case "bearer":
            headers = {"Authorization": "Bearer x"}
        case "not utf-8":
            headers = {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:x").decode()}
    response = post_token(form, headers)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")  # type: ignore[attr-defined]
    assert response["Cache-Control"] == "no-store"
    if "Authorization" in headers:
        assert response["WWW-Authenticate"].startswith("Basic")
    assert not AccessToken.objects.exists()


@pytest.mark.requirement("trap: a public client with a blank secret")
def test_a_public_client_cannot_authenticate_with_any_secret() -> None:
    client, _ = make_client()
    flow = Flow(client, make_user())
    form = {
        "grant_type": "authorization_code",
        "code": flow.code(),
        "redirect_uri": flow.redirect_uri,
        "code_verifier": flow.verifier,
    }
    for secret in ("", "x"):
        assert post_token(form, {"Authorization": basic(client.client_id, secret)}).status_code == 401
    assert post_token({**form, "client_id": client.client_id, "client_secret": "x"}).status_code == 401
    assert not AccessToken.objects.exists()


def test_a_client_whose_registration_contradicts_itself_is_neither_public_nor_trusted() -> None:
    client, _ = make_client(client_type="confidential", token_endpoint_auth_method="none")
    flow = Flow(client, make_user())
    assert flow.exchange(flow.code()).status_code == 401


def test_two_ways_of_authenticating_at_once_are_refused() -> None:
    client, secret = make_client(confidential=True)
    flow = Flow(client, make_user(), secret=secret)
    response = flow.exchange(flow.code(), client_secret=secret, client_id=client.client_id)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")  # type: ignore[attr-defined]


def test_two_secrets_are_in_force_at_once_and_an_ended_one_is_not() -> None:
    client, first = make_client(confidential=True)
    second = add_secret(client, "for the change-over")
    user = make_user()
    for secret in (first, second):
        flow = Flow(client, user, secret=secret)
        assert flow.exchange(flow.code()).status_code == 200
    ClientSecret.objects.order_by("pk").first().delete()  # type: ignore[union-attr]
    flow = Flow(client, user, secret=first)
    assert flow.exchange(flow.code()).status_code == 401


@pytest.mark.parametrize("status", ["draft", "suspended", "retired"])
def test_a_client_that_is_not_live_gets_no_token(status: str) -> None:
    client, _ = make_client()
    flow = Flow(client, make_user())
    code = flow.code()
    Application.objects.update(status=status)
    assert flow.exchange(code).status_code == 401
