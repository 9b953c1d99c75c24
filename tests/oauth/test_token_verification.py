"""Whatever somebody sends as a token is either ours or refused in one way."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jwt.utils import base64url_encode

from oauth.tokens.verification import NotOurToken, verify
from tests.oauth.issuing import issue, make_key, make_user

pytestmark = pytest.mark.django_db
MANY = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def encoded(value: object) -> str:
    return base64url_encode(json.dumps(value).encode()).decode()


def test_our_own_token_is_recognised_with_its_key() -> None:
    key = make_key()
    issued = issue(key, make_user(), scope="openid")
    verified = verify(issued.token)
    assert verified.kid == key.row.kid
    assert verified.checksum == issued.row.token_checksum


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "iat", "sub", "jti", "client_id"])
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9068#section-2.2")
def test_a_token_without_a_required_claim_is_refused(claim: str) -> None:
    left_out: dict[str, Any] = {claim: None}
    issued = issue(make_key(), make_user(), scope="openid", **left_out)
    with pytest.raises(NotOurToken):
        verify(issued.token)


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "at+jwt", "alg": "ES256", "kid": "a\x00b"},
        {"typ": "at+jwt", "alg": "ES256", "kid": 5},
        {"typ": "at+jwt", "alg": "ES256", "kid": ["a"]},
        {"typ": "at+jwt", "alg": "ES256", "kid": "a" * 9_000},
        {"typ": "at+jwt", "alg": "ES256"},
        {"typ": ["at+jwt"], "alg": "ES256", "kid": "a"},
        {"typ": "at+jwt", "alg": 5, "kid": "a"},
        {"typ": "at+jwt", "alg": "ES256", "kid": "a", "crit": ["b64"], "b64": False},
        [],
        "at+jwt",
        None,
        5,
    ],
)
def test_a_strange_header_is_refused(header: object) -> None:
    with pytest.raises(NotOurToken):
        verify(f"{encoded(header)}.{encoded({})}.AAAA")


@pytest.mark.parametrize("text", ["[" * 9_000, '{"a":' * 2_000, "\ud800", "NaN"])
def test_hostile_json_in_the_header_is_refused(text: str) -> None:
    header = base64url_encode(text.encode("utf-8", "surrogatepass")).decode()
    with pytest.raises(NotOurToken):
        verify(f"{header}.e30.AAAA")


@MANY
@given(st.text(max_size=80))
def test_any_text_is_refused_in_the_same_way(text: str) -> None:
    with pytest.raises(NotOurToken):
        verify(text)


@MANY
@given(st.integers(min_value=0, max_value=10_000), st.characters(codec="ascii"))
def test_a_token_with_any_one_character_changed_is_refused(place: int, character: str) -> None:
    token = issue(make_key(), make_user(), scope="openid").token
    place %= len(token) - 1
    changed = token[:place] + character + token[place + 1 :]
    if changed != token:
        with pytest.raises(NotOurToken):
            verify(changed)
