"""history of a type and of everything: what was changed, newest first. https://hl7.org/fhir/R4/http.html#history"""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

from fhir.access import Access
from fhir.condition import Condition
from fhir.elements import RESOURCE_TYPES
from fhir.enforcement import require
from fhir.exchange import Answer, Request
from fhir.hashing import digest
from fhir.interactions.history_bundle import bundle, entry
from fhir.interactions.history_wishes import Wishes, read_wishes
from fhir.outcome import Forbidden
from fhir.search.sorting import Key, Order, read_cursor, write_cursor
from fhir.search.subset import part_of, wanted
from fhir.store.histories import Moment, Window, changes


def type_history(request: Request) -> Answer:
    """A page of the versions of all resources of a type that a search by this access finds, or found.

    Each version is judged on its own content and on what its resource is now; a deletion is shown to whom
    what was deleted was. Raises Forbidden, BadRequest.
    """
    require(request.access, request.type, "s")
    return _page(request, (request.type,), f"{settings.FHIR_BASE}/{request.type}/_history")


def system_history(request: Request) -> Answer:
    """The same of all types that this access may search. Raises Forbidden if there are none, BadRequest."""
    return _page(request, _searchable(request.access), f"{settings.FHIR_BASE}/_history")


def _searchable(access: Access) -> tuple[str, ...]:
    types = tuple(name for name in RESOURCE_TYPES if access.allows(name, "s"))
    if not types:
        raise Forbidden("The token's scopes do not allow 's' on any type.")
    return types


def _page(request: Request, types: tuple[str, ...], here: str) -> Answer:
    wishes, part = read_wishes(request.query), wanted(request.query)
    order = _order(here, wishes)
    window = Window(wishes.since, wishes.at, _moment(order, wishes.cursor))
    found = changes(request.access, types, window, wishes.size + 1) if wishes.size else []
    shown = found[: wishes.size]
    links = {"self": wishes.url(here)}
    if len(found) > len(shown):
        last = shown[-1]
        place = (last.version.last_updated, last.version.number)
        links["next"] = wishes.url(here, _cursor=write_cursor(order, place, last.row))
    entries = (
        entry(each.type, each.fhir_id, each.version, part_of(each.version.text, part)) for each in shown
    )
    total = len(shown) if wishes.size and "next" not in links and not wishes.cursor else None
    told = [each.version.shown(each.type, each.fhir_id) for each in shown]
    return Answer(200, bundle(links, total, entries), shown=told)


def _order(here: str, wishes: Wishes) -> Order:
    """By moment, number of the resource and version. A cursor is good for the same question only."""
    keys = (Key(Condition("last_updated"), True, int), Key(Condition("version"), True, int))
    return Order(keys, digest("history", here, str(wishes.since), str(wishes.at)))


def _moment(order: Order, cursor: str) -> Moment | None:
    if not cursor:
        return None
    values: Iterable[object] = read_cursor(order, cursor)
    last_updated, version, row = (value for value in values if isinstance(value, int))
    return Moment(last_updated, row, version)
