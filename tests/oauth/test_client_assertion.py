"""private_key_jwt: what proves a client, and each fault that does not, with its own words."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from oauth.clients.assertion import ASSERTION_TYPE
from oauth.models import AccessToken, Application, ClientAssertionJti
from tests.oauth.flow import Flow, basic, make_client, make_user
from tests.oauth.references import description_of
from tests.oauth.services import (
    TOKEN_URL,
    Service,
    ec_key,
    encode,
    jwk_of,
    jwks_of,
    make_service,
    post,
    rsa_key,
)

pytestmark = pytest.mark.django_db
ASYMMETRIC = "https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html"


@dataclass(frozen=True)
class In:
    """A time so many seconds from when the test runs, which may be long after it was collected."""

    seconds: float


def resolved(changes: dict[str, Any]) -> dict[str, Any]:
    """The changes with times for each In."""
    now = time.time()
    return {name: now + one.seconds if isinstance(one, In) else one for name, one in changes.items()}


@pytest.fixture
def service() -> Service:
    return make_service()


def refused(service: Service, assertion: str, **fields: Any) -> str:
    """What the token endpoint says about a bad assertion; every refusal is the same error."""
    answer = service.ask_token(**{**service.proof(assertion), **fields})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer["Cache-Control"] == "no-store"
    assert not AccessToken.objects.exists()
    return description_of(answer)


@pytest.mark.requirement("SMART-310")
@pytest.mark.requirement(f"{ASYMMETRIC}#registering-a-client-communicating-public-keys")
@pytest.mark.parametrize("alg", ["RS384", "ES384"])
def test_an_assertion_by_a_registered_key_proves_the_client(alg: str) -> None:
    assert make_service(alg=alg).ask_token().status_code == 200


@pytest.mark.parametrize("aud", [TOKEN_URL, [TOKEN_URL], "http://testserver"])
def test_the_audience_is_the_token_endpoint_or_the_issuer(service: Service, aud: Any) -> None:
    assert service.ask_token(**service.proof(aud=aud)).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"nbf": In(-5)},
        {"iat": None},
        {"exp": In(299.5)},
        {"custom": {"a": [1, "x"]}},
        {"headers": {"typ": None}},
        {"headers": {"typ": "client-authentication+jwt"}},
        {"headers": {"jwk": {"kty": "oct"}, "x5u": "https://elsewhere.example"}},
    ],
)
def test_what_does_not_matter_is_passed_over(service: Service, changes: dict[str, Any]) -> None:
    assert service.ask_token(**service.proof(**resolved(changes))).status_code == 200


@pytest.mark.requirement("SMART-337")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7521#section-4.2")
def test_the_client_id_may_stand_beside_the_assertion_and_must_be_the_same(service: Service) -> None:
    assert service.ask_token(client_id=service.application.client_id).status_code == 200
    AccessToken.objects.all().delete()
    other = make_service()
    words = refused(service, service.assertion(), client_id=other.application.client_id)
    assert words == "The client_id in the body is not the one in the assertion."


@pytest.mark.requirement("SMART-249")
@pytest.mark.requirement("SMART-335")
@pytest.mark.requirement("SMART-337")
@pytest.mark.requirement("SMART-340")
@pytest.mark.requirement(f"{ASYMMETRIC}#signature-verification")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7523#section-3")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sub": "somebody-else"}, "iss and sub are not the same"),
        ({"sub": None}, "iss and sub must both be the client_id"),
        ({"iss": None}, "iss and sub must both be the client_id"),
        ({"iss": 5, "sub": 5}, "iss and sub must both be the client_id"),
        ({"aud": "https://other.example/token"}, "aud must be http://testserver/oauth/token"),
        ({"aud": TOKEN_URL + "/"}, "aud must be http://testserver/oauth/token"),
        ({"aud": [TOKEN_URL, "https://other.example"]}, "aud must be http://testserver/oauth/token"),
        ({"aud": []}, "aud must be"),
        ({"aud": None}, "aud must be"),
        ({"aud": {"a": TOKEN_URL}}, "aud must be"),
        ({"exp": In(-1)}, "has expired"),
        ({"exp": 0}, "has expired"),
        ({"exp": In(3600)}, "exp is more than five minutes from now"),
        ({"exp": In(10**6)}, "exp is more than five minutes from now"),
        ({"exp": None}, "exp is missing"),
        ({"exp": "4102444800"}, "exp must be a number"),
        ({"exp": True}, "exp must be a number"),
        ({"exp": 10**40}, "exp is more than five minutes from now"),
        ({"nbf": In(3600)}, "not valid yet"),
        ({"nbf": "soon"}, "nbf must be a number"),
        ({"iat": In(3600)}, "iat is in the future"),
        ({"iat": In(-3600)}, "five minutes ago"),
        ({"iat": []}, "iat must be a number"),
        ({"jti": None}, "jti is missing"),
        ({"jti": ""}, "jti is missing"),
        ({"jti": 7}, "jti is missing"),
        ({"headers": {"kid": None}}, "kid is missing"),
        ({"headers": {"kid": "second"}}, "No registered key has this kid"),
        ({"headers": {"typ": "at+jwt"}}, "typ must be JWT"),
        ({"headers": {"crit": ["exp"]}}, "crit names extensions"),
        ({"headers": {"jku": "https://elsewhere.example/jwks"}}, "jku is not the URL"),
        ({"headers": {"jku": 5}}, "jku must be a URL"),
    ],
)
def test_each_fault_is_refused_in_words_of_its_own(
    service: Service, changes: dict[str, Any], words: str
) -> None:
    claims = {name: value for name, value in resolved(changes).items() if name != "headers"}
    header = {"alg": "ES384", "typ": "JWT", "kid": service.kid, **changes.get("headers", {})}
    header = {name: value for name, value in header.items() if value is not None}
    assert words in refused(service, signed(service, header, service.claims(**claims)))


def signed(service: Service, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A JWT with any header, signed with the client's key: libraries refuse to make some of them."""
    text = f"{encode(header)}.{encode(claims)}"
    algorithm = jwt.get_algorithm_by_name("ES384")
    signature = algorithm.sign(text.encode(), service.private)
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.mark.requirement("SMART-335")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc8725#section-2.1")
@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "", None, "RS256", "ES256", "PS384", "HS384", 5, ["ES384"]]
)
def test_no_other_algorithm_counts(service: Service, alg: Any) -> None:
    header = {"alg": alg, "kid": service.kid}
    unsigned = f"{encode(header)}.{encode(service.claims())}."
    assert refused(service, unsigned) == "alg must be RS384 or ES384."
    assert refused(service, signed(service, header, service.claims())) == "alg must be RS384 or ES384."


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc8725#section-2.1")
def test_a_public_key_is_no_shared_secret() -> None:
    service = make_service(alg="RS384")
    public = service.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for alg, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384)):
        text = f"{encode({'alg': alg, 'kid': service.kid})}.{encode(service.claims())}"
        signature = (
            base64.urlsafe_b64encode(hmac.new(public, text.encode(), digest).digest()).decode().rstrip("=")
        )
        assert refused(service, f"{text}.{signature}") == "alg must be RS384 or ES384."


