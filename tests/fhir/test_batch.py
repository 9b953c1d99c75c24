"""batch: each entry has its own fate."""

from typing import Any

import pytest

from fhir.access import EVERYTHING, Access, Guard
from fhir.outcome import Unauthorized
from tests.fhir.callers import Caller


def _batch(caller: Caller, *entries: dict[str, Any]) -> list[dict[str, Any]]:
    response = caller.send("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": list(entries)})
    assert response.status_code == 200, response.content
    bundle = response.json()
    assert bundle["type"] == "batch-response"
    found: list[dict[str, Any]] = bundle["entry"]
    return found


def _get(url: str) -> dict[str, Any]:
    return {"request": {"method": "GET", "url": url}}


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#transaction")
def test_a_bad_entry_does_not_keep_others_from_being_carried_out(api: Caller) -> None:
    api.send("PUT", "Patient/a", {"resourceType": "Patient", "id": "a"})
    answers = _batch(
        api,
        {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
        {
            "resource": {"resourceType": "Patient", "gender": "x"},
            "request": {"method": "POST", "url": "Patient"},
        },
        _get("Patient/a"),
        _get("Patient/nobody"),
        _get("Patient/a/_history"),
        _get("Patient/a/_history/1"),
        _get("Patient?_id=a"),
        {"request": {"method": "DELETE", "url": "Patient/a"}},
        {"resource": {"resourceType": "Patient"}},
    )
    statuses = [answer["response"]["status"][:3] for answer in answers]
    assert statuses == ["201", "422", "200", "404", "200", "200", "200", "204", "400"]
    outcome = answers[1]["response"]["outcome"]
    assert outcome["issue"][0]["expression"] == ["Bundle.entry[1].resource.gender"]
    assert answers[2]["resource"]["id"] == "a"
    assert answers[4]["resource"]["type"] == "history"
    assert answers[6]["resource"]["type"] == "searchset"


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#history")
@pytest.mark.parametrize("place", ["_history", "Patient/_history", "Patient/a/_history"])
def test_a_batch_can_ask_for_every_history(api: Caller, place: str) -> None:
    api.send("PUT", "Patient/a", {"resourceType": "Patient", "id": "a"})
    (answer,) = _batch(api, _get(place))
    assert answer["resource"]["total"] == api.get(place).json()["total"] == 1


def test_conditions_are_held_in_a_batch_too(api: Caller) -> None:
    entry = {
        "resource": {"resourceType": "Organization", "identifier": [{"system": "urn:x", "value": "1"}]},
        "request": {"method": "POST", "url": "Organization", "ifNoneExist": "identifier=urn:x|1"},
    }
    statuses = [answer["response"]["status"][:3] for answer in _batch(api, entry, entry)]
    assert statuses == ["201", "200"]


def test_if_none_match_of_an_entry_spares_the_content(api: Caller) -> None:
    stored = api.create({"resourceType": "Patient"})
    entry = _get(f"Patient/{stored['id']}")
    entry["request"]["ifNoneMatch"] = 'W/"1"'
    (answer,) = _batch(api, entry)
    assert answer["response"]["status"] == "304 Not Modified"
    assert "resource" not in answer


def test_a_token_that_ends_on_the_way_stops_the_entries_behind_it_and_repeats_none(api: Caller) -> None:
    """The guard says how many patients there may be, and renewal fails: from the third entry on nothing is
    written."""

    def renew() -> Access:
        raise Unauthorized("It was revoked.")

    caller = Caller(
        Access(EVERYTHING.rules, guard=Guard("(SELECT COUNT(*) FROM fhir_resource) < 2", (), renew))
    )
    entry = {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}
    statuses = [answer["response"]["status"][:3] for answer in _batch(caller, *[entry] * 4)]
    assert statuses == ["201", "201", "401", "401"]
    assert api.get("Patient").json()["total"] == 2
