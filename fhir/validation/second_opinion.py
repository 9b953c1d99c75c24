"""What another library says about a resource: for strict loads, $validate and our own differential tests.

fhir.resources knows R4B, which differs from R4 in few types. It checks structure and primitive values, not
bindings, and costs a hundred times what our own schema does. Its models are never used to store or return
anything.
"""

from typing import Any

from pydantic import ValidationError

from fhir.outcome import Issue
from fhir.resources.R4B import get_fhir_model_class

DIFFERENT_IN_R4B: frozenset[str] = frozenset({"Evidence", "EvidenceVariable"})
"""Types that have a model there, of another shape than R4's."""


def second_opinion(resource: dict[str, Any]) -> list[Issue]:
    """Return what fhir.resources finds wrong with `resource`, whose `resourceType` must be one of R4's.

    An issue of severity information says that it has no opinion: on the 18 types of R4 that it has no model
    of, the two that differ in R4B, and on resources that contain one of the former.
    """
    name = resource["resourceType"]
    if name in DIFFERENT_IN_R4B:
        return [
            _silent(
                f"fhir.resources knows {name} in the form of R4B only, so it gives no second opinion.", name
            )
        ]
    try:
        model = get_fhir_model_class(name)
    except ValueError:
        return [_silent(f"fhir.resources has no model of {name}, so it gives no second opinion.", name)]
    try:
        model.model_validate(resource)
    except KeyError as error:
        inner = str(error.args[0]).removeprefix("R4.").removesuffix("Type")
        return [
            _silent(
                f"fhir.resources has no model of {inner}, which is contained here, so it gives none.", name
            )
        ]
    except ValidationError as error:
        return [
            _issue(name, row["loc"], row["msg"])
            for row in error.errors(include_url=False, include_input=False)
        ]
    return []


def _silent(text: str, name: str) -> Issue:
    return Issue("information", "not-supported", text, name)


def _issue(name: str, location: tuple[int | str, ...], message: str) -> Issue:
    place = name
    for step in location:
        place += f"[{step}]" if isinstance(step, int) else f".{step}"
    return Issue("error", "structure", f"{place}: {' '.join(message.split())}", place)
