"""What a request should be answered, and what it should leave behind: the interactions, naively."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from tests.security.naive.cases import NEW, Case, Outcome, Refused, show
from tests.security.naive.exports import Exports
from tests.security.naive.matching import Json, is_understood
from tests.security.naive.past import last_content
from tests.security.naive.rights import Judge, Key, World

WRITES = {
    "create": "c",
    "update": "u",
    "patch": "u",
    "delete": "d",
    "conditional_update": "u",
    "conditional_patch": "u",
    "conditional_delete": "d",
}
"""The right that each kind of change needs."""


class Oracle(Exports):
    """Answers requests of one person in one world, which it changes as they ask."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.world: World = {key: list(versions) for key, versions in judge.world.items()}
        self.filled = {key: len(versions) for key, versions in self.world.items()}
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

    def read(self, case: Case) -> Outcome:
        """read"""
        self._require(case.type, "r")
        versions = self._seen(case)
        if versions[-1] is None:
            raise Refused(410)
        return Outcome(200, [show(case.key, len(versions), versions[-1])])

    # What is changed

    def create(self, case: Case, besides: Collection[Key] = ()) -> Outcome:
        """create; with a query, If-None-Exist, which looks at all but what the same transaction deletes"""
        self._require(case.type, "c")
        assert case.resource is not None
        if case.query:
            hits = self._match(case.type, case.query, besides)
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
        """patch of some elements; `case.number` says that it tests something first"""
        self._require(case.type, "u")
        versions = self.world.get(case.key)
        last = last_content(versions) if versions else None
        if versions is None or last is None or not self.judge.touches("u", last):
            raise Refused(404)
        if versions[-1] is None:
            raise Refused(410 if self.judge.may_write("u", last) else 404)
        self._check("u", last, last)
        if case.number and not self.judge.visible(last, "r"):
            raise Refused(403)
        after = {**last, **(case.resource or {})}
        self._check("u", last, after)
        outcome = self._write(case.key, after, 200)
        return outcome if self.judge.visible(after, "r") else Outcome(200)

    def delete(self, case: Case) -> Outcome:
        """delete"""
        self._require(case.type, "d")
        versions = self.world.get(case.key)
        last = last_content(versions) if versions else None
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
        hits = self._match(case.type, case.query)
        for (kind, fhir_id), content in hits.items():
            after = {**case.resource, "id": fhir_id}
            self._check("u", content, after)
            return self._write((kind, fhir_id), after, 200)
        self._require(case.type, "c")
        return self._make(case.resource)

    def conditional_patch(self, case: Case) -> Outcome:
        """patch of what a query finds"""
        self._require(case.type, "u")
        for kind, fhir_id in self._match(case.type, case.query):
            return self.patch(Case("patch", kind, fhir_id, resource=case.resource, number=case.number))
        raise Refused(404)

    def conditional_delete(self, case: Case) -> Outcome:
        """deletion of what a query finds"""
        self._require(case.type, "d")
        for key, content in self._match(case.type, case.query).items():
            self._check("d", content, None)
            self.world[key].append(None)
        return Outcome(204)

    # Several at once

    def batch(self, case: Case) -> Outcome:
        """batch: each entry has its own fate; what was written is not shown"""
        return Outcome(200, parts=[self._bare(part, self._entry(part)) for part in case.parts])

    def operation(self, case: Case) -> Outcome:
        """an operation as an entry of a batch: there are none"""
        return Outcome(400)

    def transaction(self, case: Case) -> Outcome:
        """transaction: all of it, or nothing; each change is judged by how things were before all of them"""
        deleted = {key for part in case.parts if "delete" in part.kind for key in self._meant(part)}
        changed = [key for part in case.parts if part.kind in WRITES for key in self._meant(part)]
        before = {key: list(versions) for key, versions in self.world.items()}
        outcomes = {-1: Outcome(400)} if len(changed) > len(set(changed)) else {}
        ways: World = {}
        for place, part in enumerate(case.parts):
            if part.kind in WRITES:
                outcomes[place] = self._entry(part, deleted)
                ways |= {key: each for key, each in self.world.items() if each != before.get(key)}
                self._return_to(before)
        if not _refusals(outcomes):
            self.world.update(ways)
            looks = [place for place, part in enumerate(case.parts) if part.kind not in WRITES]
            outcomes |= {place: self.answer(case.parts[place]) for place in looks}
        refused = _refusals(outcomes)
        if refused:
            self._return_to(before)
            return Outcome(min(refused), either=refused)
        return Outcome(
            200, parts=[self._bare(part, outcomes[place]) for place, part in enumerate(case.parts)]
        )

    def _meant(self, case: Case) -> Collection[Key]:
        """The resource that is there already and that a change is about."""
        if not case.kind.startswith("conditional_"):
            return [case.key] if case.id else []
        try:
            return list(self._match(case.type, case.query))
        except Refused:
            return []

    def _return_to(self, before: World) -> None:
        self.world.clear()
        self.world.update({key: list(versions) for key, versions in before.items()})

    @staticmethod
    def _bare(part: Case, outcome: Outcome) -> Outcome:
        """As the entry of a response: what was written is not shown."""
        return Outcome(outcome.status) if part.kind in WRITES else outcome

    def _entry(self, case: Case, deleted: Collection[Key] = ()) -> Outcome:
        """An entry whose references may be queries, all of which must find one resource."""
        if case.kind.startswith("conditional_") and not is_understood(case.type, case.query):
            return Outcome(400)
        subject = (case.resource or {}).get("subject", {}).get("reference", "")
        kind, mark, query = subject.partition("?")
        try:
            if mark and case.resource is not None and self.judge.person.alive:
                self._require(case.type, WRITES[case.kind])
                case = self._meaning(case, kind, query, deleted)
            if case.kind == "create" and deleted and self.judge.person.alive:
                return self.create(case, deleted)
        except Refused as refused:
            return Outcome(refused.status)
        return self.answer(case)

    def _meaning(self, case: Case, kind: str, query: str, deleted: Collection[Key]) -> Case:
        """The same with a reference to what the query finds; where nothing will be made, as it is."""
        if case.query and self._match(case.type, case.query, deleted):
            return case
        hits = self._match(kind, query)
        if not hits:
            raise Refused(412)
        ((_, fhir_id),) = hits
        resource: dict[str, Any] = {**(case.resource or {}), "subject": {"reference": f"{kind}/{fhir_id}"}}
        return replace(case, resource=resource)

    # What these share

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


def _refusals(outcomes: dict[int, Outcome]) -> frozenset[int]:
    return frozenset(outcome.status for outcome in outcomes.values() if outcome.status >= 400)
