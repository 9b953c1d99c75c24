"""capabilities: what this server does, as a CapabilityStatement.
https://hl7.org/fhir/R4/http.html#capabilities

All about search parameters is read from the tables that search itself uses, so that it says just what
works. Where tokens come from is not fhir's business: settings.FHIR_SECURITY names the function that knows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.urls import URLPattern
from django.utils.module_loading import import_string

from fhir.exchange import Answer, Request
from fhir.jsontext import serialise
from fhir.registry import RESOURCE_TYPES, SearchParameter, search_parameters
from fhir.search.include_values import can_be_included, led_to
from fhir.search.modifiers import is_supported

# (name of the URL, HTTP method) → https://hl7.org/fhir/R4/valueset-type-restful-interaction.html
_OF_TYPES = {
    ("instance", "GET"): "read",
    ("version", "GET"): "vread",
    ("instance", "PUT"): "update",
    ("instance", "PATCH"): "patch",
    ("instance", "DELETE"): "delete",
    ("instance-history", "GET"): "history-instance",
    ("type-history", "GET"): "history-type",
    ("type", "POST"): "create",
    ("type", "GET"): "search-type",
}
# The same with https://hl7.org/fhir/R4/valueset-system-restful-interaction.html; the base takes two.
_OF_SYSTEM = {
    ("base", "POST"): ("transaction", "batch"),
    ("system-history", "GET"): ("history-system",),
    ("base", "GET"): ("search-system",),
}
_DATE = "2026-11-22"
# Parameters that R4 describes and gives no definition: https://hl7.org/fhir/R4/search.html#all
_SPECIAL = (
    {"name": "_list", "type": "special", "documentation": "The id of a List whose items are wanted."},
    {
        "name": "_has",
        "type": "special",
        "documentation": "_has:Type:reference:parameter: what others, of which something is asked, point at.",
    },
)
_TYPE = {"name": "_type", "type": "special", "documentation": "The types that are searched, by commas."}
_RULES = (
    "Every request but those for this statement and for .well-known/smart-configuration needs an access "
    "token that SMART App Launch gives. Patient.link gives no access: a token for one patient reads nothing "
    "of another patient whose record is linked with that one's."
)
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_SERVICES = "http://terminology.hl7.org/CodeSystem/restful-security-service"


def capabilities(request: Request) -> Answer:
    """The CapabilityStatement, for everybody. It needs no token, no database, and is the same for all."""
    statement = {
        "resourceType": "CapabilityStatement",
        "url": f"{settings.FHIR_BASE}/metadata",
        "name": "SmartCDR",
        "title": "Smart CDR",
        "status": "active",
        "date": _DATE,
        "kind": "instance",
        "software": {"name": "Smart CDR"},
        "implementation": {"description": "Smart CDR", "url": settings.FHIR_BASE},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": _security(),
                "resource": [_resource(resource_type) for resource_type in RESOURCE_TYPES],
                "interaction": [
                    {"code": code}
                    for place, codes in _OF_SYSTEM.items()
                    if place in _mounted()
                    for code in codes
                ],
                "searchParam": [*_of_all_types(), *_SPECIAL, _TYPE],
                **_operations(""),
            }
        ],
        **({"patchFormat": ["application/json-patch+json"]} if ("instance", "PATCH") in _mounted() else {}),
    }
    return Answer(200, serialise(statement))


@cache
def _mounted() -> frozenset[tuple[str, str]]:
    """The (name, method) of everything that has an address."""
    # Imported late: the addresses are made of the interactions, of which this is one.
    from fhir.urls import urlpatterns

    return frozenset(
        (pattern.name or "", method)
        for pattern in urlpatterns
        if isinstance(pattern, URLPattern)
        for method in getattr(pattern.callback, "methods", ())
    )


def _operations(resource_type: str) -> dict[str, list[dict[str, str]]]:
    """The operations on a type (empty: on the system)."""
    from fhir.operations import definitions

    found = definitions(resource_type)
    return {"operation": [{"name": name, "definition": url} for name, url in found.items()]} if found else {}


def _security() -> dict[str, Any]:
    """Say that SMART App Launch protects all this, and where its endpoints are.

    https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#declaring-support-for-oauth2-endpoints
    """
    oauth_uris: Callable[[], dict[str, str]] = import_string(settings.FHIR_SECURITY)
    uris = [{"url": name, "valueUri": uri} for name, uri in oauth_uris().items()]
    return {
        **({"extension": [{"url": _OAUTH_URIS, "extension": uris}]} if uris else {}),
        "cors": True,
        "service": [
            {"coding": [{"system": _SERVICES, "code": "SMART-on-FHIR"}], "text": "SMART App Launch 2.2"}
        ],
        "description": _RULES,
    }


@cache
def _resource(resource_type: str) -> dict[str, Any]:
    parameters = _supported(resource_type)
    includes = [f"{resource_type}:{each.code}" for each in parameters if can_be_included(each)]
    statement = {
        "type": resource_type,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{resource_type}",
        "interaction": [{"code": code} for place, code in _OF_TYPES.items() if place in _mounted()],
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": ("type", "PUT") in _mounted(),
        "conditionalDelete": "single" if ("type", "DELETE") in _mounted() else "not-supported",
        "referencePolicy": ["literal", "logical"],
        "searchInclude": ["*", *includes] if includes else [],
        "searchRevInclude": list(_pointing_at(resource_type)),
        "searchParam": [*map(_named, parameters), *_SPECIAL],
        **_operations(resource_type),
    }
    # FHIR's JSON has no empty lists.
    return {name: value for name, value in statement.items() if value != []}


def _named(parameter: SearchParameter) -> dict[str, str]:
    return {"name": parameter.code, "definition": parameter.url, "type": parameter.type}


@cache
def _of_all_types() -> tuple[dict[str, str], ...]:
    """What a search at the base can ask of every type. https://hl7.org/fhir/R4/search.html#all"""
    first, *others = RESOURCE_TYPES
    common = {each.code for each in _supported(first)}.intersection(
        *({each.code for each in _supported(name)} for name in others)
    )
    return tuple(_named(each) for each in _supported(first) if each.code in common)


def _supported(resource_type: str) -> list[SearchParameter]:
    return [each for each in search_parameters(resource_type).values() if is_supported(each)]


@cache
def _pointing_at(resource_type: str) -> tuple[str, ...]:
    return tuple(
        f"{source}:{each.code}"
        for source in RESOURCE_TYPES
        for each in _supported(source)
        if can_be_included(each) and resource_type in led_to(each)
    )
