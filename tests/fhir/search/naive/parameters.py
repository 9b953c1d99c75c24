"""Where some search parameters look, written down by hand: type → code → (kind of parameter, places)."""

from typing import Any

Places = tuple[tuple[str, str], ...]

_PATIENT = ("reference", (("subject", "Reference"),))
_CONCEPT = "CodeableConcept"

PARAMETERS: dict[str, dict[str, tuple[str, Places]]] = {
    "Patient": {
        "name": ("string", (("name", "HumanName"),)),
        "family": ("string", (("name.family", "string"),)),
        "given": ("string", (("name.given", "string"),)),
        "address": ("string", (("address", "Address"),)),
        "address-city": ("string", (("address.city", "string"),)),
        "gender": ("token", (("gender", "http://hl7.org/fhir/administrative-gender"),)),
        "identifier": ("token", (("identifier", "Identifier"),)),
        "active": ("token", (("active", "boolean"),)),
        "phone": ("token", (("telecom[phone]", "ContactPoint"),)),
        "telecom": ("token", (("telecom", "ContactPoint"),)),
        "birthdate": ("date", (("birthDate", "date"),)),
        "death-date": ("date", (("deceasedDateTime", "date"),)),
        "general-practitioner": ("reference", (("generalPractitioner", "Reference"),)),
        "link": ("reference", (("link.other", "Reference"),)),
    },
    "Observation": {
        "code": ("token", (("code", _CONCEPT),)),
        "category": ("token", (("category", _CONCEPT),)),
        "status": ("token", (("status", "http://hl7.org/fhir/observation-status"),)),
        "value-concept": ("token", (("valueCodeableConcept", _CONCEPT),)),
        "combo-code": ("token", (("code", _CONCEPT), ("component.code", _CONCEPT))),
        "component-code": ("token", (("component.code", _CONCEPT),)),
        "identifier": ("token", (("identifier", "Identifier"),)),
        "date": ("date", (("effectiveDateTime", "date"), ("effectivePeriod", "Period"))),
        "value-date": ("date", (("valueDateTime", "date"), ("valuePeriod", "Period"))),
        "value-quantity": ("quantity", (("valueQuantity", "Quantity"),)),
        "combo-value-quantity": (
            "quantity",
            (("valueQuantity", "Quantity"), ("component.valueQuantity", "Quantity")),
        ),
        "value-string": (
            "string",
            (("valueString", "string"), ("valueCodeableConcept.text", "string")),
        ),
        "patient": _PATIENT,
        "subject": _PATIENT,
        "encounter": ("reference", (("encounter", "Reference"),)),
        "performer": ("reference", (("performer", "Reference"),)),
    },
    "Condition": {
        "code": ("token", (("code", _CONCEPT),)),
        "category": ("token", (("category", _CONCEPT),)),
        "clinical-status": ("token", (("clinicalStatus", _CONCEPT),)),
        "onset-date": ("date", (("onsetDateTime", "date"), ("onsetPeriod", "Period"))),
        "abatement-date": ("date", (("abatementDateTime", "date"), ("abatementPeriod", "Period"))),
        "recorded-date": ("date", (("recordedDate", "date"),)),
        "onset-info": ("string", (("onsetString", "string"),)),
        "patient": _PATIENT,
        "encounter": ("reference", (("encounter", "Reference"),)),
        "asserter": ("reference", (("asserter", "Reference"),)),
    },
    "Encounter": {
        "class": ("token", (("class", "Coding"),)),
        "type": ("token", (("type", _CONCEPT),)),
        "status": ("token", (("status", "http://hl7.org/fhir/encounter-status"),)),
        "reason-code": ("token", (("reasonCode", _CONCEPT),)),
        "date": ("date", (("period", "Period"),)),
        "length": ("quantity", (("length", "Quantity"),)),
        "patient": _PATIENT,
        "participant": ("reference", (("participant.individual", "Reference"),)),
        "part-of": ("reference", (("partOf", "Reference"),)),
    },
    "MedicationRequest": {
        "status": ("token", (("status", "http://hl7.org/fhir/CodeSystem/medicationrequest-status"),)),
        "intent": ("token", (("intent", "http://hl7.org/fhir/CodeSystem/medicationrequest-intent"),)),
        "code": ("token", (("medicationCodeableConcept", _CONCEPT),)),
        "authoredon": ("date", (("authoredOn", "date"),)),
        "patient": _PATIENT,
        "requester": ("reference", (("requester", "Reference"),)),
        "encounter": ("reference", (("encounter", "Reference"),)),
    },
}
for _rows in PARAMETERS.values():
    _rows["_id"] = ("token", (("id", "code"),))
    _rows["_tag"] = ("token", (("meta.tag", "Coding"),))
    _rows["_lastUpdated"] = ("date", (("meta.lastUpdated", "date"),))

COMPOSITES = {
    "Observation": {
        "code-value-quantity": ("", "code", "valueQuantity"),
        "component-code-value-quantity": ("component", "code", "valueQuantity"),
    }
}
"""type → code → (place, first component, second component)."""

TARGETS = {
    "general-practitioner": ("Practitioner", "PractitionerRole", "Organization"),
    "link": ("Patient", "RelatedPerson"),
    "patient": ("Patient",),
    "encounter": ("Encounter",),
    "part-of": ("Encounter",),
}
"""What an id alone may be of; any type for the others."""


def values(resource: dict[str, Any], places: Places) -> list[tuple[Any, str]]:
    """Each value at these places, with the kind of the place."""
    return [(value, kind) for path, kind in places for value in at(resource, path)]


def at(place: Any, path: str) -> list[Any]:
    """All values at a path of names; `telecom[phone]` keeps those of this system."""
    found = [place]
    for name in path.split("."):
        name, _, wanted = name.partition("[")
        inner = [each.get(name) for each in found if isinstance(each, dict)]
        found = [item for each in inner for item in (each if isinstance(each, list) else [each])]
        found = [item for item in found if item is not None]
        if wanted:
            found = [item for item in found if item.get("system") == wanted.rstrip("]")]
    return found
