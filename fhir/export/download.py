"""A file of an export on its way to its owner."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

BLOCK = 1 << 17
CHECK_SECONDS = 1.0


class Download:
    """The pieces of a file. About once a second `check` is called; what it raises ends the answer short.

    The caller sees by the Content-Length that it is not whole. Raises FileNotFoundError at once if there
    is no file.
    """

    def __init__(self, path: Path, check: Callable[[], None]) -> None:
        self._file = path.open("rb")
        self._check = check
        self._checked = time.monotonic()
        self.size = path.stat().st_size

    def __iter__(self) -> Download:
        return self

    def __next__(self) -> bytes:
        if time.monotonic() - self._checked >= CHECK_SECONDS:
            self._check()
            self._checked = time.monotonic()
        piece = self._file.read(BLOCK)
        if not piece:
            raise StopIteration
        return piece

    def close(self) -> None:
        """Close the file: Django calls this when the answer has ended, however it did."""
        self._file.close()
