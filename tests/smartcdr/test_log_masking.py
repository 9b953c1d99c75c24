"""Whatever our messages and Django's quote, no token comes to the log with it."""

import logging
import logging.config
from collections.abc import Iterator
from io import StringIO

import pytest
from django.conf import settings

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What the handler of the settings writes."""
    configured = logging.config.DictConfigurator(settings.LOGGING)
    configured.config["filters"] = {
        "without_tokens": configured.configure_filter(configured.config["filters"]["without_tokens"])
    }
    handler = configured.configure_handler(configured.config["handlers"]["console"])
    assert isinstance(handler, logging.StreamHandler)
    stream = StringIO()
    handler.setStream(stream)
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


@pytest.mark.requirement("no token, code, secret or password ever reaches a log")
@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("404 Not Found: /fhir/Patient/%s", "404 Not Found: /fhir/Patient/…"),
        ("Not Found: /x?access_token=%s", "Not Found: /x?access_token=…"),
        ("Bad: Authorization: Bearer %s", "Bad: Authorization: Bearer …"),
    ],
)
def test_a_token_in_a_message_is_masked(written: StringIO, message: str, words: str) -> None:
    logging.getLogger("django.request").warning(message, TOKEN)
    assert written.getvalue() == f"{words}\n"


def test_other_messages_are_written_as_they_are(written: StringIO) -> None:
    logging.getLogger("django.request").warning("%s: %a", "404 Not Found", "/fhir/Patient/1?a=1&b=2")
    assert written.getvalue() == "404 Not Found: '/fhir/Patient/1?a=1&b=2'\n"
