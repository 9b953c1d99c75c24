"""From a query to a page of resources in one statement: guard, reach, criteria, order, texts and total."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fhir.access import Access
from fhir.condition import Condition
from fhir.enforcement import AccessLapsed, guard
from fhir.exchange import Shown
from fhir.hashing import MIXED
from fhir.search.branches import MOST_BRANCHES, Branch, branches
from fhir.search.criteria import all_of
from fhir.search.meaning import criterion
from fhir.search.query import Query
from fhir.search.sorting import Order, behind, orders_of, read_cursor, write_cursor
from fhir.search.time_limit import fetch


@dataclass(frozen=True, slots=True)
class Hit:
    """A resource of the answer: the three columns that its index rows share, its address, stored text and
    version.
    """

    number: int
    patient: int
    date: int
    type: str
    fhir_id: str
    text: str
    version: int


def shown(*parts: Iterable[Hit]) -> list[Shown]:
    """These resources as what an answer tells of."""
    return [
        (hit.type, hit.fhir_id, hit.version, hit.patient, hit.text if hit.patient == MIXED else "")
        for hits in parts
        for hit in hits
    ]


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the matches. `total` None where it was not counted, `cursor` empty where nothing follows."""

    hits: tuple[Hit, ...]
    total: int | None
    cursor: str


def page(access: Access, query: Query, size: int, *, counted: bool) -> Page:
    """Return up to `size` matches that `access` may find, from the query's cursor on; `counted`: and their
    number.

    Raises AccessLapsed where the guard does not hold, BadRequest for a value or cursor that is not
    understood, FhirError (504) where it takes too long.
    """
    orders = orders_of(query)
    order = orders[0]
    found = [_branches(access, query, each) for each in query.each]
    place = read_cursor(order, query.cursor) if query.cursor else None
    inner = _ordered(list(zip(orders, found, strict=True)), place, size + 1)
    alive = guard(access)
    total = _count([branch for each in found for branch in each]) if counted else Condition("NULL")
    keys = "".join(f"p.k{number}, " for number in range(len(order.keys)))
    rows = fetch(
        f"SELECT g.alive, g.total, {keys}p.id, p.patient, p.date, f.type, f.fhir_id, f.text, f.version "
        f"FROM (SELECT {alive.sql} AS alive, {total.sql} AS total LIMIT 1) g "
        f"LEFT JOIN ({inner.sql}) p ON g.alive LEFT JOIN fhir_resource f ON f.id = p.id "
        f"ORDER BY {order.clause('p.')}",
        (*alive.params, *total.params, *inner.params),
    )
    if not rows[0][0]:
        raise AccessLapsed
    return _page(order, rows, size)


def _branches(access: Access, query: Query, asked: Query) -> list[Branch]:
    """The branches of one of the types that are asked; many types have to do with fewer each."""
    most = max(1, MOST_BRANCHES // len(query.each))
    return branches(access, asked.type, tuple(criterion(part, access) for part in asked.asked), most)


def _page(order: Order, rows: list[tuple[Any, ...]], size: int) -> Page:
    width = len(order.keys)
    hits = [Hit(*row[2 + width :]) for row in rows if row[2 + width] is not None]
    cursor = ""
    if len(hits) > size > 0:
        cursor = write_cursor(order, rows[size - 1][2 : 2 + width], hits[size - 1].number)
    total = rows[0][1]
    return Page(tuple(hits[:size]), total if isinstance(total, int) else None, cursor)


def count(access: Access, query: Query) -> int:
    """Return how many resources match that `access` may find. Raises as `page` does."""
    orders_of(query)
    total = _count([branch for each in query.each for branch in _branches(access, query, each)])
    alive = guard(access)
    [(holds, number)] = fetch(
        f"SELECT {alive.sql} AS alive, {total.sql} AS total", (*alive.params, *total.params)
    )
    if not holds:
        raise AccessLapsed
    return int(number)


def _ordered(
    found: list[tuple[Order, list[Branch]]], place: tuple[object, ...] | None, limit: int
) -> Condition:
    """The first rows of each branch, each type's in its order, and of these the first of all.

    The limit stands in the text: a database that plans without knowing it expects to read much more.
    """
    parts = []
    for order, inner in found:
        where = behind(order, place) if place is not None else None
        parts += [_first(branch, order, where, limit) for branch in inner]
    if len(parts) == 1:
        return parts[0]
    rows = (f"SELECT * FROM ({part.sql}) b{place}" for place, part in enumerate(parts))
    union = " UNION ".join(rows)
    params = tuple(value for part in parts for value in part.params)
    return Condition(f"{union} ORDER BY {found[0][0].clause('')} LIMIT {limit}", params)


def _first(branch: Branch, order: Order, where: Condition | None, limit: int) -> Condition:
    """The first rows of a branch: the keys k0, k1 …, and the columns id, patient and date."""
    keys = _all_keys(order)
    tables, conditions = _from(branch, order, where)
    distinct = "" if branch.unique else "DISTINCT "
    return Condition(
        f"SELECT {distinct}{keys.sql}, r.id AS id, r.patient AS patient, r.date AS date "
        f"{tables.sql}{conditions.sql} ORDER BY {order.clause('')} LIMIT {limit}".replace(
            "{home}", branch.home_alias
        ),
        (*keys.params, *tables.params, *conditions.params),
    )


def _all_keys(order: Order) -> Condition:
    """The select list of the keys, named k0, k1 …"""
    words = ", ".join(f"{key.expression.sql} AS k{place}" for place, key in enumerate(order.keys))
    return Condition(words, tuple(value for key in order.keys for value in key.expression.params))


def _from(branch: Branch, order: Order | None, where: Condition | None) -> tuple[Condition, Condition]:
    """The FROM and WHERE of a branch."""
    conditions = all_of(each for each in (branch.where, where) if each is not None)
    needs_home = "{home}" in conditions.sql or (order is not None and order.needs_home)
    tables = branch.tables(with_home=needs_home)
    return Condition(f"FROM {tables.sql} WHERE ", tables.params), conditions


def _count(found: list[Branch]) -> Condition:
    """A subselect with the number of resources in all branches together."""
    parts = []
    for branch in found:
        tables, conditions = _from(branch, None, None)
        text = f"SELECT r.id {tables.sql}{conditions.sql}".replace("{home}", branch.home_alias)
        parts.append(Condition(text, (*tables.params, *conditions.params)))
    params = tuple(value for part in parts for value in part.params)
    union = " UNION ".join(part.sql for part in parts)
    if len(parts) == 1 and not found[0].unique:
        union = union.replace("SELECT r.id", "SELECT DISTINCT r.id", 1)
    return Condition(f"(SELECT COUNT(*) FROM ({union}) u)", params)
