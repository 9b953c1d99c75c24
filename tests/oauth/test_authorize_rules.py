"""The ordered rules of /oauth/authorize: each alone, and which of two faults wins."""

import itertools
from collections.abc import Callable, Mapping, Sequence

import pytest

from oauth.authorize_rules import MAX_LENGTH, RULES, Asked, first_refusal
from oauth.scopes import NamedScope

BASE = "https://cdr.example.org/fhir"
GOOD: dict[str, list[str]] = {
    "client_id": ["viewer"],
    "redirect_uri": ["https://app.example.org/cb"],
    "response_type": ["code"],
    "state": ["xyz"],
    "aud": [BASE],
    "scope": ["openid"],
    "code_challenge": ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"],
    "code_challenge_method": ["S256"],
}


class Client:
    """A registered client, as the rules see it."""

    is_live = True

    def redirect_uri_allowed(self, uri: str) -> bool:
        """One address is registered."""
        return uri == "https://app.example.org/cb"

    def may_use_grant(self, grant_type: str) -> bool:
        """Only this grant."""
        return grant_type == "authorization_code"


class SuspendedClient(Client):
    """The same client after staff suspended it."""

    is_live = False


def asked(parameters: Mapping[str, Sequence[str]], **known: object) -> Asked:
    facts = {
        "client": Client(),
        "fhir_base": BASE,
        "granted": (NamedScope("openid"),),
        "launch_refusal": "",
        **known,
    }
    return Asked(parameters=parameters, **facts)  # type: ignore[arg-type]


Break = Callable[[dict[str, list[str]], dict[str, object]], None]


def _set(name: str, *values: str) -> Break:
    def break_it(parameters: dict[str, list[str]], known: dict[str, object]) -> None:
        parameters[name] = list(values)

    return break_it


def _know(name: str, value: object) -> Break:
    def break_it(parameters: dict[str, list[str]], known: dict[str, object]) -> None:
        known[name] = value

    return break_it


# In the order of the rules; every fault touches what no other fault touches.
FAULTS: list[tuple[str, str, Break]] = [
    ("check_client", "invalid_client", _know("client", None)),
    ("check_redirect_uri", "invalid_request", _set("redirect_uri", "https://app.example.org/cb/")),
    ("check_well_formed", "invalid_request", _set("state", "one", "two")),
    ("check_response_type", "unsupported_response_type", _set("response_type", "code id_token")),
    ("check_no_request_object", "request_not_supported", _set("request", "eyJ")),
    ("check_pkce_s256", "invalid_request", _set("code_challenge_method", "plain")),
    ("check_aud", "invalid_request", _set("aud", "https://evil.example.org/fhir")),
    ("check_scope", "invalid_scope", _know("granted", ())),
    ("check_launch", "invalid_request", _know("launch_refusal", "expired")),
    ("check_prompt", "invalid_request", _set("prompt", "none login")),
]


def refusal_of(*breaks: Break) -> tuple[str, str]:
    parameters, known = dict(GOOD), dict[str, object]()
    for break_it in breaks:
        break_it(parameters, known)
    refusal = first_refusal(asked(parameters, **known))
    assert refusal is not None
    return refusal.rule, refusal.error


def test_a_good_request_breaks_no_rule() -> None:
    assert first_refusal(asked(GOOD)) is None


def test_every_rule_has_its_fault_in_the_same_order() -> None:
    assert [rule.__name__ for rule in RULES] == [rule for rule, _, _ in FAULTS]


@pytest.mark.parametrize(("rule", "error", "break_it"), FAULTS, ids=[rule for rule, _, _ in FAULTS])
def test_a_fault_is_refused_by_its_rule(rule: str, error: str, break_it: Break) -> None:
    assert refusal_of(break_it) == (rule, error)


@pytest.mark.requirement("CONTRACT: the order of the rules")
@pytest.mark.parametrize(
    ("first", "second"),
    list(itertools.combinations(FAULTS, 2)),
    ids=[f"{one[0]}-{two[0]}" for one, two in itertools.combinations(FAULTS, 2)],
)
def test_of_two_faults_the_earlier_rule_wins(
    first: tuple[str, str, Break], second: tuple[str, str, Break]
) -> None:
    assert refusal_of(first[2], second[2]) == first[:2]