@pytest.mark.requirement("SMART-335")
@pytest.mark.parametrize("alg", ["RS384", "ES384"])
def test_a_foreign_key_proves_nothing(alg: str) -> None:
    service = make_service(alg=alg)
    service.private = rsa_key(1) if alg == "RS384" else ec_key(1)
    assert (
        refused(service, service.assertion())
        == "The signature is not one of the registered key with this kid."
    )


def test_a_key_of_another_client_proves_nothing(service: Service) -> None:
    other = make_service(client_jwks=jwks_of(jwk_of(ec_key(1), "first")))
    other.private = ec_key(1)
    words = refused(
        service, other.assertion(iss=service.application.client_id, sub=service.application.client_id)
    )
    assert words == "The signature is not one of the registered key with this kid."


@pytest.mark.requirement("SMART-338")
@pytest.mark.requirement(f"{ASYMMETRIC}#signature-verification")
def test_a_kid_that_several_keys_have_names_none() -> None:
    same = [jwk_of(ec_key(number), "first") for number in (0, 1)]
    service = make_service(client_jwks=jwks_of(*same))
    assert "Several registered keys have this kid" in refused(service, service.assertion())


@pytest.mark.requirement("SMART-338")
@pytest.mark.requirement(f"{ASYMMETRIC}#signature-verification")
def test_keys_of_two_types_may_share_a_kid_as_the_algorithm_tells_them_apart() -> None:
    both = jwks_of(jwk_of(ec_key(), "first"), jwk_of(rsa_key(), "first"))
    for alg in ("ES384", "RS384"):
        assert make_service(alg=alg, client_jwks=both).ask_token().status_code == 200


@pytest.mark.requirement("SMART-338")
def test_an_algorithm_of_another_key_type_is_refused() -> None:
    service = make_service(alg="RS384", client_jwks=jwks_of(jwk_of(ec_key(), "first")))
    assert refused(service, service.assertion()) == "The registered key with this kid is not for RS384."


def test_a_weak_key_is_named_as_such() -> None:
    service = make_service(alg="RS384", client_jwks=jwks_of(jwk_of(rsa_key(bits=1024), "first")))
    assert "2048" in refused(service, service.assertion())


@pytest.mark.requirement("SMART-336")
@pytest.mark.requirement(f"{ASYMMETRIC}#signature-verification")
def test_an_assertion_counts_once(service: Service) -> None:
    proof = service.proof()
    assert service.ask_token(**proof).status_code == 200
    again = service.ask_token(**proof)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    assert "jti was used before" in again.json()["error_description"]


@pytest.mark.requirement("SMART-336")
def test_a_jti_is_used_up_by_the_client_alone_and_by_nothing_that_it_has_not_signed(service: Service) -> None:
    other = make_service()
    jti = "the same text"
    assert service.ask_token(**service.proof(jti=jti)).status_code == 200
    assert other.ask_token(**other.proof(jti=jti)).status_code == 200
    good = service.assertion()
    forged = service.assertion()[:-8] + "AAAAAAAA"
    before = ClientAssertionJti.objects.count()
    assert service.ask_token(**service.proof(forged)).status_code == 401
    assert ClientAssertionJti.objects.count() == before
    assert service.ask_token(**service.proof(good)).status_code == 200


