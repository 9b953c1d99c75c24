"""What can be wrong, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of differences. All but the last three can be mended from the stored text."""

    MISSING = "missing row"
    SURPLUS = "surplus row"
    VALUE = "wrong value"
    ORPHAN = "row without a resource"
    OF_DELETED = "row of a deleted resource"
    COLUMN = "wrong column"
    UNREADABLE = "unreadable text"
    STAMP = "wrong stamp"
    VERSIONS = "versions with gaps"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be: `address` is "Type/id", or the row's number where there is no
    resource; `where` the table and the row's hash, or the column."""

    kind: Kind
    address: str
    where: str
    mended: bool = False
