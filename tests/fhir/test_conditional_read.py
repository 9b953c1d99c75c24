"""conditional read: 304 without the content for who has it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.http import http_date, parse_http_date

from tests.fhir.callers import Caller, for_patients

READ = pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#cread")


@pytest.fixture
def stored(api: Caller) -> dict[str, Any]:
    """A Patient in its second version."""
    first = api.create({"resourceType": "Patient"})
    found: dict[str, Any] = api.send("PUT", f"Patient/{first['id']}", {**first, "active": True}).json()
    return found


@READ
@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ('W/"2"', 304),
        ('"2"', 304),
        ('W/"1", W/"2"', 304),
        ("*", 304),
        ('W/"1"', 200),
        ('W/"02"', 200),
        ("2", 200),
        ('W/"nonsense"', 200),
        ('W/"99999999999999999999"', 200),
    ],
)
def test_if_none_match_is_compared_with_the_current_version(
    api: Caller, stored: dict[str, Any], tags: str, status: int
) -> None:
    response = api.get(f"Patient/{stored['id']}", If_None_Match=tags)
    assert response.status_code == status
    assert (response.content == b"") == (status == 304)
    assert response["ETag"] == 'W/"2"'
    assert "Last-Modified" in response


@READ
def test_if_modified_since_has_whole_seconds(api: Caller, stored: dict[str, Any]) -> None:
    place = f"Patient/{stored['id']}"
    written = parse_http_date(api.get(place)["Last-Modified"])
    for seconds, status in ((0, 304), (5, 304), (-1, 200)):
        assert api.get(place, If_Modified_Since=http_date(written + seconds)).status_code == status
    for nonsense in ("yesterday", "", "Sun, 99 Nov 2026 08:00:00 GMT", "2026-11-22T00:00:00Z"):
        assert api.get(place, If_Modified_Since=nonsense).status_code == 200
    both = api.get(place, If_Modified_Since=http_date(written), If_None_Match='W/"1"')
    assert both.status_code == 200


@READ
def test_the_content_stays_in_the_database_where_the_client_has_it(
    api: Caller, stored: dict[str, Any]
) -> None:
    with CaptureQueriesContext(
        connection,
    ) as statements:
        response = api.get(f"Patient/{stored['id']}", If_None_Match='W/"2"')
    assert response.status_code == 304
    assert len(statements) == 1
    with connection.cursor() as cursor:
        cursor.execute(statements[0]["sql"])
        [row] = cursor.fetchall()
    assert "Patient" not in str(row)


def test_a_condition_tells_nothing_of_what_is_out_of_reach(api: Caller, stored: dict[str, Any]) -> None:
    stranger = for_patients("other")
    for tags in ("*", 'W/"1"', 'W/"2"'):
        assert stranger.get(f"Patient/{stored['id']}", If_None_Match=tags).status_code == 404


def test_what_was_deleted_is_gone_whatever_the_condition(api: Caller, stored: dict[str, Any]) -> None:
    api.send("DELETE", f"Patient/{stored['id']}")
    for tags in ("*", 'W/"3"'):
        assert api.get(f"Patient/{stored['id']}", If_None_Match=tags).status_code == 410
