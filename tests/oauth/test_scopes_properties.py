"""What holds for all scopes: tried with many that nobody thought of."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from oauth.scopes import (
    LaunchScope,
    NamedScope,
    ResourceScope,
    Scope,
    implies,
    in_order,
    narrow,
    parse_scope,
    parse_scopes,
    to_text,
)

QUERIES = st.sampled_from(["", "category=a", "category=b"])
RESOURCE_SCOPES = st.one_of(
    st.builds(
        ResourceScope,
        st.sampled_from(["patient", "user", "system"]),
        st.sampled_from(["*", "Observation", "Condition", "Patient"]),
        st.sets(st.sampled_from("cruds"), min_size=1).map(in_order),
        QUERIES,
    ),
    st.builds(
        ResourceScope,
        st.sampled_from(["patient", "user"]),
        st.sampled_from(["*", "Observation", "Condition"]),
        st.sampled_from(["rs", "cud", "cruds"]),
        st.just(""),
        st.just(True),
    ),
)
OTHER_SCOPES = st.sampled_from(
    [
        NamedScope("openid"),
        NamedScope("fhirUser"),
        LaunchScope(),
        LaunchScope("patient"),
        LaunchScope("list", "home"),
    ]
)
SCOPE_LISTS = st.lists(st.one_of(RESOURCE_SCOPES, OTHER_SCOPES), max_size=6)


def is_within(scope: Scope, limits: list[Scope]) -> bool:
    """An independent reading of "within": each single letter of a resource scope is held by some limit."""
    if not isinstance(scope, ResourceScope):
        return scope in limits
    singles = [
        ResourceScope(scope.context, scope.type, letter, scope.query, scope.asked_as_v1)
        for letter in scope.letters
    ]
    return all(any(implies(limit, single) for limit in limits) for single in singles)


@given(SCOPE_LISTS, SCOPE_LISTS)
def test_nothing_is_granted_that_was_not_both_asked_and_allowed(
    asked: list[Scope], allowed: list[Scope]
) -> None:
    for scope in narrow(asked, allowed):
        assert is_within(scope, asked)
        assert is_within(scope, allowed)


@given(SCOPE_LISTS, SCOPE_LISTS)
def test_everything_asked_that_is_allowed_is_granted(asked: list[Scope], allowed: list[Scope]) -> None:
    granted = list(narrow(asked, allowed))
    for scope in asked:
        if is_within(scope, allowed):
            assert is_within(scope, granted)


@given(SCOPE_LISTS, SCOPE_LISTS)
def test_narrowing_once_more_changes_nothing(asked: list[Scope], allowed: list[Scope]) -> None:
    once = narrow(asked, allowed)
    assert narrow(once, allowed) == once
    assert set(narrow(once, once)) == set(once)


@given(SCOPE_LISTS, SCOPE_LISTS, st.randoms(use_true_random=False))
def test_the_order_of_scopes_does_not_change_what_is_granted(
    asked: list[Scope], allowed: list[Scope], random: Random
) -> None:
    granted = set(narrow(asked, allowed))
    shuffled, limits = list(asked), list(allowed)
    random.shuffle(shuffled)
    random.shuffle(limits)
    assert set(narrow(shuffled, limits)) == granted


@given(SCOPE_LISTS)
def test_what_is_written_down_is_read_again_as_the_same_scopes(scopes: list[Scope]) -> None:
    assert parse_scopes(to_text(scopes)) == tuple(dict.fromkeys(scopes))


@given(st.text(max_size=60))
def test_any_text_is_either_refused_or_read_without_growing(text: str) -> None:
    scope = parse_scope(text)
    assert scope is None or parse_scope(scope.text) == scope


@given(st.text(alphabet="patienuserym/*.cruds?=&%Obv", max_size=30))
def test_text_that_nearly_is_a_scope_is_read_literally_or_not_at_all(text: str) -> None:
    scope = parse_scope(text)
    assert scope is None or scope.text == text
