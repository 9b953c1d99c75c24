"""The code of each interaction in the audit trail: FHIR's own where it has one, else the operation's name.

https://hl7.org/fhir/R4/valueset-restful-interaction.html
"""

from __future__ import annotations

from collections.abc import Callable

from fhir.exchange import Answer, Request
from fhir.interactions import everything, export, histories, search
from fhir.interactions.bundle import bundle
from fhir.interactions.conditional_delete import conditional_delete
from fhir.interactions.conditional_patch import conditional_patch
from fhir.interactions.conditional_update import conditional_update
from fhir.interactions.create import create
from fhir.interactions.delete import delete
from fhir.interactions.history import history
from fhir.interactions.patch import patch
from fhir.interactions.read import read
from fhir.interactions.update import update
from fhir.interactions.validate import validate
from fhir.interactions.vread import vread

KINDS: dict[Callable[[Request], Answer], str] = {
    read: "read",
    vread: "vread",
    search.search: "search-type",
    search.search_posted: "search-type",
    search.search_system: "search-system",
    search.search_system_posted: "search-system",
    history: "history-instance",
    histories.type_history: "history-type",
    histories.system_history: "history-system",
    create: "create",
    update: "update",
    conditional_update: "update",
    patch: "patch",
    conditional_patch: "patch",
    delete: "delete",
    conditional_delete: "delete",
    # It says itself if it turns out to be a transaction.
    bundle: "batch",
    everything.everything: "$everything",
    everything.everything_posted: "$everything",
    everything.own_everything: "$everything",
    everything.own_everything_posted: "$everything",
    validate: "$validate",
    export.export_system: "$export",
    export.export_system_posted: "$export",
    export.export_patients: "$export",
    export.export_patients_posted: "$export",
    export.export_group: "$export",
    export.export_group_posted: "$export",
    export.export_status: "export-status",
    export.cancel_export: "export-delete",
    export.export_file: "export-file",
}
