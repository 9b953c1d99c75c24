"""The order of a search's results, and cursors: places in that order.

The next page begins behind the last resource of this one, wherever that now is among the others; so what
is added or removed meanwhile neither repeats nor hides a resource. A cursor holds sort values only, and no
right.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from functools import lru_cache

from fhir.condition import Condition
from fhir.hashing import digest
from fhir.outcome import BadRequest
from fhir.registry import SearchParameter, main_date, search_parameters
from fhir.search import stored_texts
from fhir.search.criteria import DATES, QUANTITIES, STRINGS, TOKENS
from fhir.search.hidden_numbers import hide, show
from fhir.search.query import Query, SortKey
from fhir.search.rowsets import by_key, rows_of
from fhir.search.types import display
from fhir.search.types.date import EARLIEST, LATEST
from fhir.search.types.quantity import LARGEST
from fhir.search.types.string import LAST
from fhir.search.types.token import ordered_codes

_LONGEST_CURSOR = 8000


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the order: an SQL expression that is never NULL, its direction, and the Python type of its
    values. `codes` are those that the values are places among, if they are.
    """

    expression: Condition
    descending: bool
    kind: type[int] | type[float] | type[str]
    codes: tuple[str, ...] = ()

    @property
    def scale(self) -> object:
        """What the values can be compared with: those of keys with the same scale."""
        return self.kind, self.codes


@dataclass(frozen=True, slots=True)
class Order:
    """The whole order. Resources with equal keys follow their number, in the direction of the first key."""

    keys: tuple[Key, ...]
    fingerprint: int

    @property
    def id_descending(self) -> bool:
        """The direction in which resources with equal keys follow each other."""
        return self.keys[0].descending

    @property
    def needs_home(self) -> bool:
        """Whether a key lies in fhir_resource."""
        return any("{home}" in key.expression.sql for key in self.keys)

    def clause(self, alias: str) -> str:
        """The ORDER BY of rows with the columns k0, k1 …, id and patient, which is there for the index's
        sake.
        """
        last = "DESC" if self.id_descending else "ASC"
        words = [
            f"{alias}k{place} {'DESC' if key.descending else 'ASC'}" for place, key in enumerate(self.keys)
        ]
        return ", ".join([*words, f"{alias}id {last}", f"{alias}patient {last}"])


def orders_of(query: Query) -> tuple[Order, ...]:
    """Return the order that `_sort` asks for in each type that is searched; without it newest first, by the
    type's main date.

    Raises BadRequest for a parameter that cannot be sorted by, or that gives each type an order of its own.
    """
    orders = tuple(_order_of(each) for each in query.each)
    for place, key in enumerate(query.sort):
        if len({order.keys[place].scale for order in orders}) > 1:
            raise BadRequest(
                f"'{key.parameter.code}' cannot be sorted by across these types, which order it differently.",
                code="not-supported",
            )
    return orders


def _order_of(query: Query) -> Order:
    return _order(query.place, query.type, tuple((key.parameter.code, key.descending) for key in query.sort))


@lru_cache(maxsize=1024)
def _order(place: str, resource_type: str, sort: tuple[tuple[str, bool], ...]) -> Order:
    """The order by these codes and directions, of which there are few; `place` is where it was asked."""
    words = [f"{'-' if descending else ''}{code}" for code, descending in sort]
    known = search_parameters(resource_type)
    keys = tuple(_key(SortKey(known[code], descending)) for code, descending in sort)
    return Order(keys or (Key(Condition("r.date"), True, int),), digest(place, *words))


def _key(key: SortKey) -> Key:
    parameter, down = key.parameter, key.descending
    if parameter.code == "_id":
        return Key(Condition("{home}.fhir_id"), down, str)
    if parameter.code == "_lastUpdated":
        return Key(Condition("{home}.last_updated"), down, int)
    main = main_date(parameter.resource_type)
    if main is not None and main.code == parameter.code:
        return Key(Condition("r.date"), down, int)
    hashed = digest(parameter.resource_type, parameter.code)
    match parameter.type:
        case "date":
            return Key(_value(DATES, "low", hashed, down, EARLIEST - 1 if down else LATEST), down, int)
        case "number" | "quantity":
            return Key(_value(QUANTITIES, "low", hashed, down, -LARGEST if down else LARGEST), down, float)
        case "string" | "uri":
            return _text_key(hashed, down)
        case "token" if display.sorts(parameter):
            return _text_key(display.key(parameter), down)
        case "token" if ordered_codes(parameter.resource_type, parameter.code):
            return _code_key(parameter, down)
        case "token" | "reference" if stored_texts.has_texts(parameter):
            return _stored_text_key(parameter, down)
        case _:
            raise BadRequest(
                f"'{parameter.code}' ({parameter.type}) cannot be sorted by.", code="not-supported"
            )