@pytest.mark.parametrize(
    ("name", "values", "rule", "error"),
    [
        ("client_id", [], "check_client", "invalid_client"),
        ("client_id", ["viewer", "viewer"], "check_client", "invalid_client"),
        ("redirect_uri", [], "check_redirect_uri", "invalid_request"),
        ("redirect_uri", ["https://app.example.org/cb"] * 2, "check_redirect_uri", "invalid_request"),
        ("redirect_uri", ["https://app.example.org/cb\x00"], "check_redirect_uri", "invalid_request"),
        ("scope", ["openid", "openid"], "check_well_formed", "invalid_request"),
        ("nonce", ["a\x00b"], "check_well_formed", "invalid_request"),
        ("state", ["s" * (MAX_LENGTH + 1)], "check_well_formed", "invalid_request"),
        ("whatever", ["a", "b"], "check_well_formed", "invalid_request"),
        ("response_type", [], "check_response_type", "invalid_request"),
        ("response_type", [""], "check_response_type", "invalid_request"),
        ("response_type", ["token"], "check_response_type", "unsupported_response_type"),
        ("response_type", ["codex"], "check_response_type", "unsupported_response_type"),
        ("response_type", ["code code"], "check_response_type", "unsupported_response_type"),
        ("response_type", ["none"], "check_response_type", "unsupported_response_type"),
        ("response_mode", ["fragment"], "check_response_type", "invalid_request"),
        ("request_uri", ["https://x"], "check_no_request_object", "request_uri_not_supported"),
        ("code_challenge", [], "check_pkce_s256", "invalid_request"),
        ("code_challenge", ["short"], "check_pkce_s256", "invalid_request"),
        ("code_challenge_method", [], "check_pkce_s256", "invalid_request"),
        ("code_challenge_method", ["s256"], "check_pkce_s256", "invalid_request"),
        ("aud", [], "check_aud", "invalid_request"),
        ("aud", [f"{BASE}//"], "check_aud", "invalid_request"),
        ("aud", [f"{BASE}/Patient"], "check_aud", "invalid_request"),
        ("aud", ["https://cdr.example.org"], "check_aud", "invalid_request"),
        ("prompt", ["create"], "check_prompt", "invalid_request"),
        ("prompt", ["login Consent"], "check_prompt", "invalid_request"),
        ("prompt", ["none select_account"], "check_prompt", "invalid_request"),
        ("max_age", ["-1"], "check_prompt", "invalid_request"),
        ("max_age", ["soon"], "check_prompt", "invalid_request"),
    ],
)
def test_a_bad_parameter_is_refused(name: str, values: list[str], rule: str, error: str) -> None:
    assert refusal_of(_set(name, *values)) == (rule, error)


def test_a_trailing_slash_in_aud_is_tolerated() -> None:
    assert first_refusal(asked({**GOOD, "aud": [f"{BASE}/"]})) is None


def test_a_client_that_is_not_live_is_refused() -> None:
    assert refusal_of(_know("client", SuspendedClient())) == ("check_client", "invalid_client")


def test_only_unproven_requests_are_answered_on_our_own_page() -> None:
    shown = []
    for _, _, break_it in FAULTS:
        parameters, known = dict(GOOD), dict[str, object]()
        break_it(parameters, known)
        refusal = first_refusal(asked(parameters, **known))
        assert refusal is not None
        shown.append(refusal.for_person)
    assert shown == [True, True, *[False] * (len(FAULTS) - 2)]


def test_no_refusal_tells_a_launch_value_or_a_challenge() -> None:
    secrets = {"launch": ["launch-secret"], "code_challenge": ["challenge-secret"], "aud": ["x"]}
    for known in ({"launch_refusal": "already used"}, {}):
        refusal = first_refusal(asked({**GOOD, **secrets}, **known))
        assert refusal is not None
        assert "secret" not in f"{refusal}"
