"""What searches find, naively: criteria, chains, includes, and several types at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tests.security.naive.cases import Case, Outcome, Refused, show
from tests.security.naive.matching import (
    TYPES,
    Json,
    NotUnderstood,
    Pair,
    address,
    found,
    matches,
    parameter,
    understood,
)
from tests.security.naive.rights import Judge, Key, World

Hits = dict[Key, Json]


class Looking:
    """Looks into one world for one person."""

    judge: Judge
    world: World

    def search(self, case: Case) -> Outcome:
        """search, with includes and chains"""
        self._require(case.type, "s")
        pairs = [pair for pair in _understood_pairs(case.type, case.query) if pair is not None]
        return self._searched(case, self._found(case.type, pairs))

    def count(self, case: Case) -> Outcome:
        """search for the number of matches only"""
        return Outcome(200, [], self.search(case).total)

    def system_search(self, case: Case) -> Outcome:
        """search of several types: criteria count if they mean the same for all of them"""
        for kind in case.types:
            self._require(kind, "s")
        allowed = [kind for kind in case.types or TYPES if self.judge.allows(kind, "s")]
        if not allowed:
            raise Refused(403)
        kinds = [kind for kind in allowed if self.judge.reaches(kind, "s")] or allowed[:1]
        common = [part for part in case.query.split("&") if part and _is_common(kinds, part)]
        hits: Hits = {}
        for kind in kinds:
            pairs = [pair for part in common for pair in _understood_pairs(kind, part) if pair is not None]
            hits |= self._found(kind, pairs)
        return self._searched(case, hits)

    def _searched(self, case: Case, hits: Hits) -> Outcome:
        if case.chain:
            self._require_all(case.chain)
            hits = {key: content for key, content in hits.items() if self._chained(case.chain, key, content)}
        shown = {**self._all_included(case.include, hits), **hits}
        return Outcome(200, self._shown(shown), None if case.size else len(hits))

    # What others share

    def _require(self, kind: str, letter: str) -> None:
        if not self.judge.allows(kind, letter):
            raise Refused(403)

    def _living(self) -> Iterator[tuple[Key, Json]]:
        for key, versions in self.world.items():
            if versions[-1] is not None:
                yield key, versions[-1]

    def _found(self, kind: str, pairs: list[Pair]) -> Hits:
        return {
            key: content
            for key, content in self._living()
            if key[0] == kind and matches(content, pairs) and self.judge.visible(content, "s")
        }

    def _match(self, kind: str, query: str, besides: Iterable[Key] = ()) -> Hits:
        """The one resource that a condition finds, if any."""
        self._require(kind, "s")
        try:
            pairs = understood(kind, query)
        except NotUnderstood:
            raise Refused(400) from None
        hits = {key: content for key, content in self._found(kind, pairs).items() if key not in besides}
        if len(hits) > 1:
            raise Refused(412)
        return hits

    def _shown(self, hits: Hits) -> list[str]:
        return sorted(show(key, len(self.world[key]), content) for key, content in hits.items())

    def _either(self, content: Json) -> bool:
        return self.judge.visible(content, "r") or self.judge.visible(content, "s")

    # Chains and includes

    def _require_all(self, chain: tuple[str, ...]) -> None:
        while len(chain) > 2:
            self._require(chain[1], "s")
            chain = chain[3:]

    def _chained(self, chain: tuple[str, ...], key: Key, content: Json) -> bool:
        """Whether a resource meets a chain: (way, type, reference) once or more, then a name and a value."""
        way, kind, code, *rest = chain
        others = self._at_the_end(kind, tuple(rest))
        if way == "to":
            return any("/".join(other) in targets(content, code) for other in others)
        return any("/".join(key) in targets(other, code) for other in others.values())

    def _at_the_end(self, kind: str, rest: tuple[str, ...]) -> Hits:
        if len(rest) == 2:
            return self._found(kind, [(rest[0], rest[1])])
        return {key: each for key, each in self._found(kind, []).items() if self._chained(rest, key, each)}

    def _all_included(self, words: tuple[str, ...], hits: Hits) -> Hits:
        """What is included, and with `:iterate` what is included by that."""
        found: Hits = {}
        latest, due = hits, words
        while latest and due:
            fresh = {key: each for word in due for key, each in self._included(word, latest).items()}
            latest = {key: each for key, each in fresh.items() if key not in found and key not in hits}
            found |= latest
            due = tuple(word for word in words if ":iterate=" in word)
        return found

    def _included(self, word: str, hits: Hits) -> Hits:
        name, _, rest = word.partition("=")
        kind, _, code = rest.partition(":")
        if name.startswith("_revinclude"):
            wanted = {"/".join(key) for key in hits}
            candidates = self._found(kind, [])
            return {key: each for key, each in candidates.items() if wanted & targets(each, code)}
        named = {target for key, each in hits.items() if key[0] == kind for target in targets(each, code)}
        return {key: each for key, each in self._living() if "/".join(key) in named and self._either(each)}


def targets(content: Json, code: str) -> set[str]:
    """The "Type/id" of what a resource refers to by this parameter."""
    row: Any = parameter(content["resourceType"], code)
    return {address(value.get("reference", "")) for value in found(content, row["expression"])} - {""}


def _understood_pairs(kind: str, query: str) -> Iterator[Pair | None]:
    """The criteria of a plain search: what is not understood is passed over."""
    for part in query.split("&"):
        try:
            yield from understood(kind, part)
        except NotUnderstood:
            yield None


def _is_common(kinds: list[str], part: str) -> bool:
    """Whether a criterion names a parameter that all these types have, and of the same kind."""
    rows = [parameter(kind, part.partition("=")[0].partition(":")[0]) for kind in kinds]
    return all(rows) and len({row["type"] for row in rows if row}) == 1
