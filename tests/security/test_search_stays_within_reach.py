"""Searches by somebody who may see one patient: nothing of another one shows, however it is asked for."""

import random
from typing import Any

import pytest

from fhir.access import Access, Guard, Rule
from fhir.enforcement import AccessLapsed
from fhir.outcome import Forbidden
from tests.fhir.search.shelf import bundle, entries, ids, lab, link, of_patients, patient, put, walk

pytestmark = pytest.mark.django_db
ME = of_patients("me")


@pytest.fixture(autouse=True)
def clinic(db: None) -> None:
    """My record, another patient's, what both share, and what belongs to nobody."""
    put(
        patient("me", name=[{"family": "Adler"}], birthDate="1980-01-01"),
        patient("you", name=[{"family": "Adler"}], birthDate="1990-01-01", identifier=[{"value": "secret"}]),
        lab("mine-1", "me", valueQuantity={"value": 1}),
        lab("mine-2", "me", effectiveDateTime="2021-01-01", valueQuantity={"value": 3}),
        lab("yours-1", "you", effectiveDateTime="2020-06-01", valueQuantity={"value": 2}),
        lab("yours-2", "you", effectiveDateTime="2022-01-01", code="yours"),
        lab("both", "you", effectiveDateTime="2020-07-01", performer=[{"reference": "Patient/me"}]),
        lab("nobody", effectiveDateTime="2020-08-01", subject={"reference": "Group/1"}),
        lab("elsewhere", subject={"reference": "http://other.example/fhir/Patient/me"}),
        {"resourceType": "Practitioner", "id": "doctor", "name": [{"family": "Adler"}]},
        {
            "resourceType": "Provenance",
            "id": "of-you",
            "recorded": "2020-01-01T00:00:00Z",
            "target": [{"reference": "Patient/you"}],
            "agent": [{"who": {"reference": "Practitioner/doctor"}}],
        },
        {"resourceType": "Account", "id": "loose", "status": "active"},
        {
            "resourceType": "Coverage",
            "id": "cover",
            "status": "active",
            "beneficiary": {"reference": "Patient/me"},
            "payor": [{"reference": "Patient/you"}],
        },
        {
            "resourceType": "Binary",
            "id": "mine",
            "contentType": "text/plain",
            "securityContext": {"reference": "Observation/mine-1"},
        },
        {
            "resourceType": "Binary",
            "id": "yours",
            "contentType": "text/plain",
            "securityContext": {"reference": "Observation/yours-1"},
        },
        {"resourceType": "Binary", "id": "open", "contentType": "text/plain"},
        {"resourceType": "VerificationResult", "id": "v", "status": "attested"},
    )


MINE = {"mine-1", "mine-2", "both"}


@pytest.mark.parametrize(
    "asked",
    [
        "Observation",
        "Observation?status=final",
        "Observation?code=4548-4",
        "Observation?code=http://loinc.org|4548-4,yours",
        "Observation?code:not=absent",
        "Observation?date=ge2000",
        "Observation?date=ge2000&category=laboratory",
        "Observation?_lastUpdated=gt2000",
        "Observation?_id=mine-1,mine-2,both,yours-1,yours-2,nobody,elsewhere",
        "Observation?encounter:missing=true",
        "Observation?_sort=value-quantity",
        "Observation?_sort=_id&status=final",
        "Observation?_profile:missing=true",
    ],
)
def test_every_way_to_search_finds_my_compartment_only(asked: str) -> None:
    assert set(ids(asked, ME)) == MINE
    sign = "&" if "?" in asked else "?"
    assert bundle(f"{asked}{sign}_count=0", ME)["total"] == 3
    assert bundle(f"{asked}{sign}_count=1&_total=accurate", ME)["total"] == 3
    assert [fhir_id for page in walk(f"{asked}{sign}_count=1", ME) for fhir_id in page] == ids(asked, ME)


