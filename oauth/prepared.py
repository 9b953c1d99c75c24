"""Queries of the token endpoint, compiled once per process and then only run.

Django builds the SQL of a queryset anew each time, which costs more than the database needs to answer.
Here it is compiled at first use, with stand-ins for the values; later calls put the values in.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple, TypeVar

from django.db import connection
from django.db.models import Model, QuerySet
from django.utils import timezone

M = TypeVar("M", bound=Model)

# Stand-in for the moment at which the query runs; no real value is equal to it.
NOW = datetime(1, 1, 1, 0, 0, 0, 314159, tzinfo=UTC)


def value(name: str) -> Any:
    """A stand-in for the text that a call gives under this name."""
    return f"\x00{name}"


class _Compiled(NamedTuple):
    sql: str
    parameters: tuple[Any, ...]
    convert: Callable[[list[tuple[Any, ...]]], list[Sequence[Any]]]
    now: Any


class Prepared:
    """A `values_list` queryset with stand-ins. Calling it with values returns the rows."""

    def __init__(self, build: Callable[[], QuerySet[Any, Any]]) -> None:
        self._build = build
        self._compiled: dict[str, _Compiled] = {}

    def __call__(self, **values: str) -> list[Sequence[Any]]:
        """The rows, with the values of each column as Django gives them."""
        compiled = self._compiled.get(connection.vendor) or self._compile()
        known: dict[Any, Any] = {value(name): given for name, given in values.items()}
        known[compiled.now] = connection.ops.adapt_datetimefield_value(timezone.now())
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, [_filled(parameter, known) for parameter in compiled.parameters])
            return compiled.convert(cursor.fetchall())

    def _compile(self) -> _Compiled:
        compiler = self._build().query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        converters = compiler.get_converters([column[0] for column in compiler.select])

        def convert(rows: list[tuple[Any, ...]]) -> list[Sequence[Any]]:
            return list(compiler.apply_converters(rows, converters)) if converters else list(rows)

        now = connection.ops.adapt_datetimefield_value(NOW)
        compiled = _Compiled(sql, tuple(parameters), convert, now)
        self._compiled[connection.vendor] = compiled
        return compiled


def columns(model: type[Model], path: str = "") -> list[str]:
    """The names of all columns of a model for `values_list`, over the relation `path` if one is given."""
    prefix = f"{path}__" if path else ""
    return [f"{prefix}{name}" for name in _names(model)]


def instance(model: type[M], row: Sequence[Any]) -> M | None:
    """A row's `columns` as an instance; None where an outer join found nothing."""
    return None if row[0] is None else model.from_db(connection.alias, _names(model), row)


def insert(model: type[Model], **values: Any) -> int:
    """Write one row and return its id. Fields left out get their default; no signal is sent."""
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    prepared = [
        field.get_db_prep_save(
            values[field.attname] if field.attname in values else _default(field), connection
        )
        for field in fields
    ]
    with connection.cursor() as cursor:
        cursor.execute(_insert_sql(model, connection.vendor), prepared)
        return int(cursor.fetchone()[0])


def _default(field: Any) -> Any:
    """What the field is given when nobody says: `auto_now` fields the time, all others their default."""
    is_stamp = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    return timezone.now() if is_stamp else field.get_default()


def _filled(parameter: Any, known: dict[Any, Any]) -> Any:
    """The value for a stand-in, or the parameter itself, which no dictionary may be able to look up."""
    return known.get(parameter, parameter) if isinstance(parameter, str | datetime) else parameter


@cache
def _names(model: type[Model]) -> list[str]:
    """Every column under its attribute name, the primary key first."""
    fields = sorted(model._meta.concrete_fields, key=lambda field: not field.primary_key)
    return [field.attname for field in fields]


@cache
def _insert_sql(model: type[Model], vendor: str) -> str:
    """`INSERT … RETURNING id`, which both databases know."""
    quote = connection.ops.quote_name
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    names = ", ".join(quote(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    key = quote(str(model._meta.pk.column))
    return f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({marks}) RETURNING {key}"  # noqa: S608  # our own names