def _text_key(hashed: int, down: bool) -> Key:
    return Key(_value(STRINGS, "prefix", hashed, down, "" if down else LAST), down, str)


def _stored_text_key(parameter: SearchParameter, down: bool) -> Key:
    """What is written beside references for people to read, where there is such; else the text itself."""
    pick, without = ("MAX", "") if down else ("MIN", LAST)
    texts = stored_texts.extreme(parameter, pick)
    if not display.sorts(parameter):
        return Key(Condition(f"COALESCE({texts.sql}, %s)", (*texts.params, without)), down, str)
    return Key(_value(STRINGS, "prefix", display.key(parameter), down, without, texts), down, str)


def _code_key(parameter: SearchParameter, down: bool) -> Key:
    """The place of a code among all that there can be."""
    resource_type, code = parameter.resource_type, parameter.code
    codes = ordered_codes(resource_type, code)
    places = rows_of(
        "m(hash, place)", [(digest(resource_type, code, each), place) for place, each in enumerate(codes)]
    )
    expression = Condition(
        f"COALESCE((SELECT {'MAX' if down else 'MIN'}(m.place) FROM {places.sql} "
        f"JOIN {by_key(TOKENS, 'x')} ON x.hash = m.hash "
        "AND x.patient = r.patient AND x.date = r.date AND x.resource_id = r.id), %s)",
        (*places.params, -1 if down else len(codes)),
    )
    return Key(expression, down, int, codes)


def _value(
    table: str, column: str, hashed: int, descending: bool, without: object, *others: Condition
) -> Condition:
    """The least or greatest value of a parameter, else what the others say; resources without one come last,
    as `without` does.
    """
    pick = "MAX" if descending else "MIN"
    further = "".join(f", {other.sql}" for other in others)
    return Condition(
        f"COALESCE((SELECT {pick}(x.{column}) FROM {by_key(table, 'x')} WHERE x.hash = %s "
        f"AND x.patient = r.patient AND x.date = r.date AND x.resource_id = r.id){further}, %s)",
        (hashed, *(value for other in others for value in other.params), without),
    )


def write_cursor(order: Order, values: tuple[object, ...], number: int) -> str:
    """Return the cursor for the place behind the resource with this number and these values of the keys."""
    text = json.dumps([order.fingerprint, *values, hide(number)], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(order: Order, cursor: str) -> tuple[object, ...]:
    """Return the values of the keys and the number that a cursor holds.

    Raises BadRequest for a text that is no cursor of this order.
    """
    refusal = BadRequest("'_cursor' is not from a link of this search.")
    if len(cursor) > _LONGEST_CURSOR:
        raise refusal
    try:
        held = json.loads(base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise refusal from error
    kinds = (int, *(key.kind for key in order.keys))
    if not isinstance(held, list) or len(held) != len(kinds) + 1 or held[0] != order.fingerprint:
        raise refusal
    *values, hidden = held
    if not all(_fits(value, kind) for value, kind in zip(values, kinds, strict=True)):
        raise refusal
    if type(hidden) is not int or not 0 <= hidden < 1 << 64 or (number := show(hidden)) >= 1 << 63:
        raise refusal
    return (*values[1:], number)


def _fits(value: object, kind: type) -> bool:
    if kind is str:
        # Neither NUL nor half a surrogate pair, which no database takes.
        return isinstance(value, str) and not any(
            letter == "\x00" or "\ud800" <= letter <= "\udfff" for letter in value
        )
    if kind is float:
        return isinstance(value, float) and abs(value) <= LARGEST
    return type(value) is int and abs(value) < 1 << 63


def behind(order: Order, place: tuple[object, ...]) -> Condition:
    """The condition that a resource comes behind a place: the values of the keys, and the number."""
    columns = [(key.expression, key.descending) for key in order.keys]
    columns.append((Condition("r.id"), order.id_descending))
    if len({descending for _, descending in columns}) == 1:
        names = ", ".join(expression.sql for expression, _ in columns)
        marks = ", ".join(["%s"] * len(columns))
        params = tuple(value for expression, _ in columns for value in expression.params)
        return Condition(f"({names}) {'<' if order.id_descending else '>'} ({marks})", (*params, *place))
    return _behind(columns, place)


def _behind(columns: list[tuple[Condition, bool]], place: tuple[object, ...]) -> Condition:
    """`behind` for columns that may each have a direction of their own."""
    expression, descending = columns[0]
    sign = "<" if descending else ">"
    here = Condition(f"{expression.sql} {sign} %s", (*expression.params, place[0]))
    if len(columns) == 1:
        return here
    further = _behind(columns[1:], place[1:])
    return Condition(
        f"({here.sql} OR ({expression.sql} = %s AND {further.sql}))",
        (*here.params, *expression.params, place[0], *further.params),
    )
