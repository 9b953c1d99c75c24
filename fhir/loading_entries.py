"""How the entries of a loaded Bundle become requests: what has none gets one, and ids can be kept."""

from __future__ import annotations

from typing import Any

from fhir.incoming import is_id
from fhir.store import new_fhir_id


def entries_of(bundle: dict[str, Any], *, keep_ids: bool) -> list[dict[str, Any]]:
    """The Bundle's entries, each with a request.

    An entry that has none (of a collection, a searchset or a file of resources) is put under its resource's
    id, or a new one. With `keep_ids`, what is to be created is put under the id in its fullUrl instead.
    """
    return [_with_request(entry, keep_ids) for entry in bundle.get("entry", [])]


def _with_request(entry: dict[str, Any], keep_ids: bool) -> dict[str, Any]:
    resource = entry.get("resource")
    if not isinstance(resource, dict):
        return entry
    asked = entry.get("request")
    if asked and not (keep_ids and asked.get("method") == "POST"):
        return entry
    fhir_id = _id_in(entry.get("fullUrl", "")) if keep_ids else ""
    fhir_id = fhir_id or resource.get("id") or new_fhir_id()
    url = f"{resource.get('resourceType')}/{fhir_id}"
    return {**entry, "resource": {**resource, "id": fhir_id}, "request": {"method": "PUT", "url": url}}


def _id_in(full_url: str) -> str:
    """The last part of `urn:uuid:…` or `https://…/Patient/…`, if it can be an id."""
    last = full_url.replace(":", "/").rsplit("/", 1)[-1]
    return last if is_id(last) else ""
