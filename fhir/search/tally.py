"""How many resources each of several searches finds: one statement counts them all, each up to a limit."""

from __future__ import annotations

from collections.abc import Sequence

from fhir.access import Access
from fhir.condition import Condition
from fhir.enforcement import permits
from fhir.search.branches import Branch, branches
from fhir.search.meaning import criterion
from fhir.search.query import Query
from fhir.search.time_limit import fetch


def tally(access: Access, queries: Sequence[Query], most: int) -> list[int]:
    """For each query the number of matches that `access` may find; `most` + 1 for more than `most`.

    What `access` may not search counts as none. Raises FhirError (504) where it takes too long, and
    BadRequest for a value that is not understood. The guard of an access is not asked: this is for pages of
    our own.
    """
    parts = [_counted(access, query, most + 1) for query in queries]
    if not parts:
        return []
    params = tuple(value for part in parts for value in part.params)
    [row] = fetch(f"SELECT {', '.join(part.sql for part in parts)}", params)
    return [int(number) for number in row]


def _counted(access: Access, query: Query, limit: int) -> Condition:
    """A subselect with the number of resources, counted no further than the limit."""
    if not permits(access, query.type, "s"):
        return Condition("0")
    found = branches(access, query.type, tuple(criterion(part, access) for part in query.asked))
    parts = [_first(branch, limit) for branch in found]
    union = " UNION ".join(f"SELECT id FROM ({part.sql}) b{place}" for place, part in enumerate(parts))
    params = tuple(value for part in parts for value in part.params)
    return Condition(f"(SELECT COUNT(*) FROM (SELECT id FROM ({union}) u LIMIT {limit}) n)", params)


def _first(branch: Branch, limit: int) -> Condition:
    """The numbers of up to `limit` resources of a branch, each once."""
    tables = branch.tables(with_home="{home}" in branch.where.sql)
    distinct = "" if branch.unique else "DISTINCT "
    text = f"SELECT {distinct}r.id AS id FROM {tables.sql} WHERE {branch.where.sql} LIMIT {limit}"
    return Condition(text.replace("{home}", branch.home_alias), (*tables.params, *branch.where.params))
