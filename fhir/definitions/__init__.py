"""The facts of FHIR R4 that the server is driven by, as data.

Provenance: everything in this folder is derived from the package hl7.fhir.r4.core 4.0.1, which HL7 publishes
under CC0 1.0, and the seven search parameters that US Core 6.1.0 (CC0 1.0) adds to it. Four tables are
decisions of this project: `main-dates.json`, `shared-types.json`, `further-targets.json`, and the rows
Device, Task, GuidanceResponse, Contract (and Patient without `link`) of `patient-compartment.json`.
docs/decisions/ gives the reasons.
"""

from importlib import resources
from typing import Any

import orjson


def load(name: str) -> Any:
    """Return the parsed JSON of the table `name` (without `.json`) of this folder.

    Raises FileNotFoundError when there is no such table.
    """
    return orjson.loads(resources.files(__name__).joinpath(f"{name}.json").read_bytes())
