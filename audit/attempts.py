"""Authorization attempts: every step of one under one reference code, from the launch to the first calls.

The person and the app are told the code alone; staff find under it which rule failed at which step, what was
expected and what came.
"""

import secrets
from typing import Any

from audit.events import Event
from audit.recording import record

LENGTH = 8
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 characters, none of which is misread over the telephone."""


def new_attempt() -> str:
    """A reference code: 40 random bits, to be read over the telephone. It opens nothing."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def step(
    kind: str,
    attempt: str,
    outcome: str = "allowed",
    *,
    status: int = 0,
    person: str = "",
    client: str = "",
    patient: str = "",
    address: str = "",
    **detail: Any,
) -> None:
    """Record one step: `launch`, `request`, `sign-in`, `context`, `consent`, `code`, `token` …

    `detail` says `rule`, `expected`, `received` and, where it was refused, the exact `cause` in one sentence
    for staff, and whatever else helps. Empty ones are left out. Whoever calls masks credentials.
    """
    told = {name: value for name, value in detail.items() if value not in ("", None)}
    record(
        Event(
            kind,
            outcome,
            status,
            person=person,
            client=client,
            patient=patient,
            address=address,
            attempt=attempt,
            detail=told,
        )
    )
