"""What a required binding allows, as JSON Schema: the codes of its value set, or as much as R4 tells of them.

https://hl7.org/fhir/R4/terminologies.html#required
"""

from typing import Any

from fhir.elements import Element, value_sets

_FORMS: dict[str, tuple[str, str]] = {
    "http://hl7.org/fhir/ValueSet/currencies": (r"^[A-Z]{3}$", "a currency of ISO 4217, such as EUR"),
}
"""Value sets that R4 takes from elsewhere without their codes: the form that every code has, and its name.

MIME types are not here: R4 itself writes `xml` and `any` for them as well.
"""

_SYSTEMS = {
    "http://hl7.org/fhir/ValueSet/ucum-units": "http://unitsofmeasure.org",
    "http://loinc.org/vs/LL379-9": "http://loinc.org",
}
"""Value sets whose codes are a part of a code system that R4 does not spell out."""


def form_of(url: str) -> str:
    """Return in words what a code of this value set looks like, empty where its codes are known."""
    return _FORMS[url][1] if url in _FORMS else ""


def code(element: Element) -> dict[str, Any] | None:
    """Return the schema of a code by the element's required binding, None without one."""
    url = element.values or ""
    systems = value_sets().get(url)
    if systems:
        allowed: dict[str, Any] = {"enum": sorted(set().union(*systems.values()))}
    elif url in _FORMS:
        allowed = {"type": "string", "pattern": _FORMS[url][0]}
    else:
        return None
    return {**allowed, "$comment": f"binding:{url}"}


def concept(element: Element) -> dict[str, Any]:
    """Return what a required binding adds to a CodeableConcept: one coding of the value set, or an extension
    instead. Nothing without a binding.
    """
    codings = _codings(element.values or "")
    if not codings:
        return {}
    coded = {"properties": {"coding": {"contains": {"anyOf": codings}}}, "required": ["coding"]}
    return {"anyOf": [{"required": ["extension"]}, coded], "$comment": f"binding:{element.values}"}


def _codings(url: str) -> list[dict[str, Any]]:
    known = {system: {"enum": sorted(codes)} for system, codes in value_sets().get(url, {}).items()}
    if url in _SYSTEMS:
        known[_SYSTEMS[url]] = {}
    return [
        {"properties": {"system": {"const": system}, "code": rule}, "required": ["system", "code"]}
        for system, rule in known.items()
    ]
