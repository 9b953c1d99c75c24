"""What came from outside, made fit to be kept: short, and without what could open anything."""

import re

LONGEST = 300
_USER_INFO = re.compile(r"(?<=//)[^/?#@]*@")
_CREDENTIAL = re.compile(
    r"([?&#;](?:[a-z_]*token|[a-z_]*secret|[a-z_]*password|code|code_verifier|code_challenge|client_assertion"
    r"|launch|state|nonce|login_hint|assertion|api_?key)=)[^&#;]+",
    re.IGNORECASE,
)

_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*")
_LONGEST_ID = 40


def masked(text: str) -> str:
    """A URL or another short text without user name and password, without the values of parameters that
    are credentials, and without JWTs; cut to 300 characters.
    """
    shown = _USER_INFO.sub("…@", without_jwts(text[: 10 * LONGEST]))
    shown = _CREDENTIAL.sub(r"\1…", shown)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"


def without_jwts(text: str) -> str:
    """A text in which whatever looks like a JWT is cut short."""
    return _JWT.sub("eyJ…", text)


def masked_id(text: str) -> str:
    """What came as an id that nobody here has. It may be a secret in the wrong place: those are longer than
    40 characters, and are cut to 8.
    """
    shown = masked(text)
    return shown if len(text) <= _LONGEST_ID else f"{shown[:8]}… of {len(text)} characters"
