"""PURE: what a token lets its holder see and do, out of its scopes, its patient and its user's rights.

The union over the granted scopes of: `patient/` = scope ∩ rights ∩ compartment of the patient in context, and
`user/` = scope ∩ rights. Where no person stands behind the token, `system/` = scope, as far as the client is
registered for it. Nothing else gives access; a token without a resource scope reads nothing. What stands
behind a scope's "?" narrows its rule to the resources that it finds.
https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-fhir-resources
"""

from collections.abc import Iterable, Iterator, Mapping

from fhir.access import Rule
from fhir.registry import RESOURCE_TYPES
from launch.rights import Rights
from oauth.scopes import WILDCARD, NamedScope, ResourceScope, Scope, narrow

READS, WRITES = frozenset("rs"), frozenset("cud")
_NOBODY: frozenset[str] = frozenset()
ALLOWS_OWN_RECORD = frozenset({NamedScope("openid"), NamedScope("fhirUser")})


def rules(scopes: Iterable[Scope], rights: Rights, patient: str) -> tuple[Rule, ...]:
    """The rules of an Access. `patient` is the id of the patient in the token's context, "" if it has
    none.
    """
    in_context = frozenset({patient}) if rights.reaches(patient) else _NOBODY
    patients_of = {"user": rights.patients, "patient": in_context}
    return _united(scopes, patients_of, rights.writable)


def client_rules(scopes: Iterable[Scope], registered: Iterable[Scope]) -> tuple[Rule, ...]:
    """The rules of a client that acts for itself: its `system/` scopes, as far as it is `registered` for
    them now.

    https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html#scopes
    """
    return _united(narrow(scopes, registered), {"system": None}, frozenset(RESOURCE_TYPES))


def _united(
    scopes: Iterable[Scope], patients_of: Mapping[str, frozenset[str] | None], writable: frozenset[str]
) -> tuple[Rule, ...]:
    """One rule for what several scopes say alike. `patients_of` has whose data a scope of each context
    reaches: None for everybody's; a context that it does not name reaches nobody's.
    """
    parts = [part for scope in scopes for part in _parts(scope, patients_of, writable)]
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


def _parts(
    scope: Scope, patients_of: Mapping[str, frozenset[str] | None], all_writable: frozenset[str]
) -> Iterator[Rule]:
    """The rules that one scope is worth: one for reading, one for writing, as far as the holder may do
    either.
    """
    if not isinstance(scope, ResourceScope) or (scope.query and scope.type == WILDCARD):
        return
    patients = patients_of.get(scope.context, _NOBODY)
    if patients is not None and not patients:
        return
    types = None if scope.type == WILDCARD else frozenset({scope.type})
    letters = frozenset(scope.letters)
    if letters & READS:
        yield Rule(types, letters & READS, patients, scope.query)
    writable = all_writable if types is None else all_writable & types
    if letters & WRITES and writable:
        yield Rule(writable, letters & WRITES, patients, scope.query)
