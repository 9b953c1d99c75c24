"""Rows as comma-separated values, in parts, and with nothing that a spreadsheet would compute.

https://www.rfc-editor.org/rfc/rfc4180 https://owasp.org/www-community/attacks/CSV_Injection
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What spreadsheets take for the beginning of a formula."""


class _Echo:
    """A file that gives back what is written to it: the line that csv has made."""

    def write(self, line: str) -> str:
        return line


def lines(head: Sequence[str], parts: Iterable[Iterable[Iterable[Any]]]) -> Iterator[str]:
    """The line of names, then a text for each part of the rows. A cell that would be a formula begins with
    an apostrophe.
    """
    writer: Any = csv.writer(_Echo())
    yield writer.writerow(head)
    for part in parts:
        yield "".join(writer.writerow([_harmless(str(cell)) for cell in row]) for row in part)


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
