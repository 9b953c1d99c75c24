"""Reference parameters: what a resource points at. https://hl7.org/fhir/R4/search.html#reference"""

from typing import Any

from django.conf import settings

from fhir.elements import is_resource_type
from fhir.expressions import Found
from fhir.hashing import NONE, digest

ReferenceRow = tuple[int, int]
"""(hash, target)"""


def own_address(text: str) -> str | None:
    """Return "Type/id" if `text` is a reference to a resource here: relative, or absolute under our own base.

    A version suffix is dropped. None for everything else: fragments, URNs, other servers, conditional references.
    """
    base = f"{settings.FHIR_BASE}/"
    if text.startswith(base):
        text = text[len(base) :]
    resource_type, slash, rest = text.partition("/")
    fhir_id, _, version = rest.partition("/")
    if not slash or not fhir_id or not is_resource_type(resource_type):
        return None
    if version and not version.startswith("_history/"):
        return None
    return f"{resource_type}/{fhir_id}"


def target_key(text: str) -> int:
    """Return the digest under which a reference's target is indexed: of "Type/id" if it is here, else of the text."""
    return digest(own_address(text) or text)


def index(parameter_hash: int, found: list[Found]) -> set[ReferenceRow]:
    """Return the rows of the references found; one that has no literal target gives a row with the target NONE."""
    rows: set[ReferenceRow] = set()
    for value, kind in found:
        for text in _literals(value, kind):
            rows.add((parameter_hash, target_key(text) if text else NONE))
    return rows


def _literals(value: Any, kind: str) -> tuple[str, ...]:
    """Return the texts a value is found by: a canonical with a version also without it, a contained one by none."""
    match kind:
        case "Reference":
            text = value.get("reference", "")
            return ("",) if text[:1] == "#" else (text,)
        case "canonical" | "uri" | "url":
            bare = value.partition("|")[0]
            return (value, bare) if bare != value else (value,)
        case _:
            return ("",)
