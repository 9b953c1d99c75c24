"""What form the caller wants the answer in: https://hl7.org/fhir/R4/http.html#mime-type, #parameters."""

from __future__ import annotations

from urllib.parse import parse_qsl

from fhir.outcome import NotAcceptable

MEDIA_TYPE = "application/fhir+json"
_PLAIN = frozenset({"", "*/*", MEDIA_TYPE, "application/json"})
_RANGES = _PLAIN | {"text/json", "application/*"}
# A plus sign in a query string that nobody has encoded arrives as a space.
_FORMATS = frozenset({"json", MEDIA_TYPE, "application/json", "text/json", "application/fhir json"})
_REFUSAL = "This server answers in JSON only (application/fhir+json, R4); XML is not supported."


def wants_pretty(accept: str, query: str) -> bool:
    """Whether `_pretty` asks for indented text. Raises NotAcceptable where only what is no JSON is accepted.

    `_format` goes before the Accept header.
    """
    if "_format" not in query and "_pretty" not in query:
        if accept not in _PLAIN and not _takes_json(accept):
            raise NotAcceptable(_REFUSAL)
        return False
    wishes = dict(parse_qsl(query, keep_blank_values=True))
    if "_format" in wishes:
        if wishes["_format"].partition(";")[0].strip().lower() not in _FORMATS:
            raise NotAcceptable(_REFUSAL)
    elif not _takes_json(accept):
        raise NotAcceptable(_REFUSAL)
    return wishes.get("_pretty") == "true"


def _takes_json(accept: str) -> bool:
    """https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1, as far as it concerns our one format."""
    return not accept or any(_matches(part) for part in accept.split(","))


def _matches(part: str) -> bool:
    name, *rest = (piece.strip().lower() for piece in part.split(";"))
    parameters = dict(piece.partition("=")[::2] for piece in rest)
    if parameters.get("fhirversion", "4.0") not in ("4.0", "4.0.1"):
        return False
    return name in _RANGES and parameters.get("q", "1").strip("0.") != ""


def preferences(header: str) -> dict[str, str]:
    """The parts of a Prefer header: https://www.rfc-editor.org/rfc/rfc7240#section-2. The first of a name
    counts."""
    found: dict[str, str] = {}
    if not header:
        return found
    for part in header.replace(";", ",").split(","):
        name, _, value = part.partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    found.pop("", None)
    return found
