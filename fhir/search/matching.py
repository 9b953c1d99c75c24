"""Which resources a condition names: for conditional interactions, and references that are queries.

https://hl7.org/fhir/R4/http.html#trules https://hl7.org/fhir/R4/http.html#ccreate
"""

from collections.abc import Collection
from dataclasses import replace

from fhir.access import Access
from fhir.condition import NEVER, Condition
from fhir.enforcement import AccessLapsed, guard, require, visible
from fhir.hashing import digest
from fhir.search import engine
from fhir.search.criteria import Asked, any_of
from fhir.search.escapes import split, unescape
from fhir.search.query import Query, parse
from fhir.search.rowsets import rows_of
from fhir.search.time_limit import fetch

ENOUGH = 2
"""How many matches are told: more than one is refused by whoever asks, however many."""

Reference = tuple[str, str]
"""A resource type and a query string."""


def matches_of_all(references: Collection[Reference], access: Access) -> dict[Reference, list[str]]:
    """Return for each of these queries the ids of up to two resources that match and that `access` may find.

    All that ask for one identifier with its system are answered by one statement, however many they are.
    Raises Forbidden if `access` may not search one of the types, BadRequest for a query that the strict
    reading refuses, AccessLapsed where the guard does not hold.
    """
    found: dict[Reference, list[str]] = {}
    wanted: dict[tuple[str, int, int], list[Reference]] = {}
    for reference in dict.fromkeys(references):
        resource_type, text = reference
        require(access, resource_type, "s")
        query = parse(resource_type, text, strict=True)
        identifier = _identifier(query)
        if identifier is None:
            page = engine.page(access, replace(query, sort=(), cursor=""), ENOUGH, counted=False)
            found[reference] = [hit.fhir_id for hit in page.hits]
            continue
        found[reference] = []
        wanted.setdefault((resource_type, *identifier), []).append(reference)
    for resource_type, fhir_id, hashed, system in _look_up(wanted, access):
        for reference in wanted.get((resource_type, hashed, system), ()):
            found[reference] = [*found[reference], fhir_id][:ENOUGH]
    return found


def _identifier(query: Query) -> tuple[int, int] | None:
    """The (hash, system) of the token, if a query asks for one identifier with its system and no more."""
    if len(query.asked) != 1:
        return None
    [asked] = query.asked
    if not isinstance(asked, Asked):
        return None
    if asked.parameter.code != "identifier" or asked.modifier or len(asked.values) != 1:
        return None
    parts = [unescape(part) for part in split(asked.values[0], "|")]
    if len(parts) != 2 or not all(parts):
        return None
    return digest(query.type, "identifier", parts[1]), digest(parts[0])


def _look_up(wanted: Collection[tuple[str, int, int]], access: Access) -> list[tuple[str, str, int, int]]:
    """The (type, id, hash, system) of the resources with one of these tokens."""
    reach = _reach({resource_type for resource_type, _, _ in wanted}, access)
    if reach is NEVER:
        return []
    alive = guard(access)
    rows = rows_of("p(hash, system)", [(hashed, system) for _, hashed, system in wanted])
    found = fetch(
        "SELECT g.alive, m.type, m.fhir_id, m.hash, m.system "
        f"FROM (SELECT {alive.sql} AS alive LIMIT 1) g "
        f"LEFT JOIN (SELECT r.type, r.fhir_id, x.hash, x.system FROM {rows.sql} "
        "JOIN fhir_tokenindex x ON x.hash = p.hash AND x.system = p.system "
        f"JOIN fhir_resource r ON r.id = x.resource_id WHERE NOT r.deleted AND {reach.sql}) m ON g.alive",
        (*alive.params, *rows.params, *reach.params),
    )
    if not found[0][0]:
        raise AccessLapsed
    return [row[1:] for row in found if row[1] is not None]


def _reach(types: Collection[str], access: Access) -> Condition:
    """The condition that `r` is of one of these types and may be found."""
    parts = []
    for resource_type in sorted(types):
        reach = visible(access, resource_type, "s")
        if reach is not NEVER:
            parts.append(Condition(f"(r.type = %s AND {reach.sql})", (resource_type, *reach.params)))
    return any_of(parts) if parts else NEVER
