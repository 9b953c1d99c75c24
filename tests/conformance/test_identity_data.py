"""https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-identity-data"""

from typing import Any

import jwt
import pytest
from django.conf import settings
from django.test import Client as Browser

from accounts.models import Proxy
from tests.conformance.records import Api, write_records
from tests.oauth.flow import Flow, answer_of, make_client, make_user, run_authorization_code

pytestmark = pytest.mark.django_db
PEOPLE = ["Patient/amy", "Practitioner/d1", "RelatedPerson/r1"]


def get(path: str) -> Any:
    return Browser().get(path).json()


def identity(id_token: str, client_id: str) -> dict[str, Any]:
    """The claims of an id_token, verified as an app does that knows the issuer alone."""
    published = get("/.well-known/openid-configuration")
    keys = {key["kid"]: key for key in get(published["jwks_uri"])["keys"]}
    header = jwt.get_unverified_header(id_token)
    assert header["alg"] == "RS256"
    key = jwt.PyJWK(keys[header["kid"]])
    assert key.key_type == "RSA"
    claims: dict[str, Any] = jwt.decode(
        id_token, key, algorithms=["RS256"], audience=client_id, issuer=published["issuer"]
    )
    return claims


@pytest.mark.requirement("SMART-197")
def test_somebody_whom_no_resource_describes_gives_no_fhir_user() -> None:
    client, _ = make_client()
    person = make_user("", is_staff=True)
    for scope in ("openid fhirUser", "openid profile"):
        answer = answer_of(Flow(client, person, scope=scope).authorize())
        assert answer["error"] == "access_denied"


@pytest.mark.requirement("SMART-198")
@pytest.mark.requirement("SMART-209")
@pytest.mark.parametrize("fhir_user", PEOPLE)
def test_the_fhir_user_is_the_address_of_a_resource_of_a_person(fhir_user: str) -> None:
    write_records()
    client, _ = make_client()
    user = make_user(fhir_user)
    if fhir_user.startswith("RelatedPerson/"):
        Proxy.objects.create(user=user, patient="amy")
    result = run_authorization_code(client, user, "openid fhirUser")
    url = identity(result.tokens["id_token"], client.client_id)["fhirUser"]
    assert url == f"{settings.FHIR_BASE}/{fhir_user}"
    read = Api(result.bearer["Authorization"]).get(url.removeprefix(f"{settings.FHIR_BASE}/"))
    assert f"{read.json()['resourceType']}/{read.json()['id']}" == fhir_user


@pytest.mark.requirement("SMART-200")
@pytest.mark.requirement("SMART-210")
@pytest.mark.parametrize("scope", ["openid fhirUser", "openid profile", "openid fhirUser patient/*.rs"])
def test_granted_identity_scopes_bring_an_id_token_signed_with_rs256(scope: str) -> None:
    client, _ = make_client()
    user = make_user("Patient/amy")
    tokens = run_authorization_code(client, user, scope).tokens
    assert tokens["access_token"]
    assert identity(tokens["id_token"], client.client_id)["sub"] == str(user.uid)


@pytest.mark.requirement("SMART-209")
@pytest.mark.parametrize("scope", ["openid", "openid profile"])
def test_without_the_scope_for_it_the_id_token_has_no_fhir_user(scope: str) -> None:
    client, _ = make_client()
    tokens = run_authorization_code(client, make_user("Patient/amy"), scope).tokens
    assert "fhirUser" not in identity(tokens["id_token"], client.client_id)


@pytest.mark.requirement("SMART-205")
def test_signing_on_is_the_code_flow_with_the_parameters_of_smart() -> None:
    client, _ = make_client()
    user = make_user("Patient/amy")
    flow = Flow(client, user, scope="openid fhirUser")
    asked = flow.parameters()
    assert set(asked) == {
        "response_type", "client_id", "redirect_uri", "scope", "state", "aud", "code_challenge",
        "code_challenge_method",
    }  # fmt: skip
    for left_out in ("aud", "code_challenge"):
        assert answer_of(flow.authorize(**{left_out: None}))["error"] == "invalid_request"
    answer = answer_of(flow.decide(flow.authorize()))
    assert answer["state"] == asked["state"]
    assert "id_token" not in answer
    tokens: Any = flow.exchange(answer["code"])
    assert identity(tokens.json()["id_token"], client.client_id)["sub"] == str(user.uid)
    for response_type in ("id_token", "code id_token", "token"):
        assert "code" not in answer_of(flow.authorize(response_type=response_type))


@pytest.mark.requirement("SMART-207")
def test_keys_are_published_as_bare_jwks_without_certificates() -> None:
    make_client()
    keys = get("/oauth/jwks")["keys"]
    assert {key["kty"] for key in keys} == {"RSA", "EC"}
    public = {"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}}
    for key in keys:
        assert set(key) == {"kty", "kid", "use", "alg"} | public[key["kty"]]
