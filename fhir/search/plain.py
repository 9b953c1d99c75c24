"""What a parameter without a chain asks: each type of parameter has its module.

Nothing of this asks who is asking, so that rights can be put together from it.
"""

from collections.abc import Callable

from fhir.search import modifiers
from fhir.search.criteria import Asked, Criterion
from fhir.search.types import (
    address,
    composite,
    date,
    display,
    number,
    quantity,
    reference,
    string,
    token,
    uri,
)

_CRITERIA: dict[str, Callable[[Asked], Criterion]] = {
    "token": token.criterion,
    "string": string.criterion,
    "uri": uri.criterion,
    "date": date.criterion,
    "number": number.criterion,
    "quantity": quantity.criterion,
    "reference": reference.criterion,
    "composite": composite.criterion,
}


def plain(asked: Asked) -> Criterion:
    """Return what one parameter asks of a resource. Raises BadRequest if a value or the modifier is not
    understood.
    """
    code = asked.parameter.code
    if asked.modifier == "missing" and code in ("_id", "_lastUpdated"):
        return modifiers.never_missing(asked)
    if code == "_id":
        return address.criterion(asked)
    if asked.modifier == "missing" and "missing" in modifiers.UNDERSTOOD[asked.parameter.type]:
        return modifiers.missing(asked)
    if asked.modifier == "text" and "text" in modifiers.UNDERSTOOD[asked.parameter.type]:
        return display.criterion(asked)
    return _CRITERIA[asked.parameter.type](asked)
