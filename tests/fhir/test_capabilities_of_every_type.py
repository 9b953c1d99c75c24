"""What the CapabilityStatement says of each of the 146 types, held against what the API answers."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import Resolver404, get_resolver

from fhir.elements import RESOURCE_TYPES
from fhir.negotiation import wants_pretty
from fhir.operations import OPERATIONS
from fhir.outcome import BadRequest, NotAcceptable
from fhir.registry import SearchParameter, search_parameters
from fhir.search.include_values import parse_include
from tests.fhir.callers import Caller

BASIC = {"resourceType": "Basic", "code": {"text": "x"}, "identifier": [{"value": "1"}]}
CODES = {
    "create": ("POST", "{}"),
    "update": ("PUT", "{}/1"),
    "read": ("GET", "{}/1"),
    "vread": ("GET", "{}/1/_history/1"),
    "history-instance": ("GET", "{}/1/_history"),
    "search-type": ("GET", "{}"),
    "patch": ("PATCH", "{}/1"),
    "history-type": ("GET", "{}/_history"),
    "delete": ("DELETE", "{}/1"),
}


@pytest.fixture
def statement(api: Caller) -> dict[str, Any]:
    """The CapabilityStatement as it is answered."""
    found: dict[str, Any] = api.get("metadata").json()
    return found


def _methods(path: str) -> frozenset[str]:
    """The HTTP methods of what is mounted at a path below the FHIR base."""
    try:
        match = get_resolver("fhir.urls").resolve(f"/{path}")
    except Resolver404:
        return frozenset()
    # What begins with a dollar sign is no type and no id, though their patterns would take it.
    named = "$" not in path or "$" in match.route
    return frozenset(getattr(match.func, "methods", ())) if named else frozenset()


def _types(statement: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["type"]: each for each in statement["rest"][0]["resource"]}


def test_every_type_has_just_the_interactions_that_are_mounted_for_it(statement: dict[str, Any]) -> None:
    assert tuple(_types(statement)) == RESOURCE_TYPES
    for name, said in _types(statement).items():
        mounted = {code for code, (method, path) in CODES.items() if method in _methods(path.format(name))}
        assert {each["code"] for each in said["interaction"]} == mounted == set(CODES)


def test_operations_are_told_where_they_are_mounted_and_nowhere_else(statement: dict[str, Any]) -> None:
    names = {each.name for each in OPERATIONS}
    for kind, said in (("", statement["rest"][0]), *_types(statement).items()):
        told = {each["name"]: each["definition"] for each in said.get("operation", ())}
        places = [f"{kind}/", f"{kind}/1/"] if kind else [""]
        mounted = {name for name in names for place in places if _methods(f"{place}${name}")}
        assert set(told) == mounted, kind
        assert all(url.endswith(name) for name, url in told.items())


def test_what_can_be_included_is_told_and_nothing_else(statement: dict[str, Any]) -> None:
    for name, said in _types(statement).items():
        told = set(said.get("searchInclude", ())) - {"*"}
        assert told == {f"{name}:{code}" for code in search_parameters(name) if _includes(name, code)}
        assert ("*" in said.get("searchInclude", ())) is bool(told)


def test_what_can_be_included_in_reverse_is_told_and_nothing_else(statement: dict[str, Any]) -> None:
    pointing: dict[str, set[str]] = {name: set() for name in RESOURCE_TYPES}
    for source in RESOURCE_TYPES:
        for code, parameter in search_parameters(source).items():
            for target in _found_by(parameter) if _includes(source, code) else ():
                pointing[target].add(f"{source}:{code}")
    assert {
        name: set(said.get("searchRevInclude", ())) for name, said in _types(statement).items()
    } == pointing


def _found_by(parameter: SearchParameter) -> set[str]:
    """The types that its values can lead to: a canonical URL to what has one, with a version."""
    if "Reference" in parameter.element_types:
        return set(parameter.targets)
    named = {name for name in RESOURCE_TYPES if {"url", "version"} <= set(search_parameters(name))}
    return named & set(parameter.targets or RESOURCE_TYPES)


def _includes(name: str, code: str) -> bool:
    try:
        return bool(parse_include(name, "_include", f"{name}:{code}").parameters)
    except BadRequest:
        return False


def test_the_conditional_interactions_work_as_told(statement: dict[str, Any], api: Caller) -> None:
    said = _types(statement)["Basic"]
    place = f"Basic/{api.create(BASIC)['id']}"
    found = {
        "conditionalCreate": api.send("POST", "Basic", BASIC, If_None_Exist="identifier=1").status_code
        == 200,
        "conditionalUpdate": api.send("PUT", "Basic?identifier=1", BASIC).status_code == 200,
        "updateCreate": api.send("PUT", "Basic/new", {**BASIC, "id": "new"}).status_code == 201,
    }
    assert {name: said[name] for name in found} == found
    assert all(found.values())
    modified = api.get(place)["Last-Modified"]
    reads = [
        api.get(place, If_None_Match=api.get(place)["ETag"]).status_code,
        api.get(place, If_Modified_Since=modified).status_code,
    ]
    assert (said["conditionalRead"], reads) == ("full-support", [304, 304])
    several = api.send("DELETE", "Basic?identifier=1").status_code
    api.send("DELETE", "Basic/new")
    assert (said["conditionalDelete"], several) == ("single", 412)
    assert api.send("DELETE", "Basic?identifier=1").status_code == 204


def test_versions_are_kept_as_told(statement: dict[str, Any], api: Caller) -> None:
    said = _types(statement)["Basic"]
    assert (said["versioning"], said["readHistory"]) == ("versioned", True)
    place = f"Basic/{api.create(BASIC)['id']}"
    assert api.get(f"{place}/_history/1").status_code == 200
    assert api.send("PUT", place, {**BASIC, "id": place[6:]}).status_code == 200


def test_formats_are_those_that_are_answered_and_read(statement: dict[str, Any], api: Caller) -> None:
    for told in statement["format"]:
        assert api.get(f"Basic?_format={told.replace('+', '%2B')}").status_code == 200
        assert wants_pretty(told if "/" in told else "", "") is False
        if "/" in told:
            assert api.send("POST", "Basic", BASIC, content_type=told).status_code == 201
    for other in ("application/fhir+xml", "application/fhir+turtle", "text/html"):
        assert other not in statement["format"]
        with pytest.raises(NotAcceptable):
            wants_pretty(other, "")
        assert api.get(f"Basic?_format={other.replace('+', '%2B')}").status_code == 406


def test_patches_are_read_in_the_formats_that_are_told(statement: dict[str, Any], api: Caller) -> None:
    place = f"Basic/{api.create(BASIC)['id']}"
    assert statement["patchFormat"] == ["application/json-patch+json"]
    for kind, status in (
        ("application/json-patch+json", 200),
        ("application/xml-patch+xml", 415),
        ("application/fhir+json", 415),
        ("application/merge-patch+json", 415),
    ):
        response = api.send("PATCH", place, b"[]", content_type=kind)
        assert response.status_code == status
        if status == 415:
            assert response["Accept-Patch"].split(",") == statement["patchFormat"]


@pytest.mark.parametrize("reference", ["Patient/p", "http://elsewhere.example/fhir/Patient/p"])
def test_references_are_literal_or_logical_as_told(
    statement: dict[str, Any], api: Caller, reference: str
) -> None:
    assert _types(statement)["Basic"]["referencePolicy"] == ["literal", "logical"]
    assert api.create({**BASIC, "subject": {"reference": reference}})["subject"]["reference"] == reference
    logical = {"identifier": {"system": "urn:x", "value": "1"}}
    assert api.create({**BASIC, "subject": logical})["subject"] == logical
