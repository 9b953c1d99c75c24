"""Which operations there are, where they are mounted, and by which definition:
https://hl7.org/fhir/R4/operations.html

The addresses and what the CapabilityStatement says both come from this one table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.urls import URLPattern, path

from fhir.interactions.everything import (
    everything,
    everything_posted,
    own_everything,
    own_everything_posted,
)
from fhir.interactions.validate import validate
from fhir.views import Interaction, view

_R4 = "http://hl7.org/fhir/OperationDefinition/"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation at one level. `type` is a resource type, `*` for every type, empty for the system.

    `methods` are what it does for each HTTP method; `on_instance` says that an id stands in the address.
    """

    name: str
    definition: str
    type: str
    on_instance: bool
    methods: Mapping[str, Interaction] = field(hash=False)

    def url(self) -> URLPattern:
        """Where it is mounted."""
        place = {"": "", "*": "<str:type>/"}.get(self.type, f"{self.type}/")
        address = {"type": self.type} if self.type not in ("", "*") else {}
        return path(
            f"{place}{'<str:id>/' if self.on_instance else ''}${self.name}", view(**self.methods), address
        )


OPERATIONS = (
    Operation(
        "everything",
        f"{_R4}Patient-everything",
        "Patient",
        False,
        {"GET": own_everything, "POST": own_everything_posted},
    ),
    Operation(
        "everything",
        f"{_R4}Patient-everything",
        "Patient",
        True,
        {"GET": everything, "POST": everything_posted},
    ),
    Operation("validate", f"{_R4}Resource-validate", "*", False, {"POST": validate}),
    Operation("validate", f"{_R4}Resource-validate", "*", True, {"POST": validate}),
)
urlpatterns = [operation.url() for operation in OPERATIONS]


def definitions(resource_type: str) -> dict[str, str]:
    """The operations on a type (empty: on the system), by name, with the canonical URL of their
    definition."""
    return {
        operation.name: operation.definition
        for operation in OPERATIONS
        if operation.type == resource_type or (resource_type and operation.type == "*")
    }
