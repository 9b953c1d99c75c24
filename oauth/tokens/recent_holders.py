"""What is known of the tokens that a process has seen last."""

import threading
from collections import OrderedDict
from typing import Generic, Protocol, TypeVar


class Kept(Protocol):
    """What is kept of a token, under the token's SHA-256 in hexadecimal digits."""

    @property
    def checksum(self) -> str:
        """The token's SHA-256."""


Held = TypeVar("Held", bound=Kept)


class RecentHolders(Generic[Held]):
    """The holders of the tokens last seen, by the token's SHA-256; the longest unused one goes first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._holders: OrderedDict[str, Held] = OrderedDict()

    def get(self, key: str) -> Held | None:
        """The holder, if it is still kept."""
        with self._lock:
            if key not in self._holders:
                return None
            self._holders.move_to_end(key)
            return self._holders[key]

    def put(self, holder: Held) -> None:
        """Keep the holder, and let the longest unused one go if there are too many."""
        with self._lock:
            self._holders[holder.checksum] = holder
            self._holders.move_to_end(holder.checksum)
            if len(self._holders) > self._size:
                self._holders.popitem(last=False)

    def drop(self, key: str) -> None:
        """Forget the holder."""
        with self._lock:
            self._holders.pop(key, None)
