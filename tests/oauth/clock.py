"""A clock that tests move on: for the server, for its libraries, and for whoever verifies tokens."""

import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest

_really = time.time


class Clock:
    """What everybody's watch shows: the real time, and as much more as the test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        clock = self

        class Moved(datetime):
            """`datetime` whose `now` is this clock's."""

            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Any:
                """This moment."""
                return datetime.fromtimestamp(clock.seconds(), tz)

        monkeypatch.setattr("time.time", self.seconds)
        monkeypatch.setattr("django.utils.timezone.now", self.now)
        monkeypatch.setattr("jwt.api_jwt.datetime", Moved)

    def seconds(self) -> float:
        """Seconds since 1970."""
        return _really() + self._ahead

    def now(self) -> datetime:
        """The same as a datetime."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    def forward(self, by: timedelta) -> None:
        """Let time pass."""
        self._ahead += by.total_seconds()
