"""Adds what `_include` and `_revinclude` ask for: one statement for a page, and one for each further round of
`:iterate`. Every resource that is added is within reach of the access itself, however it was found.
"""

from collections.abc import Iterable, Iterator, Sequence

from django.conf import settings

from fhir.access import Access
from fhir.condition import ALWAYS, NEVER, Condition
from fhir.enforcement import visible
from fhir.hashing import digest, reference_key
from fhir.registry import SearchParameter
from fhir.search import include_canonical
from fhir.search.criteria import all_of, any_of
from fhir.search.engine import Hit
from fhir.search.include_values import Include, holds_canonicals, holds_references, led_to
from fhir.search.rowsets import among, rows_of
from fhir.search.time_limit import end_of_time, fetch

ROUNDS = 8
"""How often `:iterate` goes on from what it has found."""

_COLUMNS = "r.id, r.patient, r.date, r.type, r.fhir_id, r.text, r.version"


def included(access: Access, includes: Sequence[Include], hits: Sequence[Hit]) -> tuple[list[Hit], bool]:
    """Return the resources to add to `hits`, none twice and none of `hits`, and whether these are all.

    At most as many are added as the largest page may have. Raises FhirError (504) where it takes too long.
    """
    until = end_of_time()
    seen = {hit.number for hit in hits}
    found: list[Hit] = []
    latest: Sequence[Hit] = hits
    due: Sequence[Include] = includes
    for _ in range(ROUNDS):
        room = settings.FHIR_MAX_PAGE_SIZE - len(found)
        added = _round(access, due, latest, room + 1, until)
        fresh = {hit.number: hit for hit in added if hit.number not in seen}
        if len(fresh) > room:
            return [*found, *list(fresh.values())[:room]], False
        seen |= fresh.keys()
        latest = list(fresh.values())
        found += latest
        due = [each for each in includes if each.iterate]
        if not latest or not due:
            return found, True
    return found, False


def _round(
    access: Access, includes: Sequence[Include], hits: Sequence[Hit], limit: int, until: float
) -> list[Hit]:
    parts = [part for each in includes for part in _parts(access, each, hits)]
    if not parts:
        return []
    params = tuple(value for part in parts for value in part.params)
    rows = fetch(f"{' UNION '.join(part.sql for part in parts)} LIMIT %s", (*params, limit), until)
    return [Hit(*row) for row in rows]


def _parts(access: Access, include: Include, hits: Sequence[Hit]) -> Iterator[Condition]:
    """The SELECTs of what one include adds to these resources; none if that can be nothing."""
    literal = [each for each in include.parameters if holds_references(each)]
    canonical = [each for each in include.parameters if holds_canonicals(each)]
    if include.reverse:
        starts = [hit for hit in hits if include.target in ("", hit.type)]
        reach = visible(access, include.source, "s")
        if literal and starts and reach is not NEVER:
            yield _pointing(_hashes(literal), starts, reach)
        named = [hit for hit in starts if any(hit.type in led_to(each) for each in canonical)]
        if named and reach is not NEVER:
            yield _resources(all_of((include_canonical.naming(named, canonical), reach)))
        return
    starts = [hit for hit in hits if hit.type == include.source]
    reach = _readable(access, _targets(include, literal))
    if starts and reach is not NEVER:
        yield _pointed_at(_hashes(literal), starts, reach)
    types = _targets(include, canonical)
    reach = _readable(access, types)
    if starts and reach is not NEVER:
        yield _resources(all_of((include_canonical.named_by(starts, canonical, sorted(types)), reach)))


def _hashes(parameters: Sequence[SearchParameter]) -> Condition:
    return among([digest(each.resource_type, each.code) for each in parameters])


def _targets(include: Include, parameters: Sequence[SearchParameter]) -> frozenset[str]:
    """The types that these parameters lead to, as far as they are asked for."""
    types = frozenset[str]().union(*(led_to(each) for each in parameters))
    return types & {include.target} if include.target else types


def _resources(where: Condition) -> Condition:
    return Condition(
        f"SELECT {_COLUMNS} FROM fhir_resource r WHERE NOT r.deleted AND {where.sql}",
        where.params,
    )


def _pointing(hashes: Condition, targets: Sequence[Hit], reach: Condition) -> Condition:
    keys = among([reference_key(hit.type, hit.fhir_id) for hit in targets])
    return Condition(
        f"SELECT {_COLUMNS} FROM fhir_resource r "
        "WHERE r.id IN (SELECT x.resource_id FROM fhir_referenceindex x "
        f"WHERE x.hash {hashes.sql} AND x.target {keys.sql}) AND NOT r.deleted AND {reach.sql}",
        (*hashes.params, *keys.params, *reach.params),
    )


def _pointed_at(hashes: Condition, sources: Sequence[Hit], reach: Condition) -> Condition:
    rows = rows_of("p(id, patient, date)", [(hit.number, hit.patient, hit.date) for hit in sources])
    return Condition(
        f"SELECT {_COLUMNS} FROM (SELECT DISTINCT x.target FROM {rows.sql} "
        f"JOIN fhir_referenceindex x ON x.hash {hashes.sql} AND x.patient = p.patient AND x.date = p.date "
        # CROSS JOIN: SQLite keeps this order, and would else walk all resources of the types in `reach`.
        f"AND x.resource_id = p.id) w CROSS JOIN fhir_resource r "
        f"WHERE r.key = w.target AND NOT r.deleted AND {reach.sql}",
        (*rows.params, *hashes.params, *reach.params),
    )


def _readable(access: Access, types: Iterable[str]) -> Condition:
    """The condition that `r` is of one of these types and within reach, by reading or by searching."""
    groups: dict[Condition, list[str]] = {}
    for resource_type in sorted(types):
        reach = _either(visible(access, resource_type, "r"), visible(access, resource_type, "s"))
        if reach is not NEVER:
            groups.setdefault(reach, []).append(resource_type)
    if not groups:
        return NEVER
    return any_of(
        Condition(f"(r.type IN ({', '.join(['%s'] * len(names))}) AND {reach.sql})", (*names, *reach.params))
        for reach, names in groups.items()
    )


def _either(one: Condition, other: Condition) -> Condition:
    if ALWAYS in (one, other):
        return ALWAYS
    if other is NEVER or one == other:
        return one
    return other if one is NEVER else any_of((one, other))
