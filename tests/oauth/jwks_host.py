"""A web server of a client's, which publishes a key set as a test tells it to."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Host:
    """What the server answers. `seen` has the path of each request; `before` runs before each answer."""

    body: bytes = b'{"keys":[]}'
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    before: Callable[[], object] = lambda: None
    url: str = ""


@contextmanager
def jwks_host(tls: ssl.SSLContext | None = None) -> Iterator[Host]:
    """A server on a free port of the loopback interface; its `url` is that of the key set."""
    host = Host()
    server = _Server(("127.0.0.1", 0), _handler(host))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    host.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}/jwks.json"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of callers that hang up."""


def _handler(host: Host) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host.seen.append(self.path)
            host.before()
            self.send_response(host.status)
            for name, value in host.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(host.body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
