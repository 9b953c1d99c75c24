"""Number parameters. https://hl7.org/fhir/R4/search.html#number"""

from fhir.condition import Condition
from fhir.expressions import Found
from fhir.hashing import NONE, digest
from fhir.search.criteria import QUANTITIES, Asked, Criterion, Probe, all_of
from fhir.search.modifiers import unknown_modifier
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
            exact = quantity.double(value)
            rows.add((parameter_hash, exact, exact, NONE, NONE, NONE))
    return rows


def criterion(asked: Asked) -> Criterion:
    """What a number parameter asks. Raises BadRequest for a value that is no number, and for a modifier."""
    if asked.modifier:
        raise unknown_modifier(asked)
    key = Condition("x.hash = %s", (digest(asked.parameter.resource_type, asked.parameter.code),))
    probes = (Probe(QUANTITIES, all_of((key, quantity.compare(asked, value)))) for value in asked.values)
    return Criterion(tuple(probes), rank=55)
