"""What can be in an invented record: the codes, how they are called, and how usual they are."""

import itertools
import random
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX = "http://hl7.org/fhir/sid/cvx"
UCUM = "http://unitsofmeasure.org"
HL7 = "http://terminology.hl7.org/CodeSystem"
CORE = "http://hl7.org/fhir/us/core/StructureDefinition"


class Test(NamedTuple):
    """Something measured: LOINC's code and name, UCUM's unit, usual middle and deviation, decimals."""

    code: str
    name: str
    unit: str
    middle: float
    deviation: float
    decimals: int


class Panel(NamedTuple):
    """Tests that are ordered together and reported together."""

    code: str
    name: str
    tests: tuple[Test, ...]


VITAL_SIGNS = (
    (Test("8302-2", "Body height", "cm", 169, 9, 1), "us-core-body-height"),
    (Test("29463-7", "Body weight", "kg", 78, 15, 1), "us-core-body-weight"),
    (Test("39156-5", "Body mass index (BMI) [Ratio]", "kg/m2", 27, 5, 2), "us-core-bmi"),
    (Test("8867-4", "Heart rate", "/min", 76, 10, 0), "us-core-heart-rate"),
    (Test("9279-1", "Respiratory rate", "/min", 15, 2, 0), "us-core-respiratory-rate"),
    (Test("8310-5", "Body temperature", "Cel", 36.8, 0.4, 1), "us-core-body-temperature"),
    (Test("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "%", 97, 1.5, 0),
     "us-core-pulse-oximetry"),
)  # fmt: skip
SYSTOLIC = Test("8480-6", "Systolic blood pressure", "mm[Hg]", 126, 14, 0)
DIASTOLIC = Test("8462-4", "Diastolic blood pressure", "mm[Hg]", 78, 9, 0)

PANELS = (
    Panel("51990-0", "Basic metabolic panel - Blood", (
        Test("2339-0", "Glucose [Mass/volume] in Blood", "mg/dL", 98, 18, 1),
        Test("6299-2", "Urea nitrogen [Mass/volume] in Blood", "mg/dL", 14, 4, 1),
        Test("38483-4", "Creatinine [Mass/volume] in Blood", "mg/dL", 1.0, 0.3, 2),
        Test("49765-1", "Calcium [Mass/volume] in Blood", "mg/dL", 9.4, 0.4, 1),
        Test("2947-0", "Sodium [Moles/volume] in Blood", "mmol/L", 140, 2.5, 0),
        Test("6298-4", "Potassium [Moles/volume] in Blood", "mmol/L", 4.3, 0.4, 1),
        Test("2069-3", "Chloride [Moles/volume] in Blood", "mmol/L", 103, 3, 0),
        Test("20565-8", "Carbon dioxide, total [Moles/volume] in Blood", "mmol/L", 25, 2, 1),
    )),
    Panel("58410-2", "CBC panel - Blood by Automated count", (
        Test("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 7, 1.8, 1),
        Test("789-8", "Erythrocytes [#/volume] in Blood by Automated count", "10*6/uL", 4.7, 0.4, 2),
        Test("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 14, 1.4, 1),
        Test("4544-3", "Hematocrit [Volume Fraction] of Blood by Automated count", "%", 42, 4, 1),
        Test("787-2", "MCV [Entitic volume] by Automated count", "fL", 89, 5, 1),
        Test("785-6", "MCH [Entitic mass] by Automated count", "pg", 30, 2, 1),
        Test("786-4", "MCHC [Mass/volume] by Automated count", "g/dL", 34, 1, 1),
        Test("777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL", 250, 60, 0),
    )),
    Panel("57698-3", "Lipid panel with direct LDL - Serum or Plasma", (
        Test("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", 190, 35, 0),
        Test("2571-8", "Triglyceride [Mass/volume] in Serum or Plasma", "mg/dL", 130, 50, 0),
        Test("18262-6", "Cholesterol in LDL [Mass/volume] in Serum or Plasma", "mg/dL", 110, 30, 0),
        Test("2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma", "mg/dL", 52, 13, 0),
    )),
    Panel("24325-3", "Hepatic function panel - Serum or Plasma", (
        Test("1742-6", "Alanine aminotransferase in Serum or Plasma", "U/L", 26, 12, 0),
        Test("1920-8", "Aspartate aminotransferase in Serum or Plasma", "U/L", 24, 9, 0),
        Test("6768-6", "Alkaline phosphatase in Serum or Plasma", "U/L", 75, 22, 0),
        Test("1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", "mg/dL", 0.7, 0.3, 1),
        Test("1751-7", "Albumin [Mass/volume] in Serum or Plasma", "g/dL", 4.3, 0.3, 1),
    )),
    Panel("24356-8", "Urinalysis complete panel - Urine", (
        Test("5811-5", "Specific gravity of Urine by Test strip", "{nominal}", 1.018, 0.006, 3),
        Test("5803-2", "pH of Urine by Test strip", "[pH]", 6.1, 0.7, 1),
        Test("5792-7", "Glucose [Mass/volume] in Urine by Test strip", "mg/dL", 3, 2, 0),
        Test("5804-0", "Protein [Mass/volume] in Urine by Test strip", "mg/dL", 9, 5, 0),
    )),
    Panel("24348-5", "Thyroxine free and TSH panel - Serum or Plasma", (
        Test("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "m[IU]/L", 2.1, 1, 2),
        Test("3024-7", "Thyroxine (T4) free [Mass/volume] in Serum or Plasma", "ng/dL", 1.2, 0.2, 2),
    )),
)  # fmt: skip
SINGLE_TESTS = (
    Test("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 6.1, 1.1, 1),
    Test("33914-3", "Glomerular filtration rate [Volume Rate/Area] (MDRD)", "mL/min/{1.73_m2}", 84, 20, 0),
    Test("14959-1", "Microalbumin/Creatinine [Mass Ratio] in Urine", "mg/g", 15, 12, 1),
    Test("1988-5", "C reactive protein [Mass/volume] in Serum or Plasma", "mg/L", 4, 4, 1),
    Test("2276-4", "Ferritin [Mass/volume] in Serum or Plasma", "ng/mL", 110, 60, 0),
    Test("1989-3", "25-Hydroxyvitamin D3 [Mass/volume] in Serum or Plasma", "ng/mL", 29, 9, 1),
    Test("2132-9", "Cobalamin (Vitamin B12) [Mass/volume] in Serum or Plasma", "pg/mL", 480, 150, 0),
    Test("6301-6", "INR in Platelet poor plasma by Coagulation assay", "{INR}", 1.2, 0.5, 1),
    Test("2857-1", "Prostate specific Ag [Mass/volume] in Serum or Plasma", "ng/mL", 1.4, 1, 2),
    Test("4537-7", "Erythrocyte sedimentation rate by Westergren method", "mm/h", 14, 9, 0),
    Test("3084-1", "Urate [Mass/volume] in Serum or Plasma", "mg/dL", 5.6, 1.3, 1),
    Test("2284-8", "Folate [Mass/volume] in Serum or Plasma", "ng/mL", 11, 4, 1),
    Test("19123-9", "Magnesium [Mass/volume] in Serum or Plasma", "mg/dL", 2, 0.2, 1),
    Test("2777-1", "Phosphate [Mass/volume] in Serum or Plasma", "mg/dL", 3.5, 0.5, 1),
    Test("2532-0", "Lactate dehydrogenase in Serum or Plasma", "U/L", 170, 30, 0),
    Test("2157-6", "Creatine kinase in Serum or Plasma", "U/L", 110, 60, 0),
    Test("10839-9", "Troponin I.cardiac [Mass/volume] in Serum or Plasma", "ng/mL", 0.02, 0.01, 3),
    Test("30934-4", "Natriuretic peptide B [Mass/volume] in Serum or Plasma", "pg/mL", 60, 40, 0),
)

CONDITIONS = tuple(
    line.split("|")
    for line in """38341003|Hypertensive disorder
55822004|Hyperlipidemia
44054006|Type 2 diabetes mellitus
444814009|Viral sinusitis
195662009|Acute viral pharyngitis
162864005|Body mass index 30+ - obesity
10509002|Acute bronchitis
271737000|Anemia
15777000|Prediabetes
40055000|Chronic sinusitis
68496003|Polyp of colon
195967001|Asthma
235595009|Gastroesophageal reflux disease
35489007|Depressive disorder
396275006|Osteoarthritis
40930008|Hypothyroidism
431855005|Chronic kidney disease stage 1
13645005|Chronic obstructive pulmonary disease
53741008|Coronary arteriosclerosis
49436004|Atrial fibrillation
84757009|Epilepsy
64859006|Osteoporosis
90560007|Gout
69896004|Rheumatoid arthritis
22298006|Myocardial infarction
84114007|Heart failure
230690007|Cerebrovascular accident
254637007|Non-small cell lung cancer
254837009|Malignant neoplasm of breast
126906006|Neoplasm of prostate""".splitlines()
)
MEDICATIONS = tuple(
    line.split("|")
    for line in """314076|lisinopril 10 MG Oral Tablet
860975|24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet
259255|atorvastatin 80 MG Oral Tablet
308136|amlodipine 2.5 MG Oral Tablet
310798|hydrochlorothiazide 25 MG Oral Tablet
313782|acetaminophen 325 MG Oral Tablet
310965|ibuprofen 200 MG Oral Tablet
308182|amoxicillin 250 MG Oral Capsule
314231|simvastatin 10 MG Oral Tablet
198405|ibuprofen 100 MG Oral Tablet
312961|simvastatin 20 MG Oral Tablet
866412|24 HR metoprolol succinate 100 MG Extended Release Oral Tablet
197361|amlodipine 5 MG Oral Tablet
966222|levothyroxine sodium 0.075 MG Oral Tablet
198014|naproxen 500 MG Oral Tablet
895994|120 ACTUAT fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler
245314|albuterol 5 MG/ML Inhalation Solution
309362|clopidogrel 75 MG Oral Tablet
855332|warfarin sodium 5 MG Oral Tablet
197604|digoxin 0.125 MG Oral Tablet
313988|furosemide 40 MG Oral Tablet
311700|midazolam 1 MG/ML Injectable Solution
197319|allopurinol 100 MG Oral Tablet
105585|methotrexate 2.5 MG Oral Tablet""".splitlines()
)
PROCEDURES = tuple(
    line.split("|")
    for line in """430193006|Medication reconciliation
710824005|Assessment of health and social care needs
171207006|Depression screening
73761001|Colonoscopy
268425006|Pelvis X-ray
23426006|Measurement of respiratory function
274474001|Bone immobilization
180325003|Electrical cardioversion
415070008|Percutaneous coronary intervention
367336001|Chemotherapy""".splitlines()
)
VACCINES = (("140", "Influenza, seasonal, injectable, preservative free"), ("113", "Td (adult)"),
            ("208", "COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose"), ("121", "zoster vaccine, live"),
            ("33", "pneumococcal polysaccharide vaccine, 23 valent"))  # fmt: skip
ALLERGENS = (("91936005", "Allergy to penicillin"), ("300916003", "Latex allergy"),
             ("91935009", "Allergy to peanut"), ("232350006", "House dust mite allergy"))  # fmt: skip
VISITS = (("162673000", "General examination of patient"), ("185345009", "Encounter for symptom"),
          ("390906007", "Follow-up encounter"), ("185349003", "Encounter for check up"),
          ("50849002", "Emergency room admission"))  # fmt: skip
SURNAMES = ("Abernathy", "Bergström", "Castellanos", "Delacroix", "Eriksen", "Fitzgerald", "García", "Hoang",
            "Ivanova", "Johansson", "Kowalczyk", "Lindqvist", "Müller", "Nakamura", "O'Brien", "Petrov",
            "Quispe", "Rodríguez", "Schneider", "Takahashi", "Ulrich", "Vázquez", "Whitfield", "Xu", "Yılmaz",
            "Zimmermann")  # fmt: skip
WOMEN = ("Amelia", "Beatriz", "Chiara", "Dorothea", "Eleni", "Freya", "Grace", "Hanna", "Ingrid", "Joana")
MEN = ("Anton", "Bruno", "Carlos", "Dmitri", "Emil", "Felix", "Gustavo", "Henrik", "Ibrahim", "Jakub")
CITIES = (("Boston", "02108"), ("Worcester", "01601"), ("Springfield", "01103"), ("Lowell", "01852"))

Item = TypeVar("Item")


def common_first(draw: random.Random, items: Sequence[Item]) -> Item:
    """One of the items, the nth of them with a weight of 1/n."""
    weights = itertools.accumulate(1 / place for place in range(1, len(items) + 1))
    return draw.choices(items, cum_weights=list(weights))[0]


def concept(system: str, code: str, display: str) -> dict[str, Any]:
    """A CodeableConcept with one coding."""
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def labelled(table: str, code: str) -> dict[str, Any]:
    """A CodeableConcept from one of HL7's own tables."""
    return {"coding": [{"system": f"{HL7}/{table}", "code": code}]}
