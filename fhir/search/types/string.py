"""String parameters: text, compared without regard to case and accents.

https://hl7.org/fhir/R4/search.html#string
"""

import unicodedata
from collections.abc import Iterator
from typing import Any

from fhir.expressions import Found
from fhir.hashing import digest

StringRow = tuple[int, int, str, str]
"""(hash, exact, prefix, value)"""

PREFIX = 100
"""How many characters of a text are in the index; a longer one is stored whole beside it."""

_PARTS = {
    "HumanName": ("family", "given", "text", "prefix", "suffix"),
    "Address": ("line", "city", "district", "state", "postalCode", "country", "text"),
}


def fold(text: str) -> str:
    """Return `text` without accents and case, and with single blanks only: equal texts are equal for a search."""
    if not text.isascii():
        text = "".join(
            letter
            for letter in unicodedata.normalize("NFKD", text.casefold())
            if not unicodedata.combining(letter)
        )
    return " ".join(text.casefold().split())


def row(parameter_hash: int, stored: str, original: str) -> StringRow:
    """Return the row for a text: `stored` is what is compared, `original` what `exact` is the digest of."""
    return parameter_hash, digest(original), stored[:PREFIX], stored if len(stored) > PREFIX else ""


def index(parameter_hash: int, found: list[Found]) -> dict[int, StringRow]:
    """Return the rows of the texts found, by their `exact`; a name or an address gives one for each of its parts."""
    rows: dict[int, StringRow] = {}
    for value, kind in found:
        for text in _texts(value, kind):
            made = row(parameter_hash, fold(text), text)
            rows[made[1]] = made
    return rows


def _texts(value: Any, kind: str) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        return
    for part in _PARTS.get(kind, ()):
        inner = value.get(part)
        if isinstance(inner, str):
            yield inner
        else:
            yield from (item for item in inner or () if isinstance(item, str))
