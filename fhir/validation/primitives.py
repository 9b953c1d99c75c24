"""The JSON form of each primitive type, as JSON Schema.

The patterns are R4's, made exact where R4's own let impossible days through, and written for an engine that
runs in linear time. https://hl7.org/fhir/R4/datatypes.html#primitive
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any

_YEAR = r"(?:\d{3}[1-9]|\d{2}[1-9]0|\d[1-9]00|[1-9]000)"
# Leap years, of which 0000 is none.
_LEAP = r"(?:\d{2}0[48]|\d{2}[2468][048]|\d{2}[13579][26]|0[48]00|[2468][048]00|[13579][26]00)"
_DAY = (
    rf"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    rf"|02-(?:0[1-9]|1\d|2[0-8]))|{_LEAP}-02-29)"
)
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?"
_ZONE = r"(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))"
_INSTANT = f"{_DAY}T{_TIME}{_ZONE}"
_DATE = f"{_YEAR}(?:-(?:0[1-9]|1[0-2]))?|{_DAY}"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

MAX_STRING = 1024 * 1024
"""A string is not longer than this many characters."""


def _pattern(text: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^(?:{text})$".replace(r"\d", "[0-9]")}


_TEXT: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_STRING,
    "pattern": r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$",
}

PRIMITIVES: dict[str, dict[str, Any]] = {
    "base64Binary": {"type": "string", "minLength": 1, "format": "base64"},
    "boolean": {"type": "boolean"},
    "canonical": _pattern(r"\S+"),
    "code": _pattern(r"\S+(?:\s\S+)*"),
    "date": _pattern(_DATE),
    "dateTime": _pattern(f"{_DATE}|{_INSTANT}"),
    "decimal": {"type": "number"},
    "id": _pattern(r"[A-Za-z0-9.-]{1,64}"),
    "instant": _pattern(_INSTANT),
    "integer": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1, "whole": True},
    "markdown": _TEXT,
    "oid": _pattern(r"urn:oid:[0-2](?:\.(?:0|[1-9]\d*))+"),
    "positiveInt": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1, "whole": True},
    "string": _TEXT,
    "time": _pattern(_TIME),
    "unsignedInt": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "whole": True},
    "uri": _pattern(r"\S+"),
    "url": _pattern(r"\S+"),
    "uuid": _pattern(f"urn:uuid:{_UUID}"),
    "xhtml": {"type": "string", "pattern": r"^\s*<div[\s/>]"},
}


def is_base64(text: str) -> bool:
    """Return whether `text` is base64, white space apart."""
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):  # the latter for a character outside ASCII
        return False
    return True


FORMATS: dict[str, Callable[[str], bool]] = {"base64": is_base64}
