"""Which operations there are, where they are mounted, and by which definition:
https://hl7.org/fhir/R4/operations.html

The addresses and what the CapabilityStatement says both come from this one table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern, path

from fhir.answering import Interaction
from fhir.interactions.everything import (
    everything,
    everything_posted,
    own_everything,
    own_everything_posted,
)
from fhir.interactions.export import (
    cancel_export,
    export_file,
    export_group,
    export_group_posted,
    export_patients,
    export_patients_posted,
    export_status,
    export_system,
    export_system_posted,
)
from fhir.interactions.validate import validate
from fhir.views import view

_BULK = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"
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

    @property
    def is_safe(self) -> bool:
        """Whether its GET changes nothing; that of an export starts one."""
        return self.name != "export"

    def url(self) -> URLPattern:
        """Where it is mounted."""
        place = {"": "", "*": "<str:type>/"}.get(self.type, f"{self.type}/")
        place += "<str:id>/" if self.on_instance else ""
        address = {"type": self.type} if self.type not in ("", "*") else {}
        methods: dict[str, Any] = dict(self.methods)
        return path(f"{place}${self.name}", view(head=self.is_safe, **methods), address)


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
    Operation("export", f"{_BULK}export", "", False, {"GET": export_system, "POST": export_system_posted}),
    Operation(
        "export",
        f"{_BULK}patient-export",
        "Patient",
        False,
        {"GET": export_patients, "POST": export_patients_posted},
    ),
    Operation(
        "export", f"{_BULK}group-export", "Group", True, {"GET": export_group, "POST": export_group_posted}
    ),
)
urlpatterns = [
    *(operation.url() for operation in OPERATIONS),
    path("_export/<str:id>", view(GET=export_status, DELETE=cancel_export), name="export-status"),
    path("_export/<str:id>/<str:file>", view(negotiated=False, GET=export_file), name="export-file"),
]


def definitions(resource_type: str) -> dict[str, str]:
    """The operations on a type (empty: on the system), by name, with the canonical URL of their
    definition."""
    return {
        operation.name: operation.definition
        for operation in OPERATIONS
        if operation.type == resource_type or (resource_type and operation.type == "*")
    }