@pytest.mark.parametrize(
    "asked",
    [
        "Observation?patient=you&code=4548-4",
        "Observation?subject=Patient/you",
        "Observation?patient=you",
        "Observation?patient=you,me",
    ],
)
def test_asking_for_the_other_patient_gives_only_what_is_mine_too(asked: str) -> None:
    assert set(ids(asked, ME)) <= MINE
    assert {fhir_id for fhir_id in ids(asked, ME) if "mine" not in fhir_id} == {"both"}


@pytest.mark.parametrize(
    "asked",
    [
        "Patient?_id=you",
        "Patient?identifier=secret",
        "Patient?birthdate=1990-01-01",
        "Observation?code=yours",
        "Observation?value-quantity=2",
        "Observation?_id=yours-1",
        "Provenance",
        "Provenance?target=Patient/you",
        "Account",
        "VerificationResult",
    ],
)
def test_what_is_not_mine_answers_like_what_does_not_exist(asked: str) -> None:
    found, absent = bundle(asked, ME), bundle(asked.partition("?")[0] + "?_id=absent", ME)
    assert (found["total"], found.get("entry")) == (absent["total"], absent.get("entry")) == (0, None)


def test_a_patient_finds_itself_and_shared_types_are_open_where_they_are_named() -> None:
    assert ids("Patient?family=adler", ME) == ["me"]
    assert ids("Practitioner?family=adler", ME) == ["doctor"]
    assert ids("Coverage?patient=me", ME) == ["cover"]
    assert ids("Coverage?patient=me", of_patients("you")) == ["cover"]


def test_a_binary_is_found_only_through_what_protects_it() -> None:
    assert ids("Binary", ME) == ["mine"]
    assert set(ids("Binary", of_patients("me", "you"))) == {"mine", "yours"}


def test_without_the_letter_or_the_type_a_search_is_forbidden() -> None:
    for access in (
        of_patients("me", letters="r"),
        of_patients("me", types=frozenset({"Patient"})),
        Access(()),
    ):
        with pytest.raises(Forbidden):
            bundle("Observation", access)
        with pytest.raises(Forbidden):
            bundle("Observation?_count=0", access)


@pytest.mark.parametrize("resource_type", ["Observation", "Practitioner", "Patient", "Binary"])
def test_a_rule_without_patients_left_finds_nothing(resource_type: str) -> None:
    """Whether that is said by an empty answer or by a refusal is not this test's business."""
    try:
        found = ids(resource_type, of_patients())
    except Forbidden:
        found = []
    assert found == []


def added(asked: str, access: Access = ME) -> set[str]:
    """What was included."""
    return {f"{each['resourceType']}/{each['id']}" for each in entries(bundle(asked, access), "include")}


def test_an_include_adds_nothing_that_is_out_of_reach() -> None:
    assert added("Observation?_include=Observation:subject&_include=Observation:performer") == {"Patient/me"}
    assert added("Coverage?_include=Coverage:payor&_include=Coverage:beneficiary") == {"Patient/me"}
    assert added("Observation?_include=*") == {"Patient/me"}
    assert added("Patient?_revinclude=Provenance:target&_revinclude=Coverage:payor") == set()
    assert added("Patient?_revinclude=Observation:subject") == {"Observation/mine-1", "Observation/mine-2"}


def test_an_include_needs_a_right_to_read_or_search_and_a_reverse_one_a_right_to_search() -> None:
    def access(letters: str) -> Access:
        rules = (
            Rule(frozenset({"Observation"}), frozenset("s"), frozenset({"me"})),
            Rule(frozenset({"Patient", "Coverage"}), frozenset(letters), frozenset({"me"})),
        )
        return Access(rules)

    asked = "Observation?_id=mine-1&_include=Observation:subject"
    assert added(asked, access("r")) == {"Patient/me"}
    assert added(asked, access("s")) == {"Patient/me"}
    assert added(asked, access("u")) == set()
    chain = f"{asked}&_revinclude:iterate=Coverage:beneficiary"
    assert "Coverage/cover" in added(chain, access("s"))
    assert "Coverage/cover" not in added(chain, access("r"))


