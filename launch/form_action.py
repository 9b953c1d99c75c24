"""Where a form of ours may lead: browsers hold the whole chain of redirects after a form to `form-action`.

https://www.w3.org/TR/CSP3/#directive-form-action
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?\Z")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*\Z")


def form_action_sources(urls: Iterable[str]) -> list[str]:
    """The Content Security Policy sources that let a form lead to these URLs, sorted, none twice.

    Loopback addresses get any port, as https://datatracker.ietf.org/doc/html/rfc8252#section-7.3 has it;
    other schemes than http stand for themselves. What cannot be said in a policy is left out, so that nothing
    can be smuggled into the header.
    """
    found = {_source(url) for url in urls if url}
    return sorted(source for source in found if source)


def _source(url: str) -> str:
    parts = urlsplit(url)
    if not SCHEME.match(parts.scheme):
        return ""
    if parts.scheme not in ("http", "https"):
        return f"{parts.scheme}:"
    if parts.hostname == "127.0.0.1":
        return f"{parts.scheme}://127.0.0.1:*"
    return f"{parts.scheme}://{parts.netloc}" if HOST.match(parts.netloc) else ""
