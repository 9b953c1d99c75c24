"""What the toolkit beneath would do by itself, and must not here."""

import jwt
import pytest
from django.test import Client as Browser

from oauth.models import AccessToken, RefreshToken
from tests.oauth.flow import make_client, make_user, run_authorization_code

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("trap: the toolkit's device flow does not work with the oauthlib there is")
@pytest.mark.parametrize(
    "path",
    [
        "/oauth/device",
        "/oauth/device-authorization",
        "/oauth/device_authorization",
        "/oauth/device-confirm",
        "/oauth/applications/",
        "/oauth/authorized_tokens/",
        "/oauth/register",
    ],
)
def test_no_endpoint_of_the_toolkit_is_mounted_that_is_not_ours(path: str) -> None:
    for method in ("GET", "POST"):
        assert Browser().generic(method, path).status_code == 404


@pytest.mark.requirement("trap: a generator of access tokens makes refresh tokens as well")
def test_a_refresh_token_is_an_opaque_text_and_no_jwt() -> None:
    client, _ = make_client()
    tokens = run_authorization_code(client, make_user(), "openid offline_access").tokens
    assert jwt.get_unverified_header(tokens["access_token"])["typ"] == "at+jwt"
    assert "." not in tokens["refresh_token"]
    assert len(tokens["refresh_token"]) >= 32
    with pytest.raises(jwt.DecodeError):
        jwt.get_unverified_header(tokens["refresh_token"])


@pytest.mark.requirement("trap: tokens are stored as they are")
def test_no_token_is_kept_in_a_form_that_opens_anything() -> None:
    client, _ = make_client()
    tokens = run_authorization_code(client, make_user(), "openid offline_access").tokens
    for model, text in ((AccessToken, tokens["access_token"]), (RefreshToken, tokens["refresh_token"])):
        [row] = model.objects.values()
        assert all(text not in str(value) for value in row.values())
