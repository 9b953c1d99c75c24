"""A cursor is a place in an order, and nothing else: neither a right nor a number that tells of others."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.db import connection

from fhir.search.hidden_numbers import hide, show
from tests.fhir.callers import Caller, everyone, for_patients
from tests.fhir.search.shelf import lab, patient, put

pytestmark = pytest.mark.django_db

PLACES = [
    "Observation?_count=1",
    "Observation?_count=1&_sort=_id",
    "?_type=Observation&_count=1",
    "_history?_count=1",
    "Observation/_history?_count=1",
    "Patient/ann/$everything?_count=1",
]


@pytest.fixture(autouse=True)
def records() -> None:
    """Two patients' records, written by turns."""
    put(patient("ann"), patient("ben"))
    for number in range(5):
        put(lab(f"a{number}", "ann"))
        put(lab(f"b{number}", "ben"))


def following(caller: Caller, path: str) -> tuple[dict[str, Any], str]:
    """A page, and the path of the next one, empty if there is none."""
    page: dict[str, Any] = caller.get(path).json()
    urls = [link["url"] for link in page["link"] if link["relation"] == "next"]
    return page, urls[0].partition("/fhir")[2].lstrip("/") if urls else ""


def names(page: dict[str, Any]) -> list[str]:
    """The ids of what is on a page."""
    return [entry["resource"]["id"] for entry in page.get("entry", ())]


@pytest.mark.parametrize("place", PLACES)
def test_a_cursor_of_one_who_sees_all_shows_others_no_more_than_their_own(place: str) -> None:
    everybody, ann = everyone(), for_patients("ann")
    path, pages = place, 0
    while path:
        shown = names(ann.get(path).json())
        assert all(name.startswith("a") for name in shown), path
        path = following(everybody, path)[1]
        pages += 1
    assert pages > 4


@pytest.mark.parametrize("place", PLACES)
def test_cursors_do_not_tell_how_much_was_written_in_between(place: str) -> None:
    caller, path = for_patients("ann"), place
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM fhir_resource")
        numbers = {row[0] for row in cursor.fetchall()}
    seen: list[str] = []
    while path:
        page, path = following(caller, path)
        seen += names(page)
        if path:
            text = path.partition("_cursor=")[2].partition("&")[0]
            held = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            assert held[-1] not in numbers
            assert show(held[-1]) in numbers
    assert {f"a{number}" for number in range(5)} <= set(seen)
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("number", [0, 1, 2, 4032, 2**31, 2**32, 2**63 - 1])
def test_a_hidden_number_can_be_found_again_and_is_far_from_its_neighbour(number: int) -> None:
    assert show(hide(number)) == number
    assert 0 <= hide(number) < 2**64
    assert abs(hide(number) - hide(number + 1)) > 2**20


@pytest.mark.parametrize("last", [-1, 2**64, 1.5, "1", None, True, hide(2**63)])
def test_a_made_up_number_in_a_cursor_is_refused(last: object) -> None:
    path = following(everyone(), "Observation?_count=1")[1]
    text = path.partition("_cursor=")[2].partition("&")[0]
    held = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    made = base64.urlsafe_b64encode(json.dumps([*held[:-1], last]).encode()).decode().rstrip("=")
    assert everyone().get(path.replace(text, made)).status_code == 400
