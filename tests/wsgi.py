"""Requests to a WSGI application in this process, as a server would hand them over."""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

Told = tuple[str, dict[str, str], bytes]
"""Status, headers and body."""

THE_COMMON_WAY = "599 The common way"


def common_way(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Stands for the rest of the site, behind an application that answers some requests itself."""
    start_response(THE_COMMON_WAY, [])
    return []


def asked(
    application: Callable[..., Iterable[bytes]], method: str, path: str, body: bytes = b"", **environ: Any
) -> Told:
    """What the application answers; `environ` has what is beside method, path and body."""
    path, _, query = path.partition("?")
    given = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        **environ,
    }
    told: list[tuple[str, list[tuple[str, str]]]] = []
    answer = application(given, lambda status, headers: told.append((status, headers)))
    ((status, headers),) = told
    return status, dict(headers), b"".join(answer)
