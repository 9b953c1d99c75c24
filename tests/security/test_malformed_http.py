"""HTTP that no decent client sends: answered as what it is, and never with a 500."""

import json
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Any

import pytest
from django.core.signals import request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client, RequestFactory

from smartcdr.framing import framed, plain_media_type
from tests.fhir.callers import everyone

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
CHUNKED: dict[str, Any] = {
    "CONTENT_TYPE": FORM,
    "CONTENT_LENGTH": "",
    "HTTP_TRANSFER_ENCODING": "chunked",
}
STRANGE_CODECS = ["base64", "undefined", "punycode", "utf-16", "zlib"]


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """Keep the connection with the test's transaction open, as Django's test client does."""
    request_started.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)


def ask(method: str, path: str, body: bytes = b"", **environ: Any) -> tuple[int, bytes]:
    """The status and body that the whole application gives for a WSGI environment of our own making."""
    made = RequestFactory().generic(method, path, body, "text/plain").environ | environ
    answered: list[int] = []

    def start(status: str, headers: object) -> None:
        answered.append(int(status.split()[0]))

    application: Callable[..., Iterable[bytes]] = framed(get_wsgi_application())
    text = b"".join(application(made, start))
    return answered[0], text


@pytest.mark.parametrize("codec", STRANGE_CODECS)
@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/oauth/authorize?client_id=x", 400),
        ("POST", "/oauth/authorize", 303),
        ("POST", "/oauth/token", 400),
        ("POST", "/oauth/revoke", 401),
        ("POST", "/oauth/introspect", 400),
        ("GET", "/accounts/login/?next=/launch/", 200),
        ("GET", "/launch/?x=1", 302),
        ("GET", "/fhir/metadata?_format=json", 200),
    ],
)
def test_no_codec_that_a_client_names_makes_the_server_fail(
    method: str, path: str, expected: int, codec: str
) -> None:
    status, _ = ask(method, path, b"client_id=x", CONTENT_TYPE=f"{FORM}; charset={codec}")
    assert status == expected


def test_a_codec_in_an_encoded_parameter_of_the_content_type_does_not_make_the_server_fail() -> None:
    assert ask("GET", "/accounts/login/", CONTENT_TYPE="text/plain; a*=undefined''%41")[0] == 200


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("", ""),
        ("application/fhir+json; charset=UTF-8", "application/fhir+json"),
        ('multipart/form-data; charset=x; boundary="a b"', 'multipart/form-data; boundary="a b"'),
        ("multipart/form-data; boundary=a;x=1", "multipart/form-data; boundary=a"),
    ],
)
def test_of_a_content_type_the_media_type_and_the_boundary_count(sent: str, read: str) -> None:
    assert plain_media_type(sent) == read


@pytest.mark.requirement("RFC 9112 section 6.3")
def test_a_body_in_chunks_is_read_as_any_other() -> None:
    sent = CHUNKED | {"wsgi.input": BytesIO(b"grant_type=password")}
    status, text = ask("POST", "/oauth/token", **sent)
    assert (status, json.loads(text)["error"]) == (400, "unsupported_grant_type")


def test_a_body_in_chunks_that_is_too_long_is_refused(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = settings.FHIR_MAX_BODY_BYTES = 100
    body = BytesIO(b"grant_type=" + b"x" * 200)
    sent = CHUNKED | {"wsgi.input": body}
    status, text = ask("POST", "/oauth/token", **sent)
    assert (status, json.loads(text)["error"]) == (400, "invalid_request")
    assert len(body.read()) == 110


@pytest.mark.parametrize("path", ["", "/consent", "/patient", "/encounter"])
@pytest.mark.parametrize("request_id", ["%00", "a%00b", "%ff", "%ed%a0%80", "%0a", "a" * 5000])
def test_an_authorization_request_that_cannot_exist_is_refused(request_id: str, path: str) -> None:
    assert Client().get(f"/oauth/authorize/{request_id}{path}").status_code == 400


@pytest.mark.parametrize(
    "since",
    [
        "Mon, 01 Jan 2024 00:00:00 +99999999999999999999",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2024 00:00:00 +9999",
        "x",
        ",",
    ],
)
def test_a_time_that_no_calendar_has_is_no_condition(since: str) -> None:
    caller = everyone()
    caller.send("PUT", "Patient/p1", {"resourceType": "Patient", "id": "p1"})
    assert caller.send("GET", "Patient/p1", **{"If-Modified-Since": since}).status_code == 200


@pytest.mark.parametrize("version", ["9" * 5000, "9" * 30, "0", "-1", "1.0", "%00", "\u0661"])
def test_a_version_that_cannot_exist_is_not_there(version: str) -> None:
    caller = everyone()
    caller.send("PUT", "Patient/p1", {"resourceType": "Patient", "id": "p1"})
    assert caller.send("GET", f"Patient/p1/_history/{version}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "header"),
    [
        ("PUT", "Patient/p1", "If-Match"),
        ("DELETE", "Patient/p1", "If-Match"),
        ("POST", "Patient", "If-None-Exist"),
    ],
)
def test_a_condition_that_says_nothing_is_not_taken_for_none(method: str, path: str, header: str) -> None:
    resource = {"resourceType": "Patient", "id": "p1"}
    caller = everyone()
    caller.send("PUT", "Patient/p1", resource)
    body = None if method == "DELETE" else resource
    for text in ("", " "):
        assert caller.send(method, path, body, **{header: text}).status_code == 400
