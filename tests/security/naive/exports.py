"""What operations give of whole records, naively: $everything and $export."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

from tests.security.naive.cases import Case, Outcome, Refused
from tests.security.naive.looking import Hits
from tests.security.naive.matching import COMPARTMENT, SHARED, TYPES, Json, address, patients_of, references
from tests.security.naive.past import Past, last_content
from tests.security.naive.rights import Key

ABOUT_PATIENTS = frozenset(COMPARTMENT) | SHARED


class Exports(Past):
    """Collects records for one person."""

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
        others = {
            key: content for key, content in self._living() if key[0] in SHARED and self._either(content)
        }
        return Outcome(200, self._shown(_with_what_they_need(record, others)))

    def export(self, case: Case) -> Outcome:
        """$export of the system, of all patients, or of a Group; `case.type` says which"""
        members = self._members(case) if case.type == "Group" else None
        kinds = self._kinds(case)
        if case.patients:
            self._check_patients(case, members)
            members = set(case.patients)
        reached = {
            key: content
            for key, content in self._living()
            if key[0] in kinds and self.judge.visible(content, "r") and self.judge.visible(content, "s")
        }
        if case.type:
            shared = {key: each for key, each in reached.items() if key[0] in SHARED}
            record = {
                key: each
                for key, each in reached.items()
                if key[0] not in SHARED and _is_theirs(each, members)
            }
            reached = _with_what_they_need(record, shared)
        late = {key: each for key, each in reached.items() if self._is_late(case, key)}
        return Outcome(202, sorted([*self._shown(late), *self._deletions(case, kinds, members)]))

    def _is_late(self, case: Case, key: Key) -> bool:
        return self._moment(key, len(self.world[key])) >= case.since

    def _deletions(self, case: Case, kinds: set[str], members: set[str] | None) -> Iterator[str]:
        for key, versions in self.world.items():
            last = last_content(versions)
            if not case.since or versions[-1] is not None or last is None or key[0] not in kinds:
                continue
            theirs = not case.type or _is_theirs(last, members)
            if theirs and self._is_late(case, key) and self.judge.visible(last, "r"):
                yield f"{'/'.join(key)} deleted"

    def _kinds(self, case: Case) -> set[str]:
        """The types of which something may be exported."""
        for kind in case.types:
            if case.type and kind not in ABOUT_PATIENTS:
                raise Refused(400)
            self._require(kind, "r")
            self._require(kind, "s")
        every = [kind for kind in TYPES if not case.type or kind in ABOUT_PATIENTS]
        kinds = {
            kind
            for kind in case.types or every
            if self.judge.reaches(kind, "r") and self.judge.reaches(kind, "s")
        }
        if not kinds or not kinds >= set(case.types):
            raise Refused(403)
        return kinds

    def _members(self, case: Case) -> set[str]:
        self._require("Group", "r")
        group = self._seen(case)[-1]
        if group is None:
            raise Refused(410)
        places = [
            address(member["entity"].get("reference", ""))
            for member in group.get("member", ())
            if not member.get("inactive") and _is_now(member.get("period", {}))
        ]
        return {place.removeprefix("Patient/") for place in places if place.startswith("Patient/")}

    def _check_patients(self, case: Case, members: set[str] | None) -> None:
        for name in case.patients:
            now = self.world.get(("Patient", name), [None])[-1]
            if now is None or not self.judge.visible(now, "r") or not (members is None or name in members):
                raise Refused(400)


def _is_theirs(content: Json, members: set[str] | None) -> bool:
    patients = patients_of(content)
    return bool(patients if members is None else patients & members)


def _is_now(period: Json) -> bool:
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return str(period.get("start", "")) <= today and today <= str(period.get("end", "9999"))


def _with_what_they_need(record: Hits, shared: Hits) -> Hits:
    """A record, and those of the shared resources that it refers to, directly or through others of them."""
    latest = record
    while latest:
        named = set(_needed(latest.values()))
        latest = {key: each for key, each in shared.items() if "/".join(key) in named and key not in record}
        record = {**record, **latest}
    return record


def _needed(contents: Iterable[Json]) -> Iterator[str]:
    for content in contents:
        for row, value in references(content):
            if row["targets"] == ["*"] or not SHARED.isdisjoint(row["targets"]):
                yield address(value.get("reference", ""))
