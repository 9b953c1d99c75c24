"""Finding events by the indexes that leave out what is empty."""

from django.db.models import BooleanField, F, Func


class _Filled(Func):
    """That a column is not empty, in the words of the partial indexes: with '' as a parameter, a plan for any
    parameter could not know that the index has the row.
    """

    template = "NOT (%(expressions)s = '')"
    output_field = BooleanField()


def filled(column: str) -> _Filled:
    """A condition for `filter`: the column is not empty."""
    return _Filled(F(column))
