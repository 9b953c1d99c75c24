"""Finding events by their indexes: those of a patient or a person by day, which leave out what is empty.

The indexes have days and not times: PostgreSQL keeps one key for all events of a patient's day, and writing
an event, which is a part of every read, takes a third less. Whoever asks says the day beside the time.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.models import BigIntegerField, BooleanField, F, Func, Q
from django.db.models.expressions import Combinable, OrderBy
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual

_DAY = 86_400_000_000
"""Microseconds."""


class Day(Func):
    """The day of a time in microseconds, counted from 1970, in the words of the indexes: with the length of a
    day as a parameter, a plan for any parameter could not know that the index is about the same.
    """

    template = f"(%(expressions)s / {_DAY})"
    output_field = BigIntegerField()


class _Filled(Func):
    """That a column is not empty, in the words of the partial indexes: with '' as a parameter, a plan for any
    parameter could not know that the index has the row.
    """

    template = "NOT (%(expressions)s = '')"
    output_field = BooleanField()


def filled(column: str) -> _Filled:
    """A condition for `filter`: the column is not empty."""
    return _Filled(F(column))


def since(time: int) -> Q:
    """A condition: at this time (microseconds since 1970) or later."""
    return Q(GreaterThanOrEqual(Day("time"), time // _DAY), time__gte=time)


def until(time: int) -> Q:
    """A condition: at this time or earlier."""
    return Q(LessThanOrEqual(Day("time"), time // _DAY), time__lte=time)


def behind(time: int, number: int) -> Q:
    """A condition: older than the event with this time and id, or of the same time with a lower id."""
    return until(time) & (Q(time__lt=time) | Q(time=time, id__lt=number))


def newest_first() -> list[Combinable | OrderBy | str]:
    """The order, for `order_by`, of events of one patient or person: by these indexes and only then by time,
    so that the latest are found without sorting all.
    """
    return [Day("time").desc(), "-time", "-id"]


@contextmanager
def along_an_index() -> Iterator[None]:
    """Have what is asked meanwhile read along an index as far as it must, and no further.

    PostgreSQL plans for any patient, of whom it expects few events. It would read all and sort them, and for
    every page of somebody who has many all again.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Where there is no such index it sorts all the same, and must not believe that this is so dear
            # that the statement had better be compiled.
            cursor.execute("SET LOCAL enable_sort = off; SET LOCAL jit = off")
        yield
