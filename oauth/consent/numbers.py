"""How much of the record each line of the consent page is about, counted as the search of that token would.

Only what belongs to the few patients whom the line is about is counted: what is shared by all (medicines,
organizations) says nothing about a person, and to count what a clinician reaches would be to count the
hospital.
"""

from collections.abc import Iterable
from dataclasses import replace

from accounts.models import User
from fhir.access import Access, Rule
from fhir.granular import is_understood
from fhir.outcome import FhirError
from fhir.registry import RESOURCE_TYPES, compartment_class
from fhir.search.query import Query, parse
from fhir.search.tally import tally
from launch.rights import Rights, rights_of
from oauth.consent.narrowing import READING
from oauth.scopes import WILDCARD, ResourceScope, Scope
from oauth.tokens.effective_access import rules
from oauth.us_core_categories import category_of

MOST = 1_000
"""Counting ends here, so that a long record costs no more than a short one."""
MOST_QUERIES = 5
"""For so many queries of an app's own numbers are shown. What finds nothing looks at all of a long record."""

# A Binary is found by what it is attached to, which is counted already.
_COUNTED = tuple(
    name for name in RESOURCE_TYPES if compartment_class(name) == "compartment" and name != "Binary"
)
_Question = tuple[frozenset[str], str, str]
"""Patients, type and query."""


def numbers(user: User, patient: str, scopes: Iterable[Scope]) -> dict[Scope, int]:
    """For each of the scopes that reads a person's own kind of data: how many resources it is about.

    `patient` is the id of the patient in context, "" for none. MOST + 1 stands for more than MOST. Scopes
    that nothing can be said of are left out; all of them, if the database takes too long.
    """
    rights, is_clinician = rights_of(user), user.fhir_user_type == "Practitioner"
    about_few = (scope for scope in scopes if not (is_clinician and _is_for_everybody(scope)))
    asked = {scope: found for scope in about_few if (found := _questions(scope, rights, patient))}
    wanted = list(dict.fromkeys(question for found in asked.values() for question in found))
    own = [question for question in wanted if not _is_cheap(question)]
    try:
        counted = _count([question for question in wanted if question not in own[MOST_QUERIES:]])
    except FhirError:
        return {}
    return {
        scope: min(MOST + 1, sum(counted[question] for question in found))
        for scope, found in asked.items()
        if all(question in counted for question in found)
    }


def in_words(number: int) -> str:
    """A number of resources as the page says it."""
    if number > MOST:
        return f"more than {MOST:,} records"
    return {0: "none yet", 1: "1 record"}.get(number, f"{number:,} records")


def _is_cheap(question: _Question) -> bool:
    """Whether the question is answered from one place of an index, so that the limit holds down its cost."""
    _, resource_type, criteria = question
    return not criteria or category_of(resource_type, criteria) is not None


def _is_for_everybody(scope: Scope) -> bool:
    return isinstance(scope, ResourceScope) and scope.context != "patient"


def _questions(scope: Scope, rights: Rights, patient: str) -> tuple[_Question, ...]:
    """What has to be counted for a scope, by the rules that a token with just this scope would have."""
    if not isinstance(scope, ResourceScope) or not READING & set(scope.letters):
        return ()
    reading = replace(scope, letters="rs")
    return tuple(
        (each.patients, name, each.criteria)
        for each in rules([reading], rights, patient)
        if each.patients
        for name in _types(scope)
        if not each.criteria or is_understood(name, each.criteria)
    )


def _types(scope: ResourceScope) -> tuple[str, ...]:
    if scope.type == WILDCARD:
        return _COUNTED
    return (scope.type,) if scope.type in _COUNTED else ()


def _count(questions: list[_Question]) -> dict[_Question, int]:
    """The numbers, by one statement for each set of patients: that is one, or two for proxies."""
    counted: dict[_Question, int] = {}
    for patients in dict.fromkeys(patients for patients, _, _ in questions):
        access = Access(rules=(Rule(frozenset(_COUNTED), READING, patients),))
        mine = [question for question in questions if question[0] == patients]
        queries = [_query(name, criteria) for _, name, criteria in mine]
        counted.update(zip(mine, tally(access, queries, MOST), strict=True))
    return counted


def _query(resource_type: str, criteria: str) -> Query:
    return parse(resource_type, criteria, strict=True) if criteria else Query(resource_type)
