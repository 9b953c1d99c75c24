"""Whose resources are: from what rows say of them to the ids of patients, for the audit trail.

This happens when events are written and not while somebody waits for an answer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fhir import jsontext
from fhir.exchange import Shown
from fhir.hashing import MIXED, NONE, digest
from fhir.indexing import owners as owners_in
from fhir.registry import compartment_parameters
from fhir.rows import fetched
from fhir.search.rowsets import among

KEPT = 200_000
"""How many patients' ids are remembered; then it begins anew."""

_ids: dict[int, str] = {}


def owners(shown: Sequence[Shown]) -> list[Collection[str]]:
    """The ids of the patients that each of these resources belongs to.

    One statement for all whose patient is here and was not met lately, and one for each whose text has to be
    looked up. A patient who is not here is found in the text. Raises Django's database errors.
    """
    _learn({key for _, _, _, key, _ in shown if key not in _ids and key != NONE and key != MIXED})
    return [_owners(*each) for each in shown]


def _learn(keys: set[int]) -> None:
    if not keys:
        return
    if len(_ids) + len(keys) > KEPT:
        _ids.clear()
    chosen = among(sorted(keys))
    _ids.update(
        (key, fhir_id)
        for key, fhir_id in fetched(
            f"SELECT key, fhir_id FROM fhir_resource WHERE key {chosen.sql} AND type = 'Patient'",
            chosen.params,
        )
    )


def _owners(resource_type: str, fhir_id: str, version: int, key: int, text: str) -> Collection[str]:
    if resource_type == "Patient":
        return (fhir_id,)
    if key == NONE:
        return ()
    if key != MIXED and (known := _ids.get(key)) is not None:
        return (known,)
    text = text or _text(resource_type, fhir_id, version)
    found = sorted(owners_in(resource_type, jsontext.parse(text.encode()))) if text else []
    if key != MIXED and len(found) == 1:
        _ids[key] = found[0]
    return found


def _text(resource_type: str, fhir_id: str, version: int) -> str:
    """The text of this version, or of what it deleted."""
    place = (resource_type, fhir_id, version)
    found = fetched(
        "SELECT r.version, r.text FROM fhir_resource r WHERE r.type = %s AND r.fhir_id = %s "
        "AND r.version <= %s UNION ALL SELECT v.version, v.text FROM fhir_resourceversion v "
        "JOIN fhir_resource r ON r.id = v.resource_id WHERE r.type = %s AND r.fhir_id = %s "
        "AND v.version <= %s ORDER BY 1 DESC LIMIT 2",
        (*place, *place),
    )
    return next((text for _, text in found if text), "")


def owners_of(resource_type: str, fhir_id: str) -> list[str]:
    """The ids of the patients that the resource at this address belongs to, as far as they are here.

    One statement whether there is such a resource or not, so that a refusal takes the same time for both.
    """
    hashes = among([digest(resource_type, each.code) for each in compartment_parameters(resource_type)])
    place = (resource_type, fhir_id)
    rows = fetched(
        "SELECT p.fhir_id FROM fhir_resource r JOIN fhir_resource p ON p.key = r.patient "
        "WHERE r.type = %s AND r.fhir_id = %s AND p.type = 'Patient' "
        "UNION SELECT p.fhir_id FROM fhir_resource r JOIN fhir_referenceindex x "
        f"ON x.hash {hashes.sql} AND x.patient = r.patient AND x.date = r.date AND x.resource_id = r.id "
        "JOIN fhir_resource p ON p.key = x.target "
        f"WHERE r.type = %s AND r.fhir_id = %s AND r.patient = {MIXED} AND p.type = 'Patient' ORDER BY 1",
        (*place, *hashes.params, *place),
    )
    return [row[0] for row in rows]
