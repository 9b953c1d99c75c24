"""From what was asked to its criterion: each type of parameter has its module."""

from collections.abc import Callable

from fhir.search import modifiers
from fhir.search.criteria import Asked, Criterion
from fhir.search.types import address, date, number, quantity, reference, string, token, uri

_CRITERIA: dict[str, Callable[[Asked], Criterion]] = {
    "token": token.criterion,
    "string": string.criterion,
    "uri": uri.criterion,
    "date": date.criterion,
    "number": number.criterion,
    "quantity": quantity.criterion,
    "reference": reference.criterion,
}


def criterion(asked: Asked) -> Criterion:
    """Return what a parameter with its values asks. Raises BadRequest if a value or the modifier is not
    understood.
    """
    code = asked.parameter.code
    if code == "_id":
        return address.criterion(asked)
    if asked.modifier == "missing" and code != "_lastUpdated":
        return modifiers.missing(asked)
    return _CRITERIA[asked.parameter.type](asked)
