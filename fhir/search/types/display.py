"""The modifier `:text`: what is written beside a code or a reference for people to read.

https://hl7.org/fhir/R4/search.html#modifiers
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from fhir.expressions import Found
from fhir.hashing import digest
from fhir.registry import SearchParameter
from fhir.search.criteria import Asked, Criterion
from fhir.search.escapes import unescape
from fhir.search.types.string import StringRow, begins_with, fold, row

TEXT = ":text"
"""What is added to a parameter's code for the rows that have its texts."""

_KINDS = frozenset({"CodeableConcept", "Coding", "Identifier", "Reference"})


def key(parameter: SearchParameter) -> int:
    """Return the hash of the rows with the texts of a parameter's values."""
    return digest(parameter.resource_type, parameter.code + TEXT)


def has_texts(parameter: SearchParameter) -> bool:
    """Whether the values of a parameter can have a text beside them."""
    return not _KINDS.isdisjoint(parameter.element_types)


def sorts(parameter: SearchParameter) -> bool:
    """Whether resources can be put in the order of these texts; identifiers are told apart by others."""
    return has_texts(parameter) and "Identifier" not in parameter.element_types


def index(text_hash: int, found: list[Found]) -> set[StringRow]:
    """Return the rows of the texts of tokens and references, folded as strings are."""
    return {_row(text_hash, text) for value, kind in found for text in _texts(value, kind) if text}


@lru_cache(maxsize=16384)
def _row(text_hash: int, text: str) -> StringRow:
    """The row of a text, remembered: what codes are called comes again and again."""
    return row(text_hash, fold(text), text)


def _texts(value: Any, kind: str) -> Iterator[str]:
    """Yield CodeableConcept.text and Coding.display, Identifier.type.text, Reference.display."""
    match kind:
        case "CodeableConcept":
            yield value.get("text", "")
            for coding in value.get("coding", ()):
                yield coding.get("display", "")
        case "Coding" | "Reference":
            yield value.get("display", "")
        case "Identifier":
            yield value.get("type", {}).get("text", "")


def criterion(asked: Asked) -> Criterion:
    """What `:text` asks: a text that begins so, whatever its case and accents."""
    hashed = key(asked.parameter)
    return Criterion(tuple(begins_with(hashed, fold(unescape(value))) for value in asked.values), rank=46)
