"""What a person may tell an app beside patient and encounter: what it is opened for, and with which records.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#launch-intent
https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#fhircontext-exp
"""

from collections.abc import Mapping
from typing import Any

from accounts.models import User
from launch.fhir_context import fhir_context_fault
from launch.patients import may_launch_with

LONGEST_INTENT = 255


class BadWish(ValueError):
    """Something that was written does not fit; the message is for the person who wrote it."""


def further_context(user: User, patient: str, written: Mapping[str, str]) -> dict[str, Any]:
    """Fields of a LaunchContext from a form's `intent`, and `records`: references with spaces between.

    Each record must be one that the person may read and that is no other patient's. Raises BadWish; a record
    that is not there and one that is out of reach are told alike.
    """
    intent = written.get("intent", "").strip()
    if not intent.isprintable() or len(intent) > LONGEST_INTENT:
        raise BadWish(f"The intent must be one line of up to {LONGEST_INTENT} characters.")
    fhir_context = [
        {"reference": reference} for reference in dict.fromkeys(written.get("records", "").split())
    ]
    if fhir_context_fault(fhir_context):
        raise BadWish(
            "Write records as their type and id, such as DiagnosticReport/123. Patients and encounters are "
            "chosen above."
        )
    for entry in fhir_context:
        if not may_launch_with(user, patient, entry["reference"]):
            raise BadWish(f"{entry['reference']} is not a record that this app could be opened with here.")
    return {"intent": intent, "fhir_context": fhir_context}
