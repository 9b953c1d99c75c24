"""Queries of the token endpoint, compiled once per process and then only run.

Django builds the SQL of a queryset anew each time, which costs more than the database needs to answer.
Here it is compiled at first use, with stand-ins for the values; later calls put the values in.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import CharField, Model, QuerySet, TextField
from django.db.models.base import ModelState
from django.utils import timezone

from fhir.rows import fetched

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
        here = connections[DEFAULT_DB_ALIAS]
        compiled = self._compiled.get(here.vendor) or self._compile()
        known: dict[Any, Any] = {value(name): given for name, given in values.items()}
        known[compiled.now] = here.ops.adapt_datetimefield_value(timezone.now())
        return compiled.convert(
            fetched(compiled.sql, [_filled(parameter, known) for parameter in compiled.parameters])
        )

    def _compile(self) -> _Compiled:
        compiler = self._build().query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        converters = compiler.get_converters([column[0] for column in compiler.select])

        def convert(found: list[tuple[Any, ...]]) -> list[Sequence[Any]]:
            return list(compiler.apply_converters(found, converters)) if converters else list(found)

        now = connection.ops.adapt_datetimefield_value(NOW)
        compiled = _Compiled(sql, tuple(parameters), convert, now)
        self._compiled[connection.vendor] = compiled
        return compiled


@cache
def columns(model: type[Model], only: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The names of a model's columns for `values_list`, in its order: all of them, or some `only`."""
    names = (field.attname for field in model._meta.concrete_fields)
    return tuple(name for name in names if not only or name in only)


def instance(model: type[M], names: tuple[str, ...], row: Sequence[Any]) -> M | None:
    """A row that begins with these `columns` as an instance; None where a join found nothing.

    A column that is left out is read from the database when somebody asks for it. Nothing is put together
    by way of the constructor, which takes ten times as long for what is only read.
    """
    if row[names.index(model._meta.pk.attname)] is None:
        return None
    record = model.__new__(model)
    record.__dict__.update(zip(names, row, strict=False))
    record._state = ModelState()
    record._state.db, record._state.adding = DEFAULT_DB_ALIAS, False
    return record


def insert(model: type[Model], **values: Any) -> int:
    """Write one row and return its id. Fields left out get their default; no signal is sent."""
    names, row = row_to_write(model, values)
    here = connections[DEFAULT_DB_ALIAS]
    with here.cursor() as cursor:
        cursor.execute(_insert_sql(model, names, len(row)), row)
        return int(cursor.fetchone()[0])


def row_to_write(model: type[Model], values: dict[str, Any]) -> tuple[str, list[Any]]:
    """A model's columns in SQL, and what is to be written to each: the given value, or its default."""
    here = connections[DEFAULT_DB_ALIAS]
    row = []
    for name, field, is_stamp, is_plain in _columns_to_write(model):
        given = values[name] if name in values else timezone.now() if is_stamp else field.get_default()
        row.append(given if given is None or is_plain else field.get_db_prep_save(given, here))
    return _names(model), row


@cache
def _columns_to_write(model: type[Model]) -> list[tuple[str, Any, bool, bool]]:
    """Attribute name and field; whether it keeps a time of its own accord; whether it is text or a number."""
    fields: list[Any] = [field for field in model._meta.concrete_fields if not field.primary_key]
    return [
        (
            field.attname,
            field,
            getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False),
            field.is_relation or isinstance(field, CharField | TextField),
        )
        for field in fields
    ]


def _filled(parameter: Any, known: dict[Any, Any]) -> Any:
    """The value for a stand-in, or the parameter itself, which no dictionary may be able to look up."""
    return known.get(parameter, parameter) if isinstance(parameter, str | datetime) else parameter


@cache
def _names(model: type[Model]) -> str:
    return ", ".join(
        connection.ops.quote_name(str(field.column)) for _, field, _, _ in _columns_to_write(model)
    )


@cache
def _insert_sql(model: type[Model], names: str, count: int) -> str:
    """`INSERT … RETURNING id`, which both databases know."""
    quote = connection.ops.quote_name
    table, key = quote(model._meta.db_table), quote(str(model._meta.pk.column))
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * count)}) RETURNING {key}"  # noqa: S608  # our own names
