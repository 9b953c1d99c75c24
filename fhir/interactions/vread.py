"""vread: one version of a resource. https://hl7.org/fhir/R4/http.html#vread"""

from __future__ import annotations

from fhir import store
from fhir.enforcement import require
from fhir.exchange import Answer, Request
from fhir.interactions.read import unknown
from fhir.outcome import Gone, NotFound
from fhir.preconditions import is_known
from fhir.search.subset import part_of, wanted


def vread(request: Request) -> Answer:
    """That version, if it and the resource as it is now are both within reach; 304 if the client has it.

    Raises Forbidden, NotFound, and Gone for a version that is a deletion.
    """
    require(request.access, request.type, "r")
    found = store.versions(request.access, request.type, request.id, only=_number(request.version))
    if found is None:
        raise unknown(request)
    if not found:
        raise NotFound(
            f"{request.type}/{request.id} has no version {request.version[:20]} that this token can see."
        )
    version = found[0]
    if version.deleted:
        raise Gone(f"Version {version.number} of {request.type}/{request.id} is its deletion.")
    part = wanted(request.query)
    shown = (version.shown(request.type, request.id),)
    if is_known(request, version.number, version.last_updated):
        return Answer(304, "", version.number, version.last_updated, shown=shown)
    return Answer(200, part_of(version.text, part), version.number, version.last_updated, shown=shown)


def _number(text: str) -> int:
    """The number of a version; 0, which none has, for what is no number or a longer one than there will
    be."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
