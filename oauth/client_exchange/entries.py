"""What is read from one entry of a file, before it is held against the clients that are there."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class GivenSecret:
    """A secret in plain text that a file brings along, and the time in which it counts: from now on without
    `starts`, for good without `ends`.
    """

    secret: str = field(repr=False)
    description: str
    starts: datetime | None
    ends: datetime | None


@dataclass(slots=True)
class Read:
    """One client of a file: metadata as `oauth.clients.metadata.fill` takes them, and secrets in plain text.

    `notes` tell what is not taken, or taken otherwise than it stands there, each with its reason; `faults`
    what makes the entry unusable. Each begins with the name of the member.
    """

    metadata: dict[str, Any] = field(default_factory=dict)
    secrets: list[GivenSecret] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def drop(self, member: str, why: str) -> None:
        """Note that a member, or a part of it, is not taken."""
        self.notes.append(f"not taken: {member}: {why}")

    def alter(self, member: str, how: str) -> None:
        """Note that a member is taken otherwise than it stands in the file."""
        self.notes.append(f"taken otherwise: {member}: {how}")

    def warn(self, member: str, what: str) -> None:
        """Note what somebody should look at."""
        self.notes.append(f"look at: {member}: {what}")
