"""GET /oauth/authorize to the code."""

import pytest
from django.conf import settings

from oauth.models import AccessToken, Grant
from tests.oauth.flow import REDIRECT_URI, Flow, answer_of, make_client, make_user, run_authorization_code

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
