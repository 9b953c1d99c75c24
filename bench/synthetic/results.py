"""What was measured at a visit: vital signs, laboratory results with their report, smoking status."""

from typing import Any

from bench.synthetic.codes import (
    DIASTOLIC,
    HL7,
    LOINC,
    PANELS,
    SINGLE_TESTS,
    SNOMED,
    SYSTOLIC,
    UCUM,
    VITAL_SIGNS,
    Panel,
    Test,
    common_first,
    concept,
)
from bench.synthetic.entries import Entries, Visit, organization

Json = dict[str, Any]
BLOOD_PRESSURE = concept(LOINC, "85354-9", "Blood pressure panel with all children optional")
SMOKING = concept(LOINC, "72166-2", "Tobacco smoking status")
SMOKING_STATUS = (
    ("266919005", "Never smoked tobacco"),
    ("8517006", "Ex-smoker"),
    ("449868002", "Smokes tobacco daily"),
)


def _category(code: str, display: str) -> list[Json]:
    coding = {"system": f"{HL7}/observation-category", "code": code, "display": display}
    return [{"coding": [coding]}]


VITAL, LABORATORY = _category("vital-signs", "Vital Signs"), _category("laboratory", "Laboratory")
SOCIAL = _category("social-history", "Social History")
LAB_REPORT = [{"coding": [{"system": f"{HL7}/v2-0074", "code": "LAB", "display": "Laboratory"}]}]


def vital_signs(entries: Entries, visit: Visit) -> None:
    """Blood pressure always, most of the others, the smoking status now and then."""
    for test, profile in VITAL_SIGNS:
        if entries.draw.random() < 0.85:
            _observation(entries, visit, profile, VITAL, test, {"valueQuantity": _quantity(entries, test)})
    parts = [
        {"code": concept(LOINC, test.code, test.name), "valueQuantity": _quantity(entries, test)}
        for test in (SYSTOLIC, DIASTOLIC)
    ]
    said = _common(entries, visit, VITAL) | {"code": BLOOD_PRESSURE, "component": parts}
    entries.add("Observation", "us-core-blood-pressure", said)
    if entries.draw.random() < 0.3:
        status = concept(SNOMED, *common_first(entries.draw, SMOKING_STATUS))
        said = _common(entries, visit, SOCIAL) | {"code": SMOKING, "valueCodeableConcept": status}
        entries.add("Observation", "us-core-smokingstatus", said)


def laboratory(entries: Entries, visit: Visit) -> None:
    """One panel with its report, or a single test without one."""
    if entries.draw.random() < 0.35:
        test = common_first(entries.draw, SINGLE_TESTS)
        _observation(entries, visit, "us-core-observation-lab", LABORATORY, test, _measured(entries, test))
    else:
        _panel(entries, visit, common_first(entries.draw, PANELS))


def _panel(entries: Entries, visit: Visit, panel: Panel) -> None:
    profile = "us-core-observation-lab"
    results = [
        {
            "reference": _observation(entries, visit, profile, LABORATORY, test, _measured(entries, test)),
            "display": test.name,
        }
        for test in panel.tests
    ]
    report = {
        "status": "final",
        "category": LAB_REPORT,
        "code": concept(LOINC, panel.code, panel.name),
        "subject": entries.subject,
        "encounter": visit.encounter,
        "effectiveDateTime": visit.at(20),
        "issued": visit.at(90),
        "performer": [organization(visit.organization)],
        "result": results,
    }
    entries.add("DiagnosticReport", "us-core-diagnosticreport-lab", report)


def _observation(
    entries: Entries, visit: Visit, profile: str, category: list[Json], test: Test, value: Json
) -> str:
    said = _common(entries, visit, category) | {"code": concept(LOINC, test.code, test.name)} | value
    return entries.add("Observation", profile, said)


def _common(entries: Entries, visit: Visit, category: list[Json]) -> Json:
    is_laboratory = category is LABORATORY
    return {
        "status": "final",
        "category": category,
        "subject": entries.subject,
        "encounter": visit.encounter,
        "effectiveDateTime": visit.at(20 if is_laboratory else 5),
        "issued": visit.at(90 if is_laboratory else 6),
        "performer": [organization(visit.organization) if is_laboratory else visit.seen_by],
    }


def _measured(entries: Entries, test: Test) -> Json:
    """A value, how it is to be taken, and what is usual."""
    value = _quantity(entries, test)
    low, high = test.middle - 2 * test.deviation, test.middle + 2 * test.deviation
    flag = "L" if value["value"] < low else "H" if value["value"] > high else "N"
    limits = {name: _in_unit(test, max(0.0, limit)) for name, limit in (("low", low), ("high", high))}
    coding = {"system": f"{HL7}/v3-ObservationInterpretation", "code": flag}
    return {
        "valueQuantity": value,
        "interpretation": [{"coding": [coding]}],
        "referenceRange": [limits],
    }


def _quantity(entries: Entries, test: Test) -> Json:
    return _in_unit(test, max(0.0, entries.draw.gauss(test.middle, test.deviation)))


def _in_unit(test: Test, value: float) -> Json:
    number = round(value, test.decimals) if test.decimals else round(value)
    return {"value": number, "unit": test.unit, "system": UCUM, "code": test.unit}
