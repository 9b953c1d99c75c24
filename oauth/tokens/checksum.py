"""Under what tokens and codes are stored: the text itself stands nowhere."""

import hashlib


def token_checksum(token: str) -> str:
    """Under what a token or code is stored and found: its SHA-256 in hexadecimal digits.

    The text may hold a lone surrogate that came out of a form; it then matches nothing.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
