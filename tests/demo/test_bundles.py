"""The invented patients: valid, complete, and the same in every run."""

import json
import re
from collections import Counter
from datetime import date
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from smartcdr.demo.bundles import ANCHOR, bundles

Json = dict[str, Any]
LABS = "http://terminology.hl7.org/CodeSystem/observation-category"


@pytest.fixture(scope="module")
def made() -> list[Json]:
    return list(bundles())


@pytest.fixture(scope="module")
def resources(made: list[Json]) -> list[Json]:
    return [entry["resource"] for bundle in made for entry in bundle["entry"]]


def labs_of(resources: list[Json], patient: str, code: str = "") -> list[Json]:
    return [
        one
        for one in resources
        if one["resourceType"] == "Observation"
        and one["subject"]["reference"] == f"Patient/{patient}"
        and one["category"][0]["coding"][0]["code"] == "laboratory"
        and code in ("", one["code"]["coding"][0]["code"])
    ]


def final_values(resources: list[Json], patient: str, code: str) -> list[float]:
    found = [one for one in labs_of(resources, patient, code) if one["status"] == "final"]
    return [one["valueQuantity"]["value"] for one in sorted(found, key=lambda one: one["effectiveDateTime"])]


def test_two_builds_are_equal_to_the_last_character(made: list[Json]) -> None:
    assert json.dumps(made) == json.dumps(list(bundles()))


def test_another_anchor_moves_the_dates_and_keeps_the_values(resources: list[Json]) -> None:
    earlier = [entry["resource"] for bundle in bundles(date(2024, 11, 2)) for entry in bundle["entry"]]
    now, then = (final_values(found, "patient-anna-bauer", "4548-4") for found in (resources, earlier))
    assert now == then
    days = {one["effectiveDateTime"][:4] for one in labs_of(earlier, "patient-anna-bauer")}
    assert max(days) == "2024"


def test_there_are_twenty_five_patients_and_nothing_lies_in_the_future(resources: list[Json]) -> None:
    assert Counter(one["resourceType"] for one in resources)["Patient"] == 25
    dates = re.findall(
        r'"(?:effectiveDateTime|issued|authoredOn|occurrenceDateTime)": "(\d{4}-\d\d-\d\d)',
        json.dumps(resources),
    )
    assert dates
    assert max(dates) <= ANCHOR.isoformat()


@pytest.mark.requirement("FHIR R4 http://hl7.org/fhir/R4/bundle.html#transaction")
def test_every_entry_is_a_put_under_its_own_id_and_no_id_is_used_twice(made: list[Json]) -> None:
    urls = []
    for bundle in made:
        assert bundle["type"] == "transaction"
        for entry in bundle["entry"]:
            kind, identity = entry["resource"]["resourceType"], entry["resource"]["id"]
            assert entry["request"] == {"method": "PUT", "url": f"{kind}/{identity}"}
            assert re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", identity)
            urls.append(entry["request"]["url"])
    assert len(urls) == len(set(urls))


def test_every_reference_points_at_something_that_was_loaded_before_or_with_it(made: list[Json]) -> None:
    known: set[str] = set()
    for bundle in made:
        known |= {entry["request"]["url"] for entry in bundle["entry"]}
        named = set(re.findall(r'"reference": "([^"]+)"', json.dumps(bundle)))
        assert named <= known


def test_every_bundle_is_accepted_by_the_second_opinion(made: list[Json]) -> None:
    for bundle in made:
        get_fhir_model_class("Bundle").model_validate(bundle)


def test_a_resource_that_the_model_refuses_stops_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "smartcdr.demo.bundles.clinic_resources",
        lambda: [{"resourceType": "Location", "id": "x", "nonsense": 1}],
    )
    with pytest.raises(ValueError, match="nonsense"):
        next(iter(bundles()))


def test_treatment_lowers_annas_hba1c_and_thomas_loses_kidney_function(resources: list[Json]) -> None:
    hba1c = final_values(resources, "patient-anna-bauer", "4548-4")
    assert len(hba1c) >= 20
    assert hba1c[0] > 9
    assert hba1c[-1] < 6.6
    rate = final_values(resources, "patient-thomas-okafor", "98979-8")
    assert rate[0] > 55
    assert rate[-1] < 30


def test_one_patient_has_no_laboratory_values_and_one_has_a_single_one(resources: list[Json]) -> None:
    assert labs_of(resources, "patient-henry-calloway") == []
    assert len(labs_of(resources, "patient-olivia-ferreira")) == 1


def test_results_say_unit_range_and_interpretation_that_agree_with_the_value(resources: list[Json]) -> None:
    checked = 0
    for one in resources:
        if "referenceRange" not in one or "valueQuantity" not in one:
            continue
        value, limits = one["valueQuantity"], one["referenceRange"][0]
        assert value["system"] == "http://unitsofmeasure.org"
        said = one["interpretation"][0]["coding"][0]["code"]
        if "comparator" in value:
            expected = "N"
        elif "low" in limits and value["value"] < limits["low"]["value"]:
            expected = "L"
        elif "high" in limits and value["value"] > limits["high"]["value"]:
            expected = "H"
        else:
            expected = "N"
        assert said == expected, one["id"]
        checked += 1
    assert checked > 1000


def test_the_creatinine_range_changed_with_the_method_and_some_values_have_a_comparator(
    resources: list[Json],
) -> None:
    ranges = {
        one["referenceRange"][0]["text"] for one in labs_of(resources, "patient-thomas-okafor", "2160-0")
    }
    assert ranges == {"0.74 to 1.35 mg/dL", "0.7 to 1.3 mg/dL"}
    comparators = {
        one["valueQuantity"].get("comparator")
        for one in labs_of(resources, "patient-grace-lindqvist", "1988-5")
    }
    assert comparators == {None, "<"}


def test_ldl_is_what_is_left_of_the_total_by_friedewald(resources: list[Json]) -> None:
    total, hdl, fat, ldl = (
        final_values(resources, "patient-felix-grunwald", code)
        for code in ("2093-3", "2085-9", "2571-8", "13457-7")
    )
    assert len(ldl) > 5
    for one in zip(total, hdl, fat, ldl, strict=True):
        assert abs(one[0] - one[1] - one[2] / 5 - one[3]) <= 0.5
