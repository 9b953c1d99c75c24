"""HEAD: the headers of a GET without its body."""

from __future__ import annotations

import pytest

from fhir.export.models import ExportJob
from tests.fhir.callers import Caller, for_patients

PLACES = [
    "Patient/p",
    "Patient/p/_history/1",
    "Patient/p/_history",
    "Patient/_history",
    "_history",
    "Patient?_id=p",
    "metadata",
]


@pytest.fixture
def person(api: Caller) -> None:
    """A Patient."""
    api.send("PUT", "Patient/p", {"resourceType": "Patient", "id": "p"})


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#read")
def test_a_head_has_the_headers_of_a_get_and_no_body(api: Caller, person: None, place: str) -> None:
    whole, head = api.get(place), api.send("HEAD", place)
    assert (whole.status_code, head.status_code, head.content) == (200, 200, b"")
    assert head.headers == whole.headers
    assert "Content-Length" in head.headers


def test_a_head_is_refused_and_spared_as_a_get_is(api: Caller, person: None) -> None:
    assert api.send("HEAD", "Patient/none").status_code == 404
    assert for_patients("other").send("HEAD", "Patient/p").status_code == 404
    assert for_patients("p", letters="s").send("HEAD", "Patient/p").status_code == 403
    assert api.send("HEAD", "Patient/p", If_None_Match='W/"1"').status_code == 304
    assert Caller.anonymous().send("HEAD", "Patient/p").status_code == 401
    api.send("DELETE", "Patient/p")
    assert api.send("HEAD", "Patient/p").status_code == 410


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1")
@pytest.mark.parametrize("place", ["$export", "Patient/$export", "Group/g/$export"])
def test_a_head_starts_no_export(api: Caller, place: str) -> None:
    response = api.send("HEAD", place)
    assert response.status_code == 405
    assert "HEAD" not in response["Allow"]
    assert not ExportJob.objects.exists()
