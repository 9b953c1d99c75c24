"""read and vread, with what HTTP says around them."""

from typing import Any

import pytest

from tests.fhir.callers import Caller

PATIENT: dict[str, Any] = {"resourceType": "Patient", "name": [{"family": "Ömer", "given": ["Ada"]}]}


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#read")
def test_a_resource_is_read_with_its_version_and_time(api: Caller) -> None:
    stored = api.create(PATIENT)
    response = api.get(f"Patient/{stored['id']}")
    assert response.status_code == 200
    assert response.json() == stored
    assert response["Content-Type"] == "application/fhir+json"
    assert response["ETag"] == 'W/"1"'
    assert response["Last-Modified"].endswith(" GMT")
    assert response["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Accept"} <= {part.strip() for part in response["Vary"].split(",")}
    assert not response.cookies
