"""String parameters: text, compared without regard to case and accents.

https://hl7.org/fhir/R4/search.html#string
"""

import unicodedata
from collections.abc import Iterator
from typing import Any

from fhir.condition import Condition
from fhir.expressions import Found
from fhir.hashing import digest
from fhir.search.criteria import STRINGS, Asked, Criterion, Probe, all_of
from fhir.search.escapes import unescape
from fhir.search.modifiers import unknown_modifier

StringRow = tuple[int, int, str, str]
"""(hash, exact, prefix, value)"""

PREFIX = 100
"""How many characters of a text are in the index; a longer one is stored whole beside it."""

LAST = "\U0010ffff"
"""Sorts behind every other character, so that [text, text + LAST) holds all that begins with text."""

_PARTS = {
    "HumanName": ("family", "given", "text", "prefix", "suffix"),
    "Address": ("line", "city", "district", "state", "postalCode", "country", "text"),
}


def fold(text: str) -> str:
    """Return `text` without accents and case, and with single blanks only: equal texts are equal for a
    search.
    """
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
    """Return the rows of the texts found, by their `exact`; a name or an address gives one for each of its
    parts.
    """
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


def criterion(asked: Asked) -> Criterion:
    """What a string parameter asks: a text that begins so; with `:contains` anywhere, with `:exact` the very
    text.

    Raises BadRequest for another modifier.
    """
    if asked.modifier not in ("", "exact", "contains"):
        raise unknown_modifier(asked)
    key = digest(asked.parameter.resource_type, asked.parameter.code)
    build = {"": _begins, "exact": _exact, "contains": _contains}[asked.modifier]
    probes = tuple(build(key, unescape(value)) for value in asked.values)
    return Criterion(probes, rank={"": 45, "exact": 20, "contains": 80}[asked.modifier])


def begins_with(key: int, text: str) -> Probe:
    """Return where the index has the stored texts that begin with `text`, which is in their form already."""
    start = text[:PREFIX]
    found = Condition("x.hash = %s AND x.prefix >= %s AND x.prefix < %s", (key, start, start + LAST))
    if len(text) <= PREFIX:
        return Probe(STRINGS, found)
    # Not LIKE, which on SQLite takes capitals for small letters.
    whole = Condition("substr(x.value, 1, %s) = %s", (len(text), text))
    return Probe(STRINGS, all_of((found, whole)))


def equal_to(key: int, stored: str, original: str) -> Probe:
    """Return where the index has a text: `stored` in the form it is compared in, `original` as it was
    written.
    """
    return Probe(
        STRINGS,
        Condition("x.hash = %s AND x.prefix = %s AND x.exact = %s", (key, stored[:PREFIX], digest(original))),
        unique=True,
    )


def _begins(key: int, text: str) -> Probe:
    return begins_with(key, fold(text))


def _exact(key: int, text: str) -> Probe:
    return equal_to(key, fold(text), text)


def _contains(key: int, text: str) -> Probe:
    whole = "CASE WHEN x.value = '' THEN x.prefix ELSE x.value END"
    return Probe(
        STRINGS, Condition(rf"x.hash = %s AND {whole} LIKE %s ESCAPE '\'", (key, f"%{like(fold(text))}%"))
    )


def like(text: str) -> str:
    """Return `text` with the letters escaped that mean something in a LIKE pattern."""
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