@pytest.mark.parametrize(
    "assertion",
    [
        "", "x", "a.b", "a.b.c.d", "..", "e30.e30.e30", "é.e30.e30", "x" * 20_000, "e30=.e30.",
        encode("[1]") + ".e30.", encode('{"alg":"ES384","alg":"ES384"}') + ".e30.",
        encode("[" * 5_000) + ".e30.", encode('{"alg":NaN}') + ".e30.",
        encode({"alg": "ES384", "kid": "x"}) + "." + encode("null") + ".",
    ],
)  # fmt: skip
def test_what_is_no_jwt_is_refused(service: Service, assertion: str) -> None:
    refused(service, assertion)


@pytest.mark.parametrize(
    "assertion_type", [None, "", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"]
)
def test_the_type_of_the_assertion_is_said(service: Service, assertion_type: str | None) -> None:
    assert ASSERTION_TYPE in refused(service, service.assertion(), client_assertion_type=assertion_type)


def test_a_type_without_an_assertion_does_not_make_a_client_public() -> None:
    client, _ = make_client()
    form = {
        "grant_type": "client_credentials",
        "client_id": client.client_id,
        "client_assertion_type": ASSERTION_TYPE,
    }
    answer: Any = post("/oauth/token", form)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_an_assertion_and_a_secret_at_once_are_refused(service: Service) -> None:
    headers = {"Authorization": basic(service.application.client_id, "x")}
    form = {"grant_type": "client_credentials", "scope": "system/*.rs", **service.proof()}
    for answer in (post("/oauth/token", form, headers), post("/oauth/token", {**form, "client_secret": "x"})):
        assert (answer.status_code, json.loads(answer.content)["error"]) == (400, "invalid_request")


@pytest.mark.requirement("SMART-340")
@pytest.mark.parametrize(
    "registered",
    [
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "none", "client_type": "public"},
        {"client_type": "public"},
        {"status": "draft"},
        {"status": "suspended"},
        {"status": "retired"},
        {"client_jwks": ""},
        {"client_jwks": "no JSON"},
    ],
)
def test_a_client_that_is_not_registered_for_it_proves_nothing(
    service: Service, registered: dict[str, str]
) -> None:
    Application.objects.update(**registered)
    refused(service, service.assertion())


@pytest.mark.requirement("SMART-337")
def test_an_unknown_client_proves_nothing(service: Service) -> None:
    for name in ("nobody", "x" * 300, "two\nlines"):
        refused(service, service.assertion(iss=name, sub=name))


def test_a_client_with_a_key_has_no_other_way(service: Service) -> None:
    name = service.application.client_id
    form = {"grant_type": "client_credentials", "scope": "system/*.rs"}
    for answer in (
        post("/oauth/token", {**form, "client_id": name}),
        post("/oauth/token", {**form, "client_id": name, "client_secret": "x"}),
        post("/oauth/token", form, {"Authorization": basic(name, "")}),
    ):
        assert (answer.status_code, json.loads(answer.content)["error"]) == (401, "invalid_client")


@pytest.mark.requirement(f"{ASYMMETRIC}#authenticating-to-the-token-endpoint")
def test_a_web_app_exchanges_refreshes_asks_and_revokes_by_assertion_without_a_client_id() -> None:
    scope = "openid fhirUser launch/patient patient/*.rs offline_access"
    service = make_service(
        scope=scope,
        application_type="web",
        grant_types=["authorization_code", "refresh_token"],
        redirect_uris="https://app.example.org/callback",
    )
    flow = Flow(service.application, make_user(), scope=scope)
    form = {
        "grant_type": "authorization_code",
        "code": flow.code(),
        "redirect_uri": flow.redirect_uri,
        "code_verifier": flow.verifier,
    }
    assert post("/oauth/token", form).status_code == 401
    first: Any = post("/oauth/token", {**form, **service.proof()})
    assert first.status_code == 200
    refresh = {"grant_type": "refresh_token", "refresh_token": first.json()["refresh_token"]}
    assert post("/oauth/token", refresh).status_code == 401
    second: Any = post("/oauth/token", {**refresh, **service.proof()})
    assert second.status_code == 200
    token = second.json()["access_token"]

    def is_active() -> bool:
        told: Any = post("/oauth/introspect", {"token": token, **service.proof()})
        assert told.status_code == 200
        return bool(told.json()["active"])

    assert is_active()
    assert post("/oauth/revoke", {"token": token}).status_code == 401
    assert post("/oauth/revoke", {"token": token, **service.proof()}).status_code == 200
    assert not is_active()


def test_an_assertion_that_asked_about_a_token_gets_none(service: Service) -> None:
    proof = service.proof()
    assert post("/oauth/introspect", {"token": "x", **proof}).status_code == 200
    assert service.ask_token(**proof).status_code == 401
