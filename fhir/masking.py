"""What callers send, made fit to be kept: without what could open anything, and not without end."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

LONGEST = 4000
"""Characters of a query or sentence that are kept at the most."""
_NAME = re.compile(
    r"token|secret|passw|assertion|authori[sz]ation|credential|bearer|api_?key|code_verifier", re.I
)
# Every JWT begins with {" in base64url.
_JWT = re.compile(r"eyJ[A-Za-z0-9_\-.+/=%]{8,}")
_BEARER = re.compile(r"(bearer(?:\s|\+|%20)+)[^\s&,;'\"]+", re.I)


def masked(text: str) -> str:
    """A sentence without tokens, cut to 4,000 characters."""
    return _BEARER.sub(r"\1…", _JWT.sub("…", text[:LONGEST]))


def masked_query(query: str) -> str:
    """A query as it was sent, but for tokens and the values of parameters that are named like credentials;
    cut to 4,000 characters.

    No search parameter of FHIR is named like one. (`code` is one, and so is no credential here.)
    """
    parts = masked(query).split("&")
    return "&".join(_masked_part(part) for part in parts)


def _masked_part(part: str) -> str:
    name, sign, _ = part.partition("=")
    return f"{name}=…" if sign and _NAME.search(unquote_plus(name)) else part
