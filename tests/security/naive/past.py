"""What histories show, naively: each version by its own content, and by what its resource is now."""

from __future__ import annotations

from collections.abc import Iterator

from tests.security.naive.cases import Case, Outcome, Refused, show
from tests.security.naive.looking import Looking
from tests.security.naive.matching import TYPES, Json
from tests.security.naive.rights import Key

AFTERWARDS = 99
"""The moment of all that was written by requests."""

Versions = list[Json | None]


class Past(Looking):
    """Looks back in one world for one person. `filled` is how many versions each resource had at first."""

    filled: dict[Key, int]

    def vread(self, case: Case) -> Outcome:
        """vread"""
        self._require(case.type, "r")
        shown = dict(self._versions(self._seen(case), "r"))
        if case.number not in shown:
            raise Refused(404)
        content = shown[case.number]
        if content is None:
            raise Refused(410)
        return Outcome(200, [show(case.key, case.number, content)])

    def history(self, case: Case) -> Outcome:
        """instance history"""
        self._require(case.type, "r")
        return Outcome(200, self._lines(case, case.key, self._seen(case), "r"))

    def type_history(self, case: Case) -> Outcome:
        """type history"""
        self._require(case.type, "s")
        return self._history_of(case, (case.type,))

    def system_history(self, case: Case) -> Outcome:
        """history of all types that may be searched"""
        kinds = tuple(kind for kind in TYPES if self.judge.allows(kind, "s"))
        if not kinds:
            raise Refused(403)
        return self._history_of(case, kinds)

    def _history_of(self, case: Case, kinds: tuple[str, ...]) -> Outcome:
        lines: list[str] = []
        for key, versions in self.world.items():
            last = last_content(versions)
            if key[0] in kinds and last and self.judge.visible(last, "s"):
                lines += self._lines(case, key, versions, "s")
        return Outcome(200, sorted(lines))

    def _seen(self, case: Case) -> Versions:
        """The versions, if what the resource is now, or was last, may be read."""
        versions = self.world.get(case.key, [])
        last = last_content(versions)
        if last is None or not self.judge.visible(last, "r"):
            raise Refused(404)
        return versions

    def _versions(self, versions: Versions, letter: str) -> Iterator[tuple[int, Json | None]]:
        """Those that may be seen by their own content; a deletion as what it ended."""
        seen = False
        for number, content in enumerate(versions, 1):
            seen = self.judge.visible(content, letter) if content else seen
            if seen:
                yield number, content

    def _lines(self, case: Case, key: Key, versions: Versions, letter: str) -> list[str]:
        return sorted(
            show(key, number, content) if content else f"{key[0]}/{key[1]}/{number} deleted"
            for number, content in self._versions(versions, letter)
            if self._is_of_that_time(case, key, number, len(versions))
        )

    def _is_of_that_time(self, case: Case, key: Key, number: int, last: int) -> bool:
        made, ended = self._moment(key, number), self._moment(key, number + 1)
        was_current = not case.at or (made < case.at and (number == last or ended >= case.at))
        return made >= case.since and was_current

    def _moment(self, key: Key, number: int) -> int:
        """When a version was written."""
        return number - 1 if number <= self.filled.get(key, 0) else AFTERWARDS


def last_content(versions: Versions) -> Json | None:
    """What a resource is, or was before it was deleted."""
    return next((content for content in reversed(versions) if content is not None), None)
