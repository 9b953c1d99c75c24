"""PURE but for one setting: the body of POST /launch/contexts, read strictly.

Each member has the name that it has in the token response, and the JSON type that it has there.
https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#launch-context-arrives-with-your-access_token
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fhir import jsontext
from fhir.incoming import is_id
from launch.fhir_context import fhir_context_fault
from oauth.clients.urls import web_url_fault

LONGEST_TEXT, LONGEST_URL = 255, 500


class BadMember(ValueError):
    """The body cannot be taken; the message begins with the member's name."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The launch that an external EHR asks for; what it does not say is as LaunchContext has it."""

    client_id: str
    user: str
    patient: str = ""
    encounter: str = ""
    fhir_context: list[dict[str, Any]] = field(default_factory=list)
    need_patient_banner: bool = True
    intent: str = ""
    smart_style_url: str = ""
    tenant: str = ""


def read_members(body: bytes) -> Asked:
    """What the JSON of a body asks for. Raises BadMember for the first thing that is wrong."""
    try:
        told = jsontext.parse(body)
    except jsontext.JsonTextError as error:
        raise BadMember(f"The body is not a JSON object as it should be: {error}.") from error
    for name, value in told.items():
        if name not in _RULES:
            raise BadMember(f"{name[:40]!r} is not a member of a launch context.")
        if fault := _RULES[name](value):
            raise BadMember(f"{name}: {fault}" if fault[0] != "[" else f"{name}{fault}")
    for name in ("client_id", "user"):
        if name not in told:
            raise BadMember(f"{name}: is missing.")
    if "encounter" in told and "patient" not in told:
        raise BadMember("encounter: needs patient, whose encounter it is.")
    fhir_context = told.pop("fhirContext", [])
    return Asked(**told, fhir_context=fhir_context)


def _text_fault(value: object, longest: int = LONGEST_TEXT) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        return "must be a text on one line, and not empty."
    return f"must not be longer than {longest} characters." if len(value) > longest else ""


def _id_fault(value: object) -> str:
    return "" if isinstance(value, str) and is_id(value) else "must be a resource's id, without its type."


def _flag_fault(value: object) -> str:
    return "" if isinstance(value, bool) else "must be true or false."


def _url_fault(value: object) -> str:
    return _text_fault(value, LONGEST_URL) or web_url_fault(str(value))


_RULES: dict[str, Callable[[object], str]] = {
    "client_id": _text_fault,
    "user": _text_fault,
    "patient": _id_fault,
    "encounter": _id_fault,
    "fhirContext": fhir_context_fault,
    "need_patient_banner": _flag_fault,
    "intent": _text_fault,
    "smart_style_url": _url_fault,
    "tenant": _text_fault,
}
