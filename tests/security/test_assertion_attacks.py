"""Attacks on clients' assertions: whatever is changed in one, it proves nothing any more.

Each test says which attack it tries; none may get a token, and none may use up the client's own proof.
"""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from oauth.clients.assertion import BadAssertion, read_assertion
from oauth.jwk_sets import read_key_set
from oauth.models import AccessToken, ClientAssertionJti
from tests.oauth.services import TOKEN_URL, Service, ec_key, encode, jwk_of, jwks_of, make_service, rsa_key

NAME = "service-under-attack"
SETS = {
    "ES384": read_key_set(jwks_of(jwk_of(ec_key(), "first"))),
    "RS384": read_key_set(jwks_of(jwk_of(rsa_key(), "first"))),
}
PRIVATE: dict[str, Any] = {"ES384": ec_key(), "RS384": rsa_key()}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=5,
)
ALGORITHMS = st.sampled_from(sorted(SETS))
ONLY_TEXT = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def claims_of(name: str = NAME) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": name,
        "sub": name,
        "aud": TOKEN_URL,
        "exp": now + 240,
        "iat": now,
        "nbf": now,
        "jti": "one",
    }


def sign(header: dict[str, Any], claims: dict[str, Any], alg: str) -> str:
    """A JWT with a good signature over anything."""
    text = f"{encode(header)}.{encode(claims)}"
    signature = jwt.get_algorithm_by_name(alg).sign(text.encode(), PRIVATE[alg])
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def good(alg: str) -> str:
    return sign({"alg": alg, "kid": "first", "typ": "JWT"}, claims_of(), alg)


def proves(text: str) -> bool:
    """Whether the text is an assertion of this client, signed by its key."""
    try:
        assertion = read_assertion(text)
    except BadAssertion:
        return False
    keys = [key for key in SETS[assertion.algorithm].keys if key.kid == assertion.kid]
    return assertion.client_id == NAME and any(assertion.is_signed_by(key) for key in keys)


@pytest.mark.parametrize("alg", sorted(SETS))
def test_the_assertion_itself_is_good(alg: str) -> None:
    assert proves(good(alg))


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7523#section-3")
@given(alg=ALGORITHMS, name=st.sampled_from(["iss", "sub", "aud", "exp"]), value=JSON)
@ONLY_TEXT
def test_a_required_claim_with_any_other_value_is_refused_although_it_is_signed(
    alg: str, name: str, value: Any
) -> None:
    claims = claims_of()
    is_good_time = name == "exp" and isinstance(value, int | float) and 0 < value - time.time() <= 310
    assume(value != claims[name] and not is_good_time and value not in ([TOKEN_URL], "http://testserver"))
    assert not proves(sign({"alg": alg, "kid": "first"}, {**claims, name: value}, alg))


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7523#section-3")
@given(alg=ALGORITHMS, name=st.sampled_from(["iss", "sub", "aud", "exp", "jti"]))
@ONLY_TEXT
def test_no_required_claim_can_be_left_out(alg: str, name: str) -> None:
    claims = claims_of()
    del claims[name]
    assert not proves(sign({"alg": alg, "kid": "first"}, claims, alg))


@given(
    alg=ALGORITHMS,
    name=st.sampled_from(["exp", "nbf", "iat"]),
    seconds=st.integers(-(10**12), 10**12) | st.integers(-1000, 1000),
)
@ONLY_TEXT
def test_times_count_within_their_bounds_only(alg: str, name: str, seconds: int) -> None:
    bounds = {"exp": (1, 310), "nbf": (-(10**13), 10), "iat": (-310, 10)}[name]
    assume(all(abs(seconds - bound) > 5 for bound in bounds))
    claims = {**claims_of(), name: int(time.time()) + seconds}
    assert proves(sign({"alg": alg, "kid": "first"}, claims, alg)) == (bounds[0] <= seconds <= bounds[1])


