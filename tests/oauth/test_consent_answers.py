"""Whatever is asked and ticked: nothing beyond it is granted, and what is withheld is not reached."""

from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from fhir.access import Rule
from launch.rights import Rights
from oauth.consent.answers import answer
from oauth.consent.lines import Line
from oauth.consent.narrowing import kinds
from oauth.models import Application, AuthorizationRequest
from oauth.scope_words import describe
from oauth.scopes import WILDCARD, ResourceScope, Scope, narrow, parse_scopes, to_text
from oauth.tokens.effective_access import rules

TEXTS = [
    "patient/*.rs",
    "patient/*.r",
    "patient/Observation.rs",
    "patient/Observation.read",
    "patient/Observation.cruds",
    "patient/Condition.rs",
    "user/Observation.rs",
    "user/*.cruds",
    "patient/Observation.rs?status=final",
    "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
    "offline_access",
    "fhirUser",
]
RIGHTS = Rights(frozenset({"p1", "p2"}), frozenset({"Observation", "Condition"}))
ASKED = st.lists(st.sampled_from(TEXTS), min_size=1, max_size=5, unique=True)


def shown(scopes: tuple[Scope, ...]) -> list[Line]:
    """A page on which every scope has a tick."""
    return [Line(scope, describe(scope), True, False, False, kinds(scope)) for scope in scopes]


def reached(scopes: tuple[Scope, ...]) -> set[tuple[str, str, str]]:
    """Type, letter and patient of all that is reached without a query, of the types in the test."""
    found: set[tuple[str, str, str]] = set()
    for rule in rules(scopes, RIGHTS, "p1"):
        found |= set() if rule.criteria else _of(rule)
    return found


def _of(rule: Rule) -> set[tuple[str, str, str]]:
    types = {"Observation", "Condition", "Goal"} if rule.types is None else rule.types
    return {(name, letter, one) for name in types for letter in rule.letters for one in rule.patients or ()}


@given(ASKED, st.data())
def test_what_is_granted_lies_within_the_ticks_and_nothing_that_is_withheld_is_reached(
    texts: list[str], data: st.DataObject
) -> None:
    asked = parse_scopes(" ".join(texts)) or ()
    lines = shown(asked)
    offered = [text for line in lines for text in (line.text, *(kind.text for kind in line.kinds))]
    ticked = data.draw(st.lists(st.sampled_from([*offered, "patient/Goal.rs", "user/*.rs"]), max_size=6))
    stored = AuthorizationRequest(application=Application(), scope=to_text(asked))
    given_answer = answer(stored, User(fhir_user="RelatedPerson/eve"), lines, ticked)
    granted = given_answer.granted
    assert set(narrow(granted, asked)) == set(granted)
    assert {scope.text for scope in granted} <= set(ticked)
    assert not (granted and given_answer.fault)
    for scope in asked:
        if not granted or scope.text in ticked or not isinstance(scope, ResourceScope) or scope.query:
            continue
        if scope.type == WILDCARD:  # to leave out "all" is not to leave out each
            continue
        # Of the patient in context nothing is reached but by kinds that were ticked.
        in_context = {each for each in reached((scope,)) if each[2] == "p1"}
        others = tuple(
            one
            for one in granted
            if isinstance(one, ResourceScope) and one.context in (scope.context, "user")
        )
        assert in_context.isdisjoint(reached(others))


@given(ASKED)
def test_to_tick_all_is_to_grant_all_and_to_tick_nothing_is_a_refusal(texts: list[str]) -> None:
    asked = parse_scopes(" ".join(texts)) or ()
    stored = AuthorizationRequest(application=Application(), scope=to_text(asked))
    user = User(fhir_user="Patient/p1")
    assert answer(stored, user, shown(asked), texts).granted == asked
    nothing = answer(stored, user, shown(asked), [])
    assert (nothing.granted, nothing.fault) == ((), "")
