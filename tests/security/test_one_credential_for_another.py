"""One credential where another is asked for, and JWTs that are not what they say: none opens anything.

https://www.rfc-editor.org/rfc/rfc8725 has the attacks on JWTs by number.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from django.test import Client as Browser
from jwt.algorithms import ECAlgorithm
from jwt.utils import base64url_decode, base64url_encode

from launch.context import make_launch
from oauth.models import AccessToken, Application
from oauth.tokens.verification import NotOurToken, verify
from tests.oauth.flow import Flow, answer_of, basic, make_client, make_user, post_token
from tests.oauth.issuing import Issued, Key, issue, make_key
from tests.oauth.services import Service, make_service, post

pytestmark = pytest.mark.django_db
BCP = "https://www.rfc-editor.org/rfc/rfc8725"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Wallet:
    """One of each kind of credential that this server gives or takes, all of them good."""

    def __init__(self) -> None:
        self.client, self.secret = make_client(confidential=True, introspection="own")
        person = make_user("Practitioner/d1")
        self.flow = Flow(self.client, person, scope="openid user/*.rs offline_access", secret=self.secret)
        tokens: Any = self.flow.exchange(self.flow.code()).json()  # type: ignore[attr-defined]
        self.service: Service = make_service()
        self.kinds: dict[str, str] = {
            "access token": tokens["access_token"],
            "refresh token": tokens["refresh_token"],
            "id_token": tokens["id_token"],
            "token of a service": self.service.ask_token().json()["access_token"],
            "code": self.flow.code(scope="openid user/*.rs"),
            "secret": self.secret,
            "assertion": self.service.assertion(),
            "launch": make_launch(self.client, person, patient="p1").pk,
        }


def reads(wallet: Wallet, text: str) -> bool:
    return Browser().get("/fhir/Patient", headers={"Authorization": f"Bearer {text}"}).status_code != 401


def tells_who(wallet: Wallet, text: str) -> bool:
    return Browser().get("/oauth/userinfo", headers={"Authorization": f"Bearer {text}"}).status_code == 200


def is_told_to_be_active(wallet: Wallet, text: str) -> bool:
    headers = {"Authorization": basic(wallet.client.client_id, wallet.secret)}
    return bool(post("/oauth/introspect", {"token": text}, headers).json()["active"])  # type: ignore[attr-defined]


def may_introspect(wallet: Wallet, text: str) -> bool:
    form, headers = {"token": text}, {"Authorization": f"Bearer {text}"}
    return post("/oauth/introspect", form, headers).status_code == 200


def redeems(wallet: Wallet, text: str) -> bool:
    return wallet.flow.exchange(text).status_code == 200


def refreshes(wallet: Wallet, text: str) -> bool:
    return wallet.flow.refresh(text).status_code == 200


def proves_the_client(wallet: Wallet, text: str) -> bool:
    headers = {"Authorization": basic(wallet.client.client_id, text)}
    return post_token({"grant_type": "refresh_token", "refresh_token": "x"}, headers).status_code == 400


def proves_the_service(wallet: Wallet, text: str) -> bool:
    return bool(wallet.service.ask_token(client_assertion=text).status_code == 200)


def launches(wallet: Wallet, text: str) -> bool:
    answer = wallet.flow.authorize(launch=text, scope="launch user/*.rs", prompt="consent")
    return answer.status_code == 200


PLACES: dict[Callable[[Wallet, str], bool], set[str]] = {
    reads: {"access token", "token of a service"},
    tells_who: {"access token"},
    is_told_to_be_active: {"access token", "refresh token"},
    may_introspect: set(),
    redeems: {"code"},
    refreshes: {"refresh token"},
    proves_the_client: {"secret"},
    proves_the_service: {"assertion"},
    launches: {"launch"},
}


@pytest.mark.requirement(f"{BCP}#section-3.12 (one kind of JWT for another)")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9700#section-4.6 (injected access tokens)")
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_each_credential_opens_its_own_door_and_no_other(place: Callable[[Wallet, str], bool]) -> None:
    wallet = Wallet()
    assert {kind for kind, text in wallet.kinds.items() if place(wallet, text)} == PLACES[place]


@pytest.fixture
def key() -> Key:
    return make_key()


def forged(header: Any, claims: Any, private: ec.EllipticCurvePrivateKey | None = None) -> str:
    """A JWT with anything in it, signed with this key if there is one; texts go in as they stand."""
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    signed = b".".join(base64url_encode(part.encode()) for part in parts)
    signature = ECAlgorithm(ECAlgorithm.SHA256).sign(signed, private) if private else b""
    return f"{signed.decode()}.{base64url_encode(signature).decode()}"


def is_refused(token: str) -> bool:
    """Whether neither the API nor userinfo nor introspection takes it."""
    try:
        verify(token)
    except NotOurToken:
        headers = {"Authorization": f"Bearer {token}"}
        paths = ("/fhir/Patient", "/oauth/userinfo")
        return all(Browser().get(path, headers=headers).status_code == 401 for path in paths)
    return False


def header_of(key: Key, **changes: Any) -> dict[str, Any]:
    return {"alg": "ES256", "typ": "at+jwt", "kid": key.row.kid, **changes}


@pytest.fixture
def issued(key: Key) -> Issued:
    return issue(key, make_user("Practitioner/d1"), scope="openid user/*.rs")


@pytest.mark.requirement(f"{BCP}#section-3.1 (alg)")
@pytest.mark.parametrize(
    "alg",
    [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "HS256",
        "HS384",
        "RS256",
        "PS256",
        "ES384",
        "EdDSA",
        None,
        0,
        ["ES256"],
    ],
)
def test_no_algorithm_but_the_keys_own_counts(key: Key, issued: Issued, alg: object) -> None:
    assert is_refused(forged(header_of(key, alg=alg), issued.claims, key.private))
    assert is_refused(forged(header_of(key, alg=alg), issued.claims))


@pytest.mark.requirement(f"{BCP}#section-3.10 (keys that the token brings along)")
@pytest.mark.parametrize("named", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_or_address_of_a_key_in_the_header_is_not_looked_at(
    key: Key, issued: Issued, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def called(*args: object, **kwargs: object) -> None:
        raise AssertionError("The server called somebody.")

    monkeypatch.setattr("socket.getaddrinfo", called)
    own = ec.generate_private_key(ec.SECP256R1())
    value = {
        "jwk": ECAlgorithm.to_jwk(own.public_key(), as_dict=True),
        "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/chain",
        "x5c": ["MIIB"],
    }[named]
    assert is_refused(forged(header_of(key, **{named: value}), issued.claims, own))
    assert is_refused(forged({**header_of(key, **{named: value}), "kid": "evil"}, issued.claims, own))


@pytest.mark.requirement(f"{BCP}#section-3.10 (injection by kid)")
@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null",
        "/dev/null",
        "' OR '1'='1",
        "x' UNION SELECT 'secret",
        "%",
        "*",
        "key|id",
        "https://evil.example/key",
        "",
        "a" * 15_000,
        "\ud800",
        "{kid} ",
        "{kid}\u0000",
    ],
)
def test_a_kid_names_a_key_of_ours_literally_or_none(key: Key, issued: Issued, kid: str) -> None:
    named = kid.replace("{kid}", key.row.kid)
    assert is_refused(forged(header_of(key, kid=named), issued.claims, key.private))


@pytest.mark.requirement(f"{BCP}#section-3.3 (all of a token is validated)")
def test_a_token_within_a_token_or_encrypted_or_detached_is_refused(key: Key, issued: Issued) -> None:
    own = key.private
    assert is_refused(forged(header_of(key, cty="JWT"), issued.token, own))
    assert is_refused(forged(header_of(key, b64=False, crit=["b64"]), issued.claims, own))
    assert is_refused(forged(header_of(key, crit=["exp"]), issued.claims, own))
    assert is_refused(f"{issued.token}.x.y")
    head, _, signature = issued.token.split(".")
    assert is_refused(f"{head}..{signature}")


@pytest.mark.requirement(f"{BCP}#section-2.4 (what two readers read differently)")
def test_members_said_twice_make_no_other_token(key: Key, issued: Issued) -> None:
    said = json.dumps(issued.claims)
    for more in ('"aud": "https://evil.example"', f'"sub": "{make_user().uid}"', '"exp": 99999999999'):
        token = forged(header_of(key), f"{said[:-1]}, {more}}}", key.private)
        answer = Browser().get("/fhir/Patient", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
    none = json.dumps(header_of(key))[:-1] + ', "alg": "none"}'
    assert is_refused(forged(none, issued.claims))


def other_spellings(token: str) -> list[str]:
    """The same signature and contents in other characters: nothing that was revoked comes back so."""
    head, claims, signature = token.split(".")
    raw = base64url_decode(signature)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    turned = base64url_encode(r.to_bytes(32, "big") + (P256_ORDER - s).to_bytes(32, "big")).decode()
    assert decode_dss_signature(encode_dss_signature(r, s)) == (r, s)
    spaced = base64.urlsafe_b64encode(b" " + base64url_decode(claims)).decode().rstrip("=")
    return [
        f"{head}.{claims}.{turned}",
        f"{token}=",
        f"{token}==",
        f"{head}=.{claims}.{signature}",
        f"{head}.{spaced}.{signature}",
        token.replace("_", "/").replace("-", "+") + "=",
        f"{token} ",
        f"{token}\n",
    ]


def test_a_revoked_token_does_not_come_back_in_another_spelling(key: Key, issued: Issued) -> None:
    issued.row.revoke()
    for spelling in other_spellings(issued.token):
        for path in ("/fhir/Patient", "/oauth/userinfo"):
            answer = Browser().get(path, headers={"Authorization": f"Bearer {spelling}"})
            assert answer.status_code == 401, spelling


def test_a_huge_token_costs_no_verification(key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    def verified(*args: object, **kwargs: object) -> None:
        raise AssertionError("A token of a megabyte was read.")

    monkeypatch.setattr(jwt, "decode", verified)
    monkeypatch.setattr(jwt, "get_unverified_header", verified)
    for token in ("a" * 1_000_000, f"{'a' * 500_000}.{'b' * 500_000}.c"):
        answer = Browser().get("/fhir/Patient", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401


@pytest.mark.requirement(f"{BCP}#section-3.9 (audience)")
def test_a_token_that_another_server_of_ours_signed_for_itself_is_refused(key: Key) -> None:
    person = make_user("Practitioner/d1")
    for claims in (
        {"iss": "https://other.example", "aud": "http://testserver/fhir"},
        {"aud": ["https://other.example/fhir"]},
        {"aud": "http://testserver"},
        {"aud": "http://testserver/fhir/"},
        {"aud": None},
        {"iss": "http://testserver/"},
        {"iss": None},
    ):
        assert is_refused(issue(key, person, scope="user/*.rs", **claims).token)


def test_claims_in_the_token_count_for_nothing_where_its_record_says_less(key: Key) -> None:
    """The record decides: whoever got hold of a signing key alone gains nothing."""
    person = make_user("Patient/p1")
    small = issue(key, person, scope="openid", patient="p1")
    AccessToken.objects.all().delete()
    grown = forged(header_of(key), {**small.claims, "scope": "system/*.cruds", "patient": "p2"}, key.private)
    assert Browser().get("/fhir/Patient", headers={"Authorization": f"Bearer {grown}"}).status_code == 401


def test_a_code_of_one_client_cannot_be_slipped_into_the_session_of_another(key: Key) -> None:
    person, attacker = make_user("Patient/p1"), make_user("Patient/p2")
    client, _ = make_client()
    theirs = Flow(client, attacker, scope="openid patient/*.rs")
    mine = Flow(client, person, scope="openid patient/*.rs")
    mine.authorize()
    injected = mine.exchange(theirs.code())
    assert injected.json()["error"] == "invalid_grant"  # type: ignore[attr-defined]
    assert not AccessToken.objects.exists()
    assert Application.objects.count() == 1


def test_an_answer_says_whose_it_is_so_that_a_mixed_up_app_notices() -> None:
    client, _ = make_client()
    flow = Flow(
        client, make_user("Patient/p1"), scope="openid patient/*.rs", extra={"nonce": "n-of-this-app"}
    )
    answer = answer_of(flow.decide(flow.authorize()))
    assert answer["iss"] == "http://testserver"
    told = Browser().get("/.well-known/oauth-authorization-server").json()
    assert told["issuer"] == answer["iss"]
    assert told["authorization_response_iss_parameter_supported"] is True
    id_token = flow.exchange(answer["code"]).json()["id_token"]  # type: ignore[attr-defined]
    claims = jwt.decode(id_token, options={"verify_signature": False})
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (
        answer["iss"],
        client.client_id,
        "n-of-this-app",
    )
    refused = answer_of(flow.authorize(response_type="token"))
    assert refused["iss"] == answer["iss"]
