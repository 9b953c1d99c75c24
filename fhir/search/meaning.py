"""From what was asked to its criterion: each type of parameter has its module; chains are put together here.

What a chain asks of other resources is asked like a search for them: only those count that the access finds.
"""

from collections.abc import Iterable

from fhir.access import Access
from fhir.condition import Condition
from fhir.hashing import digest
from fhir.outcome import Forbidden
from fhir.search.branches import Branch, branches
from fhir.search.criteria import REFERENCES, Asked, Chained, Criterion, Part, Pointed, Probe
from fhir.search.plain import plain


def criterion(part: Part, access: Access) -> Criterion:
    """Return what one parameter of a query asks of the resources that `access` finds.

    Raises BadRequest if a value or the modifier is not understood, Forbidden for a chain over types that
    `access` may not search.
    """
    match part:
        case Asked():
            return plain(part)
        case Chained():
            return _chained(part, access)
        case Pointed():
            return _pointed(part, access)


def _chained(chain: Chained, access: Access) -> Criterion:
    """A reference to one of the resources that the rest of the chain finds."""
    options = [option for option in chain.options if access.allows(option[0], "s")]
    if not options:
        types = ", ".join(resource_type for resource_type, _ in chain.options)
        raise Forbidden(f"The token's scopes do not allow to search {types}, where this chain leads.")
    parameter = chain.parameter
    inner = [(resource_type, criterion(part, access)) for resource_type, part in options]
    keys = _union(
        _keys(branch) for resource_type, each in inner for branch in branches(access, resource_type, (each,))
    )
    hashed = digest(parameter.resource_type, parameter.code)
    where = Condition(f"x.hash = %s AND x.target IN ({keys.sql})", (hashed, *keys.params))
    return Criterion((Probe(REFERENCES, where),), rank=max(each.rank for _, each in inner) + 5)


def _pointed(has: Pointed, access: Access) -> Criterion:
    """A resource that one of those points at that the rest of the chain finds."""
    source = has.parameter.resource_type
    if not access.allows(source, "s"):
        raise Forbidden(f"The token's scopes do not allow to search {source}, where this chain leads.")
    hashed = digest(source, has.parameter.code)
    found = branches(access, source, (criterion(has.part, access),))
    keys = _union(_targets(branch, hashed) for branch in found)
    return Criterion(home=Condition(f"{{home}}.key IN ({keys.sql})", keys.params), rank=50, starts_there=True)


def _keys(branch: Branch) -> Condition:
    """The keys of the resources in a branch."""
    tables = branch.tables(with_home=True)
    where = branch.where.sql.replace("{home}", branch.home_alias)
    return Condition(
        f"SELECT {branch.home_alias}.key FROM {tables.sql} WHERE {where}",
        (*tables.params, *branch.where.params),
    )


def _targets(branch: Branch, hashed: int) -> Condition:
    """The keys of what the resources in a branch point at by one parameter."""
    tables = branch.tables(with_home="{home}" in branch.where.sql)
    where = branch.where.sql.replace("{home}", branch.home_alias)
    return Condition(
        f"SELECT y.target FROM {tables.sql} JOIN {REFERENCES} y ON y.hash = %s AND y.patient = r.patient "
        f"AND y.date = r.date AND y.resource_id = r.id WHERE {where}",
        (*tables.params, hashed, *branch.where.params),
    )


def _union(parts: Iterable[Condition]) -> Condition:
    found = tuple(parts)
    return Condition(
        " UNION ALL ".join(part.sql for part in found),
        tuple(value for part in found for value in part.params),
    )
