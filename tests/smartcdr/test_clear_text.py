"""What came over http is refused where the proxy in front says so."""

from typing import Any

import pytest
from pytest_django import Settings

from smartcdr.clear_text import encrypted_only
from tests.wsgi import THE_COMMON_WAY, asked, common_way

HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.fixture(autouse=True)
def production(settings: Settings) -> None:
    settings.SITE_URL, settings.SECURE_PROXY_SSL_HEADER = "https://cdr.example.org", HEADER


def status(**environ: Any) -> str:
    return asked(encrypted_only(common_way), "GET", "/fhir/Patient", **environ)[0]


@pytest.mark.parametrize("said", ["http", "HTTP", "http, https", " http"])
def test_what_the_proxy_got_in_clear_text_is_refused_and_not_redirected(said: str) -> None:
    answered = asked(encrypted_only(common_way), "GET", "/fhir/Patient", HTTP_X_FORWARDED_PROTO=said)
    assert (answered[0], "Location" in answered[1]) == ("403 Forbidden", False)
    assert b"https only" in answered[2]


@pytest.mark.parametrize("environ", [{"HTTP_X_FORWARDED_PROTO": "https"}, {}])
def test_what_came_encrypted_or_from_beside_the_server_is_answered(environ: dict[str, str]) -> None:
    assert status(**environ) == THE_COMMON_WAY


@pytest.mark.parametrize(
    ("site", "header"), [("http://localhost:8000", HEADER), ("https://cdr.example.org", None)]
)
def test_without_https_or_a_proxy_whose_word_counts_nothing_is_refused(
    settings: Settings, site: str, header: tuple[str, str] | None
) -> None:
    settings.SITE_URL, settings.SECURE_PROXY_SSL_HEADER = site, header
    assert status(HTTP_X_FORWARDED_PROTO="http") == THE_COMMON_WAY