@given(alg=ALGORITHMS, name=st.sampled_from(["alg", "kid", "typ", "crit"]), value=JSON)
@ONLY_TEXT
def test_a_header_with_any_other_value_is_refused_although_it_is_signed(
    alg: str, name: str, value: Any
) -> None:
    header = {"alg": alg, "kid": "first", "typ": "JWT"}
    accepted = {"alg": [alg], "kid": ["first"], "typ": ["JWT", "jwt"], "crit": []}[name]
    assume(not isinstance(value, str) or value.lower() not in [one.lower() for one in accepted])
    assert not proves(sign({**header, name: value}, claims_of(), alg))


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7515#section-5.2")
@given(alg=ALGORITHMS, where=st.floats(0, 1, exclude_max=True), character=st.characters(codec="utf-8"))
@ONLY_TEXT
def test_an_assertion_with_one_character_changed_is_refused(alg: str, where: float, character: str) -> None:
    text = good(alg)
    place = int(where * len(text))
    assume(text[place] != character)
    assert not proves(text[:place] + character + text[place + 1 :])


@given(alg=ALGORITHMS, part=st.sampled_from([0, 1, 2]), length=st.integers(0, 600))
@ONLY_TEXT
def test_an_assertion_with_a_part_cut_short_is_refused(alg: str, part: int, length: int) -> None:
    parts = good(alg).split(".")
    assume(length < len(parts[part]))
    parts[part] = parts[part][:length]
    assert not proves(".".join(parts))


@given(text=st.text(max_size=300) | st.lists(st.text(max_size=40), min_size=3, max_size=3).map(".".join))
@ONLY_TEXT
def test_any_text_at_all_is_read_or_refused_and_proves_nothing(text: str) -> None:
    assert not proves(text)


@pytest.fixture
def service() -> Service:
    return make_service()


def gets_nothing(service: Service, assertion: str) -> None:
    answer = service.ask_token(**service.proof(assertion))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert not AccessToken.objects.exists()
    assert not ClientAssertionJti.objects.exists()


@pytest.mark.django_db
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc8725#section-2.1")
def test_a_key_that_the_attacker_brings_along_is_not_looked_at(service: Service) -> None:
    own = {"jwk": jwk_of(ec_key(7), "first"), "x5c": ["MIIB"], "jku": "https://attacker.example/jwks"}
    service.private = ec_key(7)
    for name, value in own.items():
        gets_nothing(service, service.assertion(headers={name: value}))


@pytest.mark.django_db
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc8725#section-2.8 (one kind of JWT for another)")
def test_tokens_of_ours_are_no_assertions(service: Service) -> None:
    token = service.ask_token().json()["access_token"]
    AccessToken.objects.all().delete()
    ClientAssertionJti.objects.all().delete()
    gets_nothing(service, token)


@pytest.mark.django_db
@pytest.mark.requirement(
    "https://www.rfc-editor.org/rfc/rfc7521#section-8.2 (an assertion for another server)"
)
def test_an_assertion_for_another_server_does_not_count_here_as_well(service: Service) -> None:
    for aud in (
        "https://attacker.example/token",
        [TOKEN_URL, "https://attacker.example/token"],
        TOKEN_URL.upper(),
    ):
        gets_nothing(service, service.assertion(aud=aud))


@pytest.mark.django_db
def test_claims_said_twice_count_neither_way(service: Service) -> None:
    said = json.dumps(service.claims())
    twice = said[:-1] + f', "iss": "{service.application.client_id}"}}'
    text = f"{encode({'alg': 'ES384', 'kid': 'first'})}.{encode(twice)}"
    signature = jwt.get_algorithm_by_name("ES384").sign(text.encode(), service.private)
    gets_nothing(service, f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}")


@pytest.mark.django_db
def test_flooding_with_forgeries_uses_up_nothing_and_stores_nothing(service: Service) -> None:
    good_one = service.assertion()
    owner = service.private
    service.private = ec_key(7)
    for _ in range(5):
        gets_nothing(service, service.assertion())
    service.private = owner
    assert service.ask_token(**service.proof(good_one)).status_code == 200
