"""Published resources, good and bad, held against R4's structure, and another library's opinion of them."""

import gzip
import json
from typing import Any

import pytest

from fhir import jsontext
from fhir.jsontext import JsonTextError
from fhir.validation import validate
from fhir.validation.second_opinion import second_opinion
from tests.fhir.published import folder, hl7_examples, zipped

pytestmark = pytest.mark.corpus

STRUCTURAL = {"json-syntax", "structure", "cardinality", "primitive-value"}

REFUSED_THOUGH_VALID = {
    "contained-resource-bad-id-ignore": "the id of 65 characters is to be passed over by an option",
    "json-comments-2-yes": "the comments are to be passed over by an option",
}
"""Two rows that HL7's validator accepts because an option tells it not to look; each shares its file with a
row that has no such option and is refused."""
DIFFERENCES_TO_SECOND_OPINION: dict[str, str] = {}
"""HL7 example → why our schema and fhir.resources differ on it; there is none."""


def _refusals(text: bytes) -> list[str]:
    try:
        resource = jsontext.parse(text)
    except JsonTextError as error:
        return [str(error)]
    return [issue.diagnostics for issue in validate(resource)]


def test_hl7s_examples_are_accepted_but_the_one_that_is_wrong() -> None:
    refused = {}
    count = 0
    for name, text in hl7_examples():
        count += 1
        found = _refusals(text)
        if found:
            refused[name] = found
    assert count == 773
    assert set(refused) == {"Questionnaire-qs1.json"}
    assert "Questionnaire.item[0].item[0].linkId is required." in refused["Questionnaire-qs1.json"]


def test_us_cores_examples_are_accepted_but_the_one_that_is_wrong() -> None:
    refused = {}
    count = 0
    for name, text in zipped("us-core/us-core-6.1.0-examples.zip"):
        if not name.endswith(".json"):
            continue
        count += 1
        found = _refusals(text)
        if found:
            refused[name] = found
    assert count == 183
    assert refused == {"diagnosticreport-cbc.json": ["DiagnosticReport.text.div is required."]}


def test_generated_patients_are_accepted() -> None:
    sizes = []
    for path in sorted((folder() / "synthea/v2.7-uscore").glob("*.json.gz"))[:6]:
        text = gzip.decompress(path.read_bytes())
        assert _refusals(text) == [], path.name
        sizes.append(len(text))
    assert sum(sizes) > 1_000_000


def test_hl7s_test_cases_are_judged_as_hl7s_validator_judges_their_structure() -> None:
    files = dict(zipped("invalid/fhir-test-cases-r4.zip"))
    rows = json.loads(files["index.json"])
    valid = [row for row in rows if row["expected"] == "valid"]
    structural = [row for row in rows if STRUCTURAL.intersection(row["kinds"])]
    assert (len(valid), len(structural)) == (70, 18)
    assert [row["name"] for row in structural if not _refusals(files[row["file"]])] == []
    refused = {row["name"]: row["file"] for row in valid if _refusals(files[row["file"]])}
    assert set(refused) == set(REFUSED_THOUGH_VALID)
    assert set(refused.values()) <= {row["file"] for row in structural}


def test_four_of_hl7s_examples_refer_to_types_that_r4_does_not_foresee_there() -> None:
    remarked = {}
    for name, text in hl7_examples():
        found = [issue for issue in validate(jsontext.parse(text), remarks=True) if not issue.refuses]
        if found:
            remarked[name] = found
    assert {issue.code for found in remarked.values() for issue in found} == {"business-rule"}
    assert set(remarked) == {
        "DeviceMetric-example.json",
        "DeviceUseStatement-example.json",
        "MedicationRequest-medrx0301.json",
        "Observation-clinical-gender.json",
    }


def _vector(kind: str, value: bytes) -> bytes:
    if kind == "xhtml":
        return b'{"resourceType":"Patient","text":{"status":"generated","div":%s}}' % value
    name = f"value{kind[0].upper()}{kind[1:]}".encode()
    return b'{"resourceType":"Parameters","parameter":[{"name":"x","%s":%s}]}' % (name, value)


def test_googles_vectors_of_primitive_values_are_judged_as_they_say() -> None:
    """Their null is a place in an array; their empty xhtml is no div."""
    judged = 0
    for name, text in zipped("invalid/google-fhir-primitive-vectors.zip"):
        if not name.endswith(".ndjson"):
            continue
        first, verdict, _ = name.split(".")
        head, *tail = first.split("_")
        kind = head + "".join(part.capitalize() for part in tail)
        for line in filter(None, map(bytes.strip, text.splitlines())):
            good = verdict == "valid" and line != b"null" and (kind, line) != ("xhtml", b'""')
            assert bool(_refusals(_vector(kind, line))) is not good, (kind, line)
            judged += 1
    assert judged > 100


def test_the_second_opinion_on_hl7s_examples_differs_only_where_it_is_explained() -> None:
    differences: dict[str, Any] = {}
    silent = set()
    for name, text in hl7_examples():
        resource = jsontext.parse(text)
        theirs = second_opinion(resource)
        if any(issue.severity == "information" for issue in theirs):
            silent.add(resource["resourceType"])
            continue
        ours = validate(resource)
        if any(issue.refuses for issue in theirs) != bool(ours):
            differences[name] = (theirs, ours)
    assert set(differences) == set(DIFFERENCES_TO_SECOND_OPINION), differences
    assert len(silent) == 15  # of the 20 types without an opinion, those that HL7 has examples of
