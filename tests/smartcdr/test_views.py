"""The home page, the icon and the health probes."""

import pytest
from django.test import Client


def test_the_home_page_leads_to_the_portal() -> None:
    assert Client().get("/").headers["Location"] == "/launch/"


def test_a_browser_finds_the_icon_where_it_looks_for_one() -> None:
    place = Client().get("/favicon.ico").headers["Location"]
    found = Client().get(place)
    assert (found.status_code, found.headers["Content-Type"]) == (200, "image/svg+xml")
    assert b"".join(found.streaming_content).startswith(b"<svg")  # type: ignore[attr-defined]


def test_a_process_that_answers_is_alive() -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}


@pytest.mark.django_db
def test_a_process_whose_database_answers_is_ready() -> None:
    assert Client().get("/readyz").json() == {"status": "ok"}


def test_a_page_that_does_not_exist_is_answered_calmly() -> None:
    found = Client().get("/nothing/here")
    assert found.status_code == 404
    assert b"Traceback" not in found.content
    assert b"urlconf" not in found.content.lower()
