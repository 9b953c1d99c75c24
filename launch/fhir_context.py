"""PURE: what an entry of `fhirContext` may be.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#fhircontext-exp
"""

import re

from fhir import jsontext
from fhir.registry import is_resource_type
from fhir.validation import validate

MAX_BYTES = 4_096
"""All entries together, as JSON: access tokens carry them, and travel in a header."""
LAUNCH_ROLE = "launch"
"""The role of an entry that names none, and the only one that SMART defines."""
_NAMES = frozenset({"reference", "canonical", "identifier", "type", "role"})
_POINTERS = ("reference", "canonical", "identifier")
_TOP_LEVEL = frozenset({"Patient", "Encounter"})
_REFERENCE = re.compile(r"([A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?\Z")
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x20<>\"{}|\\^`]+\Z")


def fhir_context_fault(value: object) -> str:
    """What is wrong with a whole `fhirContext`, as "[1].role must …"; empty if every entry is as SMART has
    it.
    """
    if not isinstance(value, list):
        return "must be an array of objects."
    for number, entry in enumerate(value):
        if fault := _entry_fault(entry):
            return f"[{number}]{fault}"
    if len(jsontext.serialise(value)) > MAX_BYTES:
        return f"must not be longer than {MAX_BYTES} bytes."
    return ""


def _entry_fault(entry: object) -> str:
    if not isinstance(entry, dict):
        return " must be an object."
    for name in entry:
        if name not in _NAMES:
            return f" has a member that SMART does not know: {name[:40]!r}."
    if not any(name in entry for name in _POINTERS):
        return " needs one of reference, canonical and identifier."
    return (
        _text_fault(entry)
        or _reference_fault(entry)
        or _canonical_fault(entry)
        or _identifier_fault(entry)
        or _role_fault(entry)
    )


def _text_fault(entry: dict[str, object]) -> str:
    for name in ("reference", "canonical", "type", "role"):
        value = entry.get(name, "-")
        if not isinstance(value, str) or not value or not value.isprintable():
            return f".{name} must be a text, and not empty."
    kind = entry.get("type")
    return ".type must be a type of resource in R4." if kind and not is_resource_type(str(kind)) else ""


def _reference_fault(entry: dict[str, object]) -> str:
    if "reference" not in entry:
        return ""
    found = _REFERENCE.match(str(entry["reference"]))
    if not found or not is_resource_type(found[1]):
        return ".reference must be relative, such as DiagnosticReport/123."
    return ".type is not that of the reference." if entry.get("type", found[1]) != found[1] else ""


def _canonical_fault(entry: dict[str, object]) -> str:
    """A version may follow: https://hl7.org/fhir/R4/references.html#canonical"""
    if "canonical" not in entry:
        return ""
    url, bar, version = str(entry["canonical"]).partition("|")
    if not _ABSOLUTE_URI.match(url) or (bar and not version):
        return ".canonical must be an absolute URL, perhaps with |version."
    return ""


def _identifier_fault(entry: dict[str, object]) -> str:
    """An Identifier by the rules of R4, which are asked where it stands in a resource."""
    if "identifier" not in entry:
        return ""
    holder = {"resourceType": "Basic", "code": {"text": "-"}, "identifier": [entry["identifier"]]}
    return ".identifier must be an Identifier of R4." if validate(holder, expected_type="Basic") else ""


def _role_fault(entry: dict[str, object]) -> str:
    role = str(entry.get("role", LAUNCH_ROLE))
    if role != LAUNCH_ROLE and not _ABSOLUTE_URI.match(role):
        return ".role must be launch, or an absolute URI."
    kinds = {str(entry.get("type", "")), str(entry.get("reference", "")).partition("/")[0]}
    if role == LAUNCH_ROLE and kinds & _TOP_LEVEL:
        return " names a Patient or Encounter: that belongs into patient or encounter, or needs another role."
    return ""
