"""The CapabilityStatement says what works, all of it and nothing else."""

import json
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from fhir.access import Access
from fhir.exchange import Request
from fhir.interactions.capabilities import capabilities
from fhir.operations import definitions
from fhir.outcome import FhirError
from fhir.registry import RESOURCE_TYPES
from fhir.search.query import parse
from fhir.validation import validate
from tests.fhir.callers import Caller, everyone
from tests.fhir.search.shelf import bundle

OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
URIS = {"authorize": "https://example.org/authorize", "token": "https://example.org/token"}
VALUES = {"date": "2020", "number": "1", "quantity": "1", "reference": "x", "uri": "urn:x"}
SPECIAL = {"_list": "_list=x", "_has": "_has:Provenance:target:_id=x"}


def endpoints() -> dict[str, str]:
    """What an authorization server would tell."""
    return URIS


def no_endpoints() -> dict[str, str]:
    """What is told where there is none."""
    return {}


@pytest.fixture
def statement(settings: Settings) -> dict[str, Any]:
    """The CapabilityStatement."""
    settings.FHIR_SECURITY = f"{__name__}.endpoints"
    found: dict[str, Any] = json.loads(capabilities(Request(Access(()))).text)
    return found


def by_type(statement: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is said of each resource type."""
    return {each["type"]: each for each in statement["rest"][0]["resource"]}


@pytest.mark.requirement("https://hl7.org/fhir/R4/capabilitystatement.html")
def test_it_is_a_valid_statement_about_all_types_of_r4(statement: dict[str, Any]) -> None:
    assert validate(statement) == []
    assert tuple(by_type(statement)) == RESOURCE_TYPES
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["implementation"]["url"] == "http://testserver/fhir"


@pytest.mark.requirement("SMART 2.2 conformance.html#declaring-support-for-oauth2-endpoints")
def test_the_security_block_names_smart_and_the_endpoints_that_the_setting_tells(
    statement: dict[str, Any],
) -> None:
    security = statement["rest"][0]["security"]
    assert security["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    [extension] = security["extension"]
    assert extension["url"] == OAUTH_URIS
    assert {each["url"]: each["valueUri"] for each in extension["extension"]} == URIS


def test_without_endpoints_there_is_no_empty_extension(settings: Settings) -> None:
    settings.FHIR_SECURITY = f"{__name__}.no_endpoints"
    found = json.loads(capabilities(Request(Access(()))).text)
    assert "extension" not in found["rest"][0]["security"]
    assert validate(found) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "resource_type", ["Observation", "Patient", "RiskAssessment", "ValueSet", "MolecularSequence"]
)
def test_every_parameter_that_is_named_can_be_searched_by(
    statement: dict[str, Any], resource_type: str
) -> None:
    named = by_type(statement)[resource_type]["searchParam"]
    assert len(named) > 10
    for each in named:
        if each["type"] != "composite":
            asked = SPECIAL.get(each["name"], f"{each['name']}={VALUES.get(each['type'], 'x')}")
            found = bundle(f"{resource_type}?{asked}", handling="strict")
            assert found["total"] == 0


@pytest.mark.django_db
def test_no_parameter_is_kept_quiet(statement: dict[str, Any]) -> None:
    named = {each["name"] for each in by_type(statement)["Patient"]["searchParam"]}
    for code in ("_text", "_content", "phonetic", "_query"):
        assert code not in named
        with pytest.raises(FhirError):
            bundle(f"Patient?{code}=x", handling="strict")
    assert {"_id", "_lastUpdated", "_tag", "_profile", "_security", "name", "general-practitioner"} <= named


def names(said: dict[str, Any]) -> set[str]:
    """The search parameters that are named."""
    return {each["name"] for each in said["searchParam"]}


def understood(resource_type: str, name: str) -> bool:
    """Whether a search takes a parameter of this name into account."""
    query = "_has:Provenance:target:_id=x" if name == "_has" else f"{name}:missing=true"
    if name in ("_id", "_list", "_lastUpdated"):
        query = f"{name}=2020"
    try:
        asked = parse(resource_type, query, strict=True).asked
    except FhirError as error:
        if "no search parameter" not in error.diagnostics:
            raise
        return False
    return bool(asked)


def test_the_parameters_that_are_named_are_all_that_a_search_of_each_type_knows(
    statement: dict[str, Any],
) -> None:
    said = by_type(statement)
    every = {name for each in said.values() for name in names(each)}
    every |= {"_text", "_content", "_query", "_filter", "_type", "near", "phonetic", "nonsense"}
    for resource_type, each in said.items():
        assert {name for name in every if understood(resource_type, name)} == names(each), resource_type


def test_the_includes_that_are_named_are_all_that_a_search_of_each_type_can_add(
    statement: dict[str, Any],
) -> None:
    said = by_type(statement)
    for resource_type, each in said.items():
        own = {f"{resource_type}:{name}" for name in names(each)}
        taken = {value for value in own if includes(resource_type, "_include", value)}
        assert taken == set(each.get("searchInclude", ())) - {"*"}, resource_type
        assert ("*" in each.get("searchInclude", ())) == bool(taken)
    pairs = {f"{kind}:{name}" for kind, each in said.items() for name in names(each)}
    leading = {value for value in pairs if includes("Patient", "_revinclude", value)}
    assert leading == {value for each in said.values() for value in each.get("searchRevInclude", ())}
    assert "QuestionnaireResponse:questionnaire" in said["Questionnaire"]["searchRevInclude"]
    assert "QuestionnaireResponse:questionnaire" in said["QuestionnaireResponse"]["searchInclude"]
    assert "Library:depends-on" not in said["Patient"]["searchRevInclude"]


def includes(resource_type: str, name: str, value: str) -> bool:
    """Whether a search of a type takes this value of `_include` or `_revinclude`."""
    try:
        return bool(parse(resource_type, f"{name}={value}", strict=False).includes)
    except FhirError:
        return False


@pytest.mark.django_db
def test_the_parameters_of_the_system_are_those_that_a_search_at_the_base_takes(
    statement: dict[str, Any],
) -> None:
    rest = statement["rest"][0]
    named = names(rest)
    assert {"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source", "_list", "_has"} < named
    every = {name for each in by_type(statement).values() for name in names(each)} | {"_type", "_text"}
    values = {
        "_has": "_has:Provenance:target:_id=x",
        "_type": "_type=Patient",
        "_lastUpdated": "_lastUpdated=2020",
    }
    for name in every:
        answer = everyone().get(f"?{values.get(name, f'{name}=x')}&_count=0", Prefer="handling=strict")
        assert (answer.status_code == 200) == (name in named), name


@pytest.mark.django_db
@pytest.mark.parametrize("resource_type", ["Observation", "Encounter", "Questionnaire"])
def test_every_include_that_is_named_works(statement: dict[str, Any], resource_type: str) -> None:
    said = by_type(statement)[resource_type]
    for name in said.get("searchInclude", ()):
        assert bundle(f"{resource_type}?_include={name}", handling="strict")["total"] == 0
    for name in said["searchRevInclude"][::10]:
        assert bundle(f"{resource_type}?_revinclude={name}", handling="strict")["total"] == 0


def test_what_points_at_a_type_is_told_there(statement: dict[str, Any]) -> None:
    assert "Observation:subject" in by_type(statement)["Patient"]["searchRevInclude"]
    assert "Observation:subject" not in by_type(statement)["Practitioner"]["searchRevInclude"]
    assert "Observation:code" not in by_type(statement)["Observation"]["searchInclude"]


def test_every_interaction_that_is_named_is_mounted_and_the_others_are_not(
    statement: dict[str, Any], api: Caller
) -> None:
    named = {each["code"] for each in by_type(statement)["Basic"]["interaction"]}
    basic = {"resourceType": "Basic", "code": {"text": "x"}}
    tried = {
        "create": api.send("POST", "Basic", basic),
        "update": api.send("PUT", "Basic/b", {**basic, "id": "b"}),
        "read": api.get("Basic/b"),
        "vread": api.get("Basic/b/_history/1"),
        "history-instance": api.get("Basic/b/_history"),
        "search-type": api.get("Basic"),
        "patch": api.send("PATCH", "Basic/b", b"[]", content_type="application/json-patch+json"),
        "history-type": api.get("Basic/_history"),
        "delete": api.send("DELETE", "Basic/b"),
    }
    assert {code for code, response in tried.items() if response.status_code < 400} == named
    said = by_type(statement)["Basic"]
    conditional = api.send("PUT", "Basic?_id=none", basic)
    assert said["conditionalUpdate"] is (conditional.status_code < 400)
    gone = api.send("DELETE", "Basic?_id=none")
    assert said["conditionalDelete"] == ("single" if gone.status_code < 400 else "not-supported")
    assert {each["name"] for each in by_type(statement)["Patient"].get("operation", ())} == set(
        definitions("Patient")
    )
    system = {each["code"] for each in statement["rest"][0]["interaction"]}
    tried = {
        "batch": api.send("POST", "", {"resourceType": "Bundle", "type": "batch"}),
        "transaction": api.send("POST", "", {"resourceType": "Bundle", "type": "transaction"}),
        "history-system": api.get("_history"),
        "search-system": api.get("?_id=none"),
    }
    assert {code for code, response in tried.items() if response.status_code < 400} == system


def test_it_is_for_everybody_without_a_token(db: None, settings: Settings) -> None:
    settings.FHIR_SECURITY = f"{__name__}.endpoints"
    response = Client().get("/fhir/metadata", headers={"Origin": "https://anywhere.example"})
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/fhir+json"
    assert response.json()["resourceType"] == "CapabilityStatement"
    assert response.headers["Access-Control-Allow-Origin"] in ("*", "https://anywhere.example")
