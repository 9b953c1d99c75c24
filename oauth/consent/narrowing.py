"""PURE: what of an asked scope a person may allow instead of the whole, and whether a "no" is one.

A scope that reads all Observations, Conditions or DocumentReferences can be given for single US Core
categories. The narrowed scope keeps all its letters: were only reading narrowed, an app that may still change
everything would read by way of its changes, which answer with what they changed.
https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#finer-grained-resource-constraints-using-search-parameters
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from oauth.scopes import WILDCARD, ResourceScope, Scope
from oauth.us_core_categories import CATEGORIES

READING = frozenset("rs")


@dataclass(frozen=True, slots=True)
class Kind:
    """A part of a scope: the scope of one category, and the everyday plural of what is in it."""

    scope: ResourceScope
    words: str

    @property
    def text(self) -> str:
        """The narrowed scope as it goes over the wire."""
        return self.scope.text


def kinds(scope: Scope) -> tuple[Kind, ...]:
    """The single categories that can be allowed in place of the whole scope; none if it has no such parts.

    A scope asked as v1 comes back as v2, since v1 has no words for a part.
    """
    if not isinstance(scope, ResourceScope) or scope.query or not READING & set(scope.letters):
        return ()
    if scope.context == "system":
        return ()
    return tuple(
        Kind(replace(scope, query=each.query, asked_as_v1=False), each.words)
        for each in CATEGORIES.get(scope.type, ())
    )


def undoes(given: Scope, withheld: Scope, *, only_own_record: bool = False) -> bool:
    """Whether who holds `given` has at least some of what a person meant to withhold, as scopes add up.

    `user/` takes in the patient in context; `only_own_record` says that there is nobody beside them.
    https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-fhir-resources
    """
    if not isinstance(given, ResourceScope) or not isinstance(withheld, ResourceScope):
        return given == withheld
    with_person = "system" not in (given.context, withheld.context)
    takes_in = with_person and (given.context == "user" or only_own_record)
    return (
        (given.context == withheld.context or takes_in)
        and given.type in (withheld.type, WILDCARD)
        and given.query in (withheld.query, "")
        and bool(set(given.letters) & set(withheld.letters))
    )


def first_undone(
    granted: Iterable[Scope], withheld: Iterable[Scope], *, only_own_record: bool
) -> tuple[Scope, Scope] | None:
    """The first pair of a scope granted and one withheld that the former gives all the same, or None."""
    given = tuple(granted)
    return next(
        (
            (wide, slim)
            for slim in withheld
            for wide in given
            if undoes(wide, slim, only_own_record=only_own_record)
        ),
        None,
    )
