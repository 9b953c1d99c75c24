"""The parameter `_id`, which is no index row but the resource's own address.

https://hl7.org/fhir/R4/search.html#id
"""

from fhir.condition import Condition
from fhir.search.criteria import Asked, Criterion
from fhir.search.escapes import unescape
from fhir.search.modifiers import unknown_modifier


def criterion(asked: Asked) -> Criterion:
    """What `_id` asks: a resource with one of these ids. Raises BadRequest for a modifier."""
    if asked.modifier:
        raise unknown_modifier(asked)
    ids = tuple(unescape(value) for value in asked.values)
    marks = ", ".join(["%s"] * len(ids))
    return Criterion(home=Condition(f"{{home}}.fhir_id IN ({marks})", ids), rank=0, starts_there=True)
