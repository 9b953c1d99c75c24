"""The laboratory's catalogue: LOINC code, UCUM unit, digits and reference ranges of each test it can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Range = tuple[float | None, float | None]


@dataclass(frozen=True)
class LabTest:
    """A test; `female` and `male` are its reference ranges as (low, high), None for an open end.

    `earlier_female` and `earlier_male` held until the laboratory changed its method. Values under `floor`
    or over `ceiling` are reported with a comparator, as an analyser's limits demand.
    """

    code: str
    display: str
    short: str
    unit: str
    ucum: str
    digits: int
    female: Range
    male: Range
    noise: float
    panel: str
    earlier_female: Range | None = None
    earlier_male: Range | None = None
    floor: float | None = None
    ceiling: float | None = None


METHOD_CHANGE_YEARS: Final = 3.0
"""How many years before the anchor the creatinine method, and with it the reference range, changed."""

PANELS: Final[dict[str, tuple[str, str]]] = {
    "metabolic": ("24321-2", "Basic metabolic 2000 panel - Serum or Plasma"),
    "lipids": ("24331-1", "Lipid 1996 panel - Serum or Plasma"),
    "diabetes": ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood"),
    "other": ("11502-2", "Laboratory report"),
}

_TESTS: Final = (
    LabTest(
        "4548-4",
        "Hemoglobin A1c/Hemoglobin.total in Blood",
        "Hemoglobin A1c",
        "%",
        "%",
        1,
        (4.0, 5.6),
        (4.0, 5.6),
        0.15,
        "diabetes",
    ),
    LabTest(
        "2345-7",
        "Glucose [Mass/volume] in Serum or Plasma",
        "Glucose",
        "mg/dL",
        "mg/dL",
        0,
        (70, 99),
        (70, 99),
        6,
        "metabolic",
    ),
    LabTest(
        "2160-0",
        "Creatinine [Mass/volume] in Serum or Plasma",
        "Creatinine",
        "mg/dL",
        "mg/dL",
        2,
        (0.55, 1.02),
        (0.70, 1.30),
        0.04,
        "metabolic",
        (0.59, 1.04),
        (0.74, 1.35),
    ),
    LabTest(
        "98979-8",
        "Glomerular filtration rate [Volume Rate/Area] in Serum, Plasma or Blood by "
        "Creatinine-based formula (CKD-EPI 2021)/1.73 sq M",
        "eGFR",
        "mL/min/1.73 m²",
        "mL/min/{1.73_m2}",
        0,
        (60, None),
        (60, None),
        0,
        "metabolic",
        ceiling=90,
    ),
    LabTest(
        "2823-3",
        "Potassium [Moles/volume] in Serum or Plasma",
        "Potassium",
        "mmol/L",
        "mmol/L",
        1,
        (3.5, 5.1),
        (3.5, 5.1),
        0.15,
        "metabolic",
    ),
    LabTest(
        "2093-3",
        "Cholesterol [Mass/volume] in Serum or Plasma",
        "Cholesterol",
        "mg/dL",
        "mg/dL",
        0,
        (None, 200),
        (None, 200),
        7,
        "lipids",
    ),
    LabTest(
        "2085-9",
        "Cholesterol in HDL [Mass/volume] in Serum or Plasma",
        "HDL cholesterol",
        "mg/dL",
        "mg/dL",
        0,
        (50, None),
        (40, None),
        2,
        "lipids",
    ),
    LabTest(
        "13457-7",
        "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation",
        "LDL cholesterol",
        "mg/dL",
        "mg/dL",
        0,
        (None, 100),
        (None, 100),
        0,
        "lipids",
    ),
    LabTest(
        "2571-8",
        "Triglyceride [Mass/volume] in Serum or Plasma",
        "Triglycerides",
        "mg/dL",
        "mg/dL",
        0,
        (None, 150),
        (None, 150),
        10,
        "lipids",
    ),
    LabTest(
        "718-7",
        "Hemoglobin [Mass/volume] in Blood",
        "Hemoglobin",
        "g/dL",
        "g/dL",
        1,
        (12.0, 15.5),
        (13.5, 17.5),
        0.25,
        "other",
    ),
    LabTest(
        "2276-4",
        "Ferritin [Mass/volume] in Serum or Plasma",
        "Ferritin",
        "ng/mL",
        "ng/mL",
        0,
        (15, 150),
        (30, 400),
        3,
        "other",
    ),
    LabTest(
        "3016-3",
        "Thyrotropin [Units/volume] in Serum or Plasma",
        "TSH",
        "mIU/L",
        "m[IU]/L",
        2,
        (0.4, 4.0),
        (0.4, 4.0),
        0.2,
        "other",
    ),
    LabTest(
        "1988-5",
        "C reactive protein [Mass/volume] in Serum or Plasma",
        "C-reactive protein",
        "mg/L",
        "mg/L",
        1,
        (None, 5),
        (None, 5),
        0.8,
        "other",
        floor=5,
    ),
    LabTest(
        "9318-7",
        "Albumin/Creatinine [Mass Ratio] in Urine",
        "Albumin/creatinine ratio, urine",
        "mg/g",
        "mg/g",
        0,
        (None, 30),
        (None, 30),
        8,
        "other",
    ),
    LabTest(
        "3084-1",
        "Urate [Mass/volume] in Serum or Plasma",
        "Uric acid",
        "mg/dL",
        "mg/dL",
        1,
        (2.4, 6.0),
        (3.4, 7.0),
        0.3,
        "other",
    ),
)

TESTS: Final[dict[str, LabTest]] = {test.code: test for test in _TESTS}
BLOOD_GROUP: Final = ("882-1", "ABO and Rh group [Type] in Blood")


def reference_range(test: LabTest, sex: str, years_before: float) -> Range:
    """The range that the laboratory printed so many years before the anchor, for that sex."""
    earlier = test.earlier_female if sex == "female" else test.earlier_male
    if earlier is not None and years_before > METHOD_CHANGE_YEARS:
        return earlier
    return test.female if sex == "female" else test.male


def filtration_rate(creatinine: float, age: float, sex: str) -> float:
    """eGFR in mL/min/1.73 m² from serum creatinine in mg/dL, by the CKD-EPI 2021 equation (no race term)."""
    kappa, alpha, factor = (0.7, -0.241, 1.012) if sex == "female" else (0.9, -0.302, 1.0)
    ratio = creatinine / kappa
    low, high = min(ratio, 1.0) ** alpha, max(ratio, 1.0) ** -1.2
    return float(142 * low * high * 0.9938**age * factor)
