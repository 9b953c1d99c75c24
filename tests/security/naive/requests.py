"""What a request should be answered, and what it should leave behind: the interactions, naively."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.security.naive.cases import NEW, Case, Outcome, Refused, show
from tests.security.naive.matching import (
    COMPARTMENT,
    SHARED,
    Json,
    NotUnderstood,
    Pair,
    address,
    found,
    matches,
    parameter,
    patients_of,
    references,
    understood,
)
from tests.security.naive.rights import Judge, Key, World


class Oracle:
    """Answers requests of one person in one world, which it changes as they ask."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.world: World = {key: list(versions) for key, versions in judge.world.items()}
        self.judge.world = self.world
        self.made = 0

    def answer(self, case: Case) -> Outcome:
        """What this request should be answered."""
        if not self.judge.person.alive:
            return Outcome(401)
        try:
            outcome: Outcome = getattr(self, case.kind)(case)
        except Refused as refused:
            return Outcome(refused.status)
        return outcome

    # What is asked for

    def read(self, case: Case) -> Outcome:
        """read"""
        self._require(case.type, "r")
        versions = self._seen(case)
        if versions[-1] is None:
            raise Refused(410)
        return Outcome(200, [show(case.key, len(versions), versions[-1])])

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
        return Outcome(200, self._lines(case.key, self._seen(case), "r"))

    def type_history(self, case: Case) -> Outcome:
        """type history"""
        self._require(case.type, "s")
        lines: list[str] = []
        for key, versions in self.world.items():
            last = _last(versions)
            if key[0] == case.type and last and self.judge.visible(last, "s"):
                lines += self._lines(key, versions, "s")
        return Outcome(200, sorted(lines))

    def search(self, case: Case) -> Outcome:
        """search, with includes and chains"""
        self._require(case.type, "s")
        pairs = [pair for pair in understood_pairs(case.type, case.query) if pair is not None]
        hits = self._found(case.type, pairs)
        if case.chain:
            self._require(case.chain[1], "s")
            hits = {key: content for key, content in hits.items() if self._chained(case.chain, key, content)}
        shown = {key: content for word in case.include for key, content in self._included(word, hits).items()}
        return Outcome(200, self._shown({**shown, **hits}), len(hits))

    def count(self, case: Case) -> Outcome:
        """search for the number of matches only"""
        return Outcome(200, [], self.search(case).total)

    def everything(self, case: Case) -> Outcome:
        """Patient/$everything"""
        self._require("Patient", "r")
        if self._seen(case)[-1] is None:
            raise Refused(410)
        record = {
            key: content
            for key, content in self._living()
            if key[0] in COMPARTMENT
            and case.id in patients_of(content)
            and (key == case.key or (key[0] != "Patient" and self.judge.visible(content, "s")))
        }
        latest = record
        while latest:
            targets = {
                address(value.get("reference", ""))
                for content in latest.values()
                for row, value in references(content)
                if row["targets"] == ["*"] or not SHARED.isdisjoint(row["targets"])
            }
            latest = {
                key: content
                for key, content in self._living()
                if "/".join(key) in targets
                and key[0] in SHARED
                and key not in record
                and self._either(content)
            }
            record = {**record, **latest}
        return Outcome(200, self._shown(record))

    # What is changed

    def create(self, case: Case) -> Outcome:
        """create; with a query, If-None-Exist"""
        self._require(case.type, "c")
        assert case.resource is not None
        if case.query:
            hits = self._match(case)
            if hits:
                (key,) = hits
                content = self.world[key][-1]
                assert content is not None
                lines = self._shown(hits) if self.judge.visible(content, "r") else []
                return Outcome(200, lines)
        return self._make(case.resource)

    def update(self, case: Case) -> Outcome:
        """update"""
        self._require(case.type, "u")
        versions = self.world.get(case.key)
        if versions is not None and versions[-1] is not None:
            self._check("u", versions[-1], case.resource)
            return self._write(case.key, case.resource, 200)
        if not self.judge.reaches_all(case.type, "u"):
            raise Refused(404)
        return self._write(case.key, case.resource, 201)

    def patch(self, case: Case) -> Outcome:
        """patch of the element `status`"""
        self._require(case.type, "u")
        versions = self.world.get(case.key)
        last = _last(versions) if versions else None
        if versions is None or last is None or not self.judge.touches("u", last):
            raise Refused(404)
        if versions[-1] is None:
            raise Refused(410 if self.judge.may_write("u", last) else 404)
        after = {**last, **(case.resource or {})}
        self._check("u", last, after)
        outcome = self._write(case.key, after, 200)
        return outcome if self.judge.visible(after, "r") else Outcome(200)

    def delete(self, case: Case) -> Outcome:
        """delete"""
        self._require(case.type, "d")
        versions = self.world.get(case.key)
        last = _last(versions) if versions else None
        if versions is None or last is None:
            raise Refused(404)
        if versions[-1] is None:
            if not self.judge.may_write("d", last):
                raise Refused(404)
            return Outcome(204)
        self._check("d", last, None)
        versions.append(None)
        return Outcome(204)

    def conditional_update(self, case: Case) -> Outcome:
        """update of what a query finds"""
        self._require(case.type, "u")
        assert case.resource is not None
        hits = self._match(case)
        for (kind, fhir_id), content in hits.items():
            after = {**case.resource, "id": fhir_id}
            self._check("u", content, after)
            return self._write((kind, fhir_id), after, 200)
        self._require(case.type, "c")
        return self._make(case.resource)

    def conditional_delete(self, case: Case) -> Outcome:
        """deletion of what a query finds"""
        self._require(case.type, "d")
        for key, content in self._match(case).items():
            self._check("d", content, None)
            self.world[key].append(None)
        return Outcome(204)

    # Several at once

    def batch(self, case: Case) -> Outcome:
        """batch: each entry has its own fate; what was written is not shown"""
        outcomes = [self.answer(part) for part in case.parts]
        for part, outcome in zip(case.parts, outcomes, strict=True):
            if part.kind in ("create", "update", "delete"):
                outcome.shown = []
        return Outcome(200, parts=outcomes)

    def transaction(self, case: Case) -> Outcome:
        """transaction of writes: all of them, or none"""
        for part in case.parts:
            self._require(part.type, {"create": "c", "update": "u", "delete": "d"}[part.kind])
        before = {key: list(versions) for key, versions in self.world.items()}
        outcomes = [self._entry(part) for part in sorted(case.parts, key=lambda part: part.kind != "delete")]
        refused = frozenset(outcome.status for outcome in outcomes if outcome.status >= 400)
        if not refused:
            return Outcome(200)
        self.world.clear()
        self.world.update(before)
        return Outcome(min(refused), either=refused)

    def _entry(self, case: Case) -> Outcome:
        """An entry whose references may be queries, all of which must find one resource."""
        subject = (case.resource or {}).get("subject", {}).get("reference", "")
        kind, mark, query = subject.partition("?")
        if mark and case.resource is not None:
            try:
                hits = self._match(Case("", kind, query=query))
            except Refused as refused:
                return Outcome(refused.status)
            if not hits:
                return Outcome(412)
            ((_, fhir_id),) = hits
            meant = {**case.resource, "subject": {"reference": f"{kind}/{fhir_id}"}}
            case = Case(case.kind, case.type, case.id, resource=meant)
        return self.answer(case)

    # What these share

    def _require(self, kind: str, letter: str) -> None:
        if not self.judge.allows(kind, letter):
            raise Refused(403)

    def _seen(self, case: Case) -> list[Json | None]:
        """The versions, if what the resource is now, or was last, may be read."""
        versions = self.world.get(case.key, [])
        last = _last(versions)
        if last is None or not self.judge.visible(last, "r"):
            raise Refused(404)
        return versions

    def _versions(self, versions: list[Json | None], letter: str) -> Iterator[tuple[int, Json | None]]:
        """Those that may be seen by their own content; a deletion as what it ended."""
        seen = False
        for number, content in enumerate(versions, 1):
            seen = self.judge.visible(content, letter) if content else seen
            if seen:
                yield number, content

    def _lines(self, key: Key, versions: list[Json | None], letter: str) -> list[str]:
        return sorted(
            show(key, number, content) if content else f"{key[0]}/{key[1]}/{number} deleted"
            for number, content in self._versions(versions, letter)
        )

    def _living(self) -> Iterator[tuple[Key, Json]]:
        for key, versions in self.world.items():
            if versions[-1] is not None:
                yield key, versions[-1]

    def _found(self, kind: str, pairs: list[Pair]) -> dict[Key, Json]:
        return {
            key: content
            for key, content in self._living()
            if key[0] == kind and matches(content, pairs) and self.judge.visible(content, "s")
        }

    def _match(self, case: Case) -> dict[Key, Json]:
        """The one resource that a condition finds, if any."""
        self._require(case.type, "s")
        try:
            pairs = understood(case.type, case.query)
        except NotUnderstood:
            raise Refused(400) from None
        hits = self._found(case.type, pairs)
        if len(hits) > 1:
            raise Refused(412)
        return hits

    def _chained(self, chain: tuple[str, ...], key: Key, content: Json) -> bool:
        """Whether a resource meets `reference:Type.name=value`, or `_has:Type:reference:name=value`."""
        way, kind, code, name, value = chain
        others = self._found(kind, [(name, value)])
        if way == "has":
            return any("/".join(key) in _targets(other, code) for other in others.values())
        return any("/".join(other) in _targets(content, code) for other in others)

    def _included(self, word: str, hits: dict[Key, Json]) -> dict[Key, Json]:
        name, _, rest = word.partition("=")
        kind, _, code = rest.partition(":")
        if name == "_revinclude":
            wanted = {"/".join(key) for key in hits}
            candidates = self._found(kind, [])
            return {key: each for key, each in candidates.items() if wanted & _targets(each, code)}
        targets = {target for key, each in hits.items() if key[0] == kind for target in _targets(each, code)}
        return {key: each for key, each in self._living() if "/".join(key) in targets and self._either(each)}

    def _either(self, content: Json) -> bool:
        return self.judge.visible(content, "r") or self.judge.visible(content, "s")

    def _shown(self, hits: dict[Key, Json]) -> list[str]:
        return sorted(show(key, len(self.world[key]), content) for key, content in hits.items())

    def _check(self, letter: str, before: Json, after: Json | None) -> None:
        if not self.judge.touches(letter, before):
            raise Refused(404)
        if not self.judge.may_write(letter, before, after):
            raise Refused(403)

    def _make(self, content: Json) -> Outcome:
        self.made += 1
        if not self.judge.may_write("c", {**content, "id": f"{NEW}-{self.made}"}):
            raise Refused(403)
        return self._write((content["resourceType"], f"{NEW}-{self.made}"), content, 201)

    def _write(self, key: Key, content: Json | None, status: int) -> Outcome:
        assert content is not None
        stored = {**content, "id": key[1]}
        versions = self.world.setdefault(key, [])
        if not versions or versions[-1] != stored:
            versions.append(stored)
        return Outcome(status, [show(key, len(versions), stored)])


def _last(versions: list[Json | None]) -> Json | None:
    return next((content for content in reversed(versions) if content is not None), None)


def _targets(content: Json, code: str) -> set[str]:
    row: Any = parameter(content["resourceType"], code)
    return {address(value.get("reference", "")) for value in found(content, row["expression"])} - {""}


def understood_pairs(kind: str, query: str) -> Iterator[Pair | None]:
    """The criteria of a plain search: what is not understood is passed over."""
    for part in query.split("&"):
        try:
            yield from understood(kind, part)
        except NotUnderstood:
            yield None
