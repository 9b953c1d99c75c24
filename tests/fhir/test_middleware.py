"""The short way to the API."""

import pytest
from django.conf import settings as site
from django.test import Client

from tests.fhir.callers import Caller


def test_it_stands_behind_cors_and_transport_security_and_before_all_that_reads_cookies() -> None:
    names = [name.rpartition(".")[2] for name in site.MIDDLEWARE]
    place = names.index("StraightToApi")
    assert names[:place] == ["keep_time_limit", "CorsMiddleware", "SecurityMiddleware"]
    assert "SessionMiddleware" in names[place:]


def test_a_cookie_is_neither_read_nor_set_by_the_api(api: Caller) -> None:
    stored = api.create({"resourceType": "Patient"})
    api.client.cookies["sessionid"] = api.client.cookies[site.SESSION_COOKIE_NAME] = "x"
    response = api.get(f"Patient/{stored['id']}")
    assert response.status_code == 200
    assert not response.cookies
    assert "Cookie" not in response["Vary"]
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/fhir/metadata", "/fhir/.well-known/smart-configuration"])
def test_discovery_goes_the_common_way(db: None, path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 200
    assert "json" in response["Content-Type"]
