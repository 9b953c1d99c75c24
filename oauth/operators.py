"""What operators change by commands, told to the audit trail: nobody is signed in there."""

import getpass
import os
from typing import Any

from audit.events import Event
from audit.recording import record


def tell(command: str, cause: str, client: str = "", **detail: Any) -> None:
    """Record that a command changed something; call it in the transaction that does. `cause` says what."""
    told = {"operator": operator(), "command": command, "cause": cause, **detail}
    record(Event("console-change", "allowed", client=client, detail=told))


def operator() -> str:
    """The account on the machine; in a container it may have a number alone."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