def test_my_own_profile_is_included_even_where_no_rule_reaches_it() -> None:
    access = Access((Rule(frozenset({"Observation"}), frozenset("s"), frozenset({"me"})),), own="Patient/me")
    assert added("Observation?_include=Observation:subject", access) == {"Patient/me"}
    with pytest.raises(Forbidden):
        bundle("Patient", access)


def test_several_rules_are_a_union() -> None:
    rules = (
        Rule(frozenset({"Observation"}), frozenset("s"), frozenset({"me"})),
        Rule(frozenset({"Observation"}), frozenset("rs"), frozenset({"you"})),
        Rule(frozenset({"Observation"}), frozenset("r"), None),
    )
    assert set(ids("Observation", Access(rules))) == {"mine-1", "mine-2", "both", "yours-1", "yours-2"}


def test_a_link_carries_no_right() -> None:
    following = link(bundle("Observation?_count=1", of_patients("me", "you")), "next")
    assert following is not None
    seen = [fhir_id for page in walk(following, ME) for fhir_id in page]
    assert set(seen) == MINE
    with pytest.raises(Forbidden):
        bundle(following, of_patients("me", letters="r"))


def test_what_moves_to_another_patient_is_gone_from_the_next_page() -> None:
    first = bundle("Observation?_count=1", ME)
    following = link(first, "next")
    assert following is not None
    put(lab("mine-1", "you"))
    assert ids(following, ME) == ["both"]


def test_a_token_that_ended_finds_nothing_and_is_told_so() -> None:
    def renew() -> Access:
        return ME

    def guarded(sql: str) -> Access:
        return Access(ME.rules, guard=Guard(sql, (1,), renew))

    assert set(ids("Observation?code=4548-4", guarded("1 = %s"))) == MINE
    for asked in (
        "Observation?code=4548-4",
        "Observation?code=absent",
        "Observation?_count=0",
        "Observation",
    ):
        with pytest.raises(AccessLapsed):
            bundle(asked, guarded("0 = %s"))


def test_random_records_and_queries_never_show_another_patient() -> None:
    """The compartments are worked out here by reading the resources, without the product's code."""
    dice = random.Random(20200101)
    people = ["a", "b", "c"]
    resources: dict[str, dict[str, Any]] = {}
    for number in range(60):
        more: dict[str, Any] = {"effectiveDateTime": f"20{dice.randrange(10, 20)}-01-01"}
        if dice.random() < 0.4:
            more["performer"] = [{"reference": f"Patient/{dice.choice(people)}"}]
        if dice.random() < 0.2:
            more["subject"] = dice.choice([None, {"reference": "Group/1"}])
        resource = lab(f"n{number}", dice.choice(people), code=dice.choice(["x", "y"]), **more)
        resources[resource["id"]] = resource
    put(*resources.values())
    for _ in range(40):
        allowed = dice.sample(people, dice.randrange(1, 3))
        who, code = dice.choice(people), dice.choice(["x", "y"])
        parts = dice.sample(
            [f"patient={who}", f"code={code}", "status=final", "date=ge2012"], dice.randrange(0, 4)
        )
        expected = {
            fhir_id
            for fhir_id, resource in resources.items()
            if _people(resource) & set(allowed) and all(_meets(resource, part) for part in parts)
        }
        url = f"Observation?{'&'.join([*parts, '_count=7'])}"
        found = [fhir_id for page in walk(url, of_patients(*allowed)) for fhir_id in page]
        assert set(found) == expected, (url, allowed)
        assert len(found) == len(set(found))


def _people(resource: dict[str, Any]) -> set[str]:
    references = [resource.get("subject", {}), *resource.get("performer", ())]
    return {each["reference"][8:] for each in references if each.get("reference", "").startswith("Patient/")}


def _meets(resource: dict[str, Any], part: str) -> bool:
    name, _, value = part.partition("=")
    if name == "patient":
        return bool(resource.get("subject", {}).get("reference") == f"Patient/{value}")
    if name == "code":
        return bool(resource["code"]["coding"][0]["code"] == value)
    return name == "status" or bool(resource["effectiveDateTime"] >= "2012")
