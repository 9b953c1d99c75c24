"""Uri parameters: the whole text, as it stands. https://hl7.org/fhir/R4/search.html#uri"""

from collections.abc import Iterator

from fhir.expressions import Found
from fhir.hashing import digest
from fhir.outcome import BadRequest
from fhir.search.criteria import Asked, Criterion
from fhir.search.escapes import unescape
from fhir.search.modifiers import unknown_modifier
from fhir.search.types.string import StringRow, begins_with, equal_to, row

MOST_ABOVE = 200
"""How many URIs the values of `:above` may lie under, all together."""


def index(parameter_hash: int, found: list[Found]) -> dict[int, StringRow]:
    """Return the rows of the URIs found, by `exact`; a canonical with a version is found without it too."""
    rows: dict[int, StringRow] = {}
    for value, kind in found:
        texts = [value, value.partition("|")[0]] if kind == "canonical" and "|" in value else [value]
        for text in texts:
            made = row(parameter_hash, text, text)
            rows[made[1]] = made
    return rows


def criterion(asked: Asked) -> Criterion:
    """What a uri parameter asks: the very text; with `:below` what begins so, with `:above` what it lies
    under.

    Raises BadRequest for another modifier, for an empty text, and for far too many slashes.
    """
    if asked.modifier not in ("", "below", "above"):
        raise unknown_modifier(asked)
    parameter = asked.parameter
    key = digest(parameter.resource_type, parameter.code)
    texts = [unescape(value) for value in asked.values]
    if not all(texts):
        raise BadRequest(f"'{asked.name}' needs a URI.")
    if asked.modifier == "below":
        return Criterion(tuple(begins_with(key, text) for text in texts), rank=45)
    if asked.modifier == "above":
        texts = [above for text in texts for above in _above(text)]
        if len(texts) > MOST_ABOVE:
            raise BadRequest(f"'{asked.name}' has too many slashes in its values.", code="too-costly")
    rank = 80 if parameter.code.startswith("_") else 20
    return Criterion(tuple(equal_to(key, text, text) for text in texts), rank=rank)


def _above(text: str) -> Iterator[str]:
    """Yield the URI and each one that it lies under, cut at its slashes, with and without the slash."""
    yield text
    start = text.find("://") + 3 if "://" in text else 0
    cut = text.rfind("/", start)
    while cut > 0:
        if cut + 1 < len(text):
            yield text[: cut + 1]
        yield text[:cut]
        cut = text.rfind("/", start, cut)
