"""What came from outside, made fit to be kept: short, and without what could open anything."""

import re

LONGEST = 300
_USER_INFO = re.compile(r"(?<=//)[^/?#@]*@")
_CREDENTIAL = re.compile(
    r"([?&#;](?:[a-z_]*token|[a-z_]*secret|[a-z_]*password|code|code_verifier|code_challenge|client_assertion"
    r"|launch|state|nonce|login_hint|assertion|api_?key)=)[^&#;]+",
    re.IGNORECASE,
)


def masked(text: str) -> str:
    """A URL or another short text without user name and password, and without the values of parameters that
    are credentials; cut to 300 characters.
    """
    shown = _CREDENTIAL.sub(r"\1…", _USER_INFO.sub("…@", text[: 10 * LONGEST]))
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"
