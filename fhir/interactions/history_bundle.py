"""The Bundle of a history, joined from the texts of versions as they are stored.

https://hl7.org/fhir/R4/bundle.html#history
"""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

from fhir.exchange import instant
from fhir.jsontext import serialise
from fhir.store import Version


def bundle(links: dict[str, str], total: int | None, entries: Iterable[bytes]) -> bytes:
    """A Bundle with these links (relation → URL) and entries; `total` None leaves it out."""
    facts = {
        "resourceType": "Bundle",
        "type": "history",
        **({} if total is None else {"total": total}),
        "link": [{"relation": relation, "url": url} for relation, url in links.items()],
    }
    head, body = serialise(facts), b",".join(entries)
    return head[:-1] + b',"entry":[' + body + b"]}" if body else head


def entry(resource_type: str, fhir_id: str, version: Version, text: str) -> bytes:
    """A version with the request that made it; `text` is the resource, or the part of it that is wanted."""
    address = f"{resource_type}/{fhir_id}"
    statuses = {"POST": "201 Created", "DELETE": "204 No Content"}
    created = version.number == 1 and not version.deleted
    facts = {
        "fullUrl": f"{settings.FHIR_BASE}/{address}",
        "request": {
            "method": version.method,
            "url": resource_type if version.method == "POST" else address,
        },
        "response": {
            "status": "201 Created" if created else statuses.get(version.method, "200 OK"),
            "etag": f'W/"{version.number}"',
            "lastModified": instant(version.last_updated),
        },
    }
    head = serialise(facts)
    return head if version.deleted else head[:-1] + b',"resource":' + text.encode() + b"}"
