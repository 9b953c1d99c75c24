"""Uri parameters: the whole text, as it stands. https://hl7.org/fhir/R4/search.html#uri"""

from fhir.expressions import Found
from fhir.search.types.string import StringRow, row


def index(parameter_hash: int, found: list[Found]) -> dict[int, StringRow]:
    """Return the rows of the URIs found, by their `exact`; a canonical with a version is found without it too."""
    rows: dict[int, StringRow] = {}
    for value, kind in found:
        texts = [value, value.partition("|")[0]] if kind == "canonical" and "|" in value else [value]
        for text in texts:
            made = row(parameter_hash, text, text)
            rows[made[1]] = made
    return rows
