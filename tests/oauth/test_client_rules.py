"""What a client's own token lets it do, held against the plainest reading of its scopes."""

from hypothesis import given
from hypothesis import strategies as st

from fhir.access import LETTERS, Rule
from launch.rights import NO_RIGHTS, Rights
from oauth.scopes import WILDCARD, ResourceScope, Scope, in_order
from oauth.tokens.effective_access import client_rules, rules

TYPES = ("Patient", "Observation", "CodeSystem")
SCOPES: st.SearchStrategy[list[Scope]] = st.lists(
    st.builds(
        ResourceScope,
        st.sampled_from(["system", "system", "user", "patient"]),
        st.sampled_from([*TYPES, WILDCARD]),
        st.sets(st.sampled_from(LETTERS), min_size=1).map(in_order),
    ),
    max_size=4,
)


def allowed(found: tuple[Rule, ...], resource_type: str, letter: str) -> bool:
    return any(rule.concerns(resource_type, letter) for rule in found)


def says(scopes: list[Scope], resource_type: str, letter: str) -> bool:
    """Whether one of the scopes grants this to a client that acts for itself."""
    return any(
        isinstance(scope, ResourceScope)
        and scope.context == "system"
        and scope.type in (resource_type, WILDCARD)
        and letter in scope.letters
        for scope in scopes
    )


@given(granted=SCOPES, registered=SCOPES)
def test_a_client_may_do_what_its_token_and_its_registration_both_say(
    granted: list[Scope], registered: list[Scope]
) -> None:
    found = client_rules(granted, registered)
    for resource_type in TYPES:
        for letter in LETTERS:
            both = says(granted, resource_type, letter) and says(registered, resource_type, letter)
            assert allowed(found, resource_type, letter) == both
    assert all(rule.patients is None and not rule.criteria for rule in found)


@given(granted=SCOPES)
def test_no_person_gains_anything_by_a_system_scope(granted: list[Scope]) -> None:
    everything = Rights(patients=None, writable=frozenset(TYPES))
    others = [scope for scope in granted if isinstance(scope, ResourceScope) and scope.context != "system"]
    assert set(rules(granted, everything, "p1")) == set(rules(others, everything, "p1"))
    assert rules(granted, NO_RIGHTS, "p1") == ()


def test_a_query_in_either_narrows_the_rule() -> None:
    wide, narrow = (
        ResourceScope("system", "Observation", "rs"),
        ResourceScope("system", "Observation", "rs", "code=1"),
    )
    for granted, registered in ((wide, narrow), (narrow, wide), (narrow, narrow)):
        assert client_rules([granted], [registered]) == (
            Rule(frozenset({"Observation"}), frozenset("rs"), None, "code=1"),
        )
    other = ResourceScope("system", "Observation", "rs", "code=2")
    assert client_rules([narrow], [other]) == ()
    any_type = ResourceScope("system", WILDCARD, "rs", "code=1")
    assert client_rules([any_type], [wide]) == client_rules([narrow], [wide])
