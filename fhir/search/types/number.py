"""Number parameters. https://hl7.org/fhir/R4/search.html#number"""

from fhir.expressions import Found
from fhir.hashing import NONE
from fhir.search.types import quantity
from fhir.search.types.quantity import QuantityRow


def index(parameter_hash: int, found: list[Found]) -> set[QuantityRow]:
    """Return the rows of the numbers found; a Range counts by its ends, whatever its unit."""
    rows: set[QuantityRow] = set()
    for value, kind in found:
        if kind == "Range":
            ranges = quantity.index(parameter_hash, [(value, kind)])
            rows.update((key, low, high, NONE, NONE, NONE) for key, low, high, *_ in ranges)
        else:
            rows.add((parameter_hash, float(value), float(value), NONE, NONE, NONE))
    return rows
