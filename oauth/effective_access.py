"""PURE: what a token lets its holder see and do, out of its scopes, its patient and its user's rights.

The union over the granted scopes of: `patient/` = scope ∩ rights ∩ compartment of the patient in context, and
`user/` = scope ∩ rights. Nothing else gives access; a token without a resource scope reads nothing. What
stands behind a scope's "?" narrows its rule to the resources that it finds.
https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-fhir-resources
"""

from collections.abc import Iterable, Iterator

from fhir.access import Rule
from launch.rights import Rights
from oauth.scopes import WILDCARD, NamedScope, ResourceScope, Scope

READS, WRITES = frozenset("rs"), frozenset("cud")
ALLOWS_OWN_RECORD = frozenset({NamedScope("openid"), NamedScope("fhirUser")})


def rules(scopes: Iterable[Scope], rights: Rights, patient: str) -> tuple[Rule, ...]:
    """The rules of an Access. `patient` is the id of the patient in the token's context, "" if it has
    none.
    """
    parts = [part for scope in scopes for part in _parts(scope, rights, patient)]
    types_of: dict[tuple[frozenset[str], frozenset[str] | None], set[str] | None] = {}
    for part in parts:
        if part.criteria:
            continue
        key = (part.letters, part.patients)
        known = types_of.setdefault(key, set())
        types_of[key] = None if known is None or part.types is None else known | part.types
    whole = (
        Rule(types=None if types is None else frozenset(types), letters=letters, patients=patients)
        for (letters, patients), types in types_of.items()
    )
    return (*whole, *dict.fromkeys(part for part in parts if part.criteria))


def shows_own_record(scopes: Iterable[Scope]) -> bool:
    """Whether the token may read its user's own fhirUser resource whatever else it may read."""
    return ALLOWS_OWN_RECORD.issubset(scopes)


def _parts(scope: Scope, rights: Rights, patient: str) -> Iterator[Rule]:
    """The rules that one scope is worth: one for reading, one for writing, as far as the person may do
    either.
    """
    if not isinstance(scope, ResourceScope) or (scope.query and scope.type == WILDCARD):
        return
    patients = _patients(scope.context, rights, patient)
    if patients is not None and not patients:
        return
    types = None if scope.type == WILDCARD else frozenset({scope.type})
    letters = frozenset(scope.letters)
    if letters & READS:
        yield Rule(types, letters & READS, patients, scope.query)
    writable = rights.writable if types is None else rights.writable & types
    if letters & WRITES and writable:
        yield Rule(writable, letters & WRITES, patients, scope.query)


def _patients(context: str, rights: Rights, patient: str) -> frozenset[str] | None:
    """Whose data a scope of this context reaches: None for everybody's, an empty set for nobody's."""
    if context == "user":
        return rights.patients
    if context == "patient" and rights.reaches(patient):
        return frozenset({patient})
    return frozenset()
