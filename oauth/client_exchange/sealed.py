"""What goes to the browser between the preview of an import and its confirmation, where nobody can read it.

The file may hold secrets in plain text: it is encrypted with KEY_ENCRYPTION_KEYS, so that they stand neither
in a page nor in a session, and so that what is confirmed is what was previewed.
"""

import json
from dataclasses import asdict, dataclass, fields

from cryptography.fernet import InvalidToken

from accounts.encryption import box

SECONDS = 3600
_PURPOSE = "import of clients"


@dataclass(frozen=True, slots=True)
class Previewed:
    """A file that was previewed: its text, how it was to be taken, the plan's fingerprint, and by whom."""

    text: str
    with_status: bool
    fingerprint: str
    user: str


def seal(previewed: Previewed) -> str:
    """A text of URL-safe characters that only `unseal` can read, for an hour."""
    told = json.dumps({"purpose": _PURPOSE, **asdict(previewed)})
    return box().encrypt(told.encode()).decode()


def unseal(sealed: str, user: str) -> Previewed | None:
    """What was sealed for this user; None if it was something else, for somebody else, or too long ago."""
    try:
        told = json.loads(box().decrypt(sealed.encode(), ttl=SECONDS))
    except (InvalidToken, ValueError):
        return None
    names = {"purpose", *(field.name for field in fields(Previewed))}
    if not isinstance(told, dict) or set(told) != names or told.pop("purpose") != _PURPOSE:
        return None
    previewed = Previewed(**told)
    return previewed if previewed.user == user else None
