"""Loading files of resources for the operator: Bundles, NDJSON and single resources, plain or gzipped."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fhir import jsontext, store
from fhir.access import EVERYTHING
from fhir.exchange import Request
from fhir.incoming import check
from fhir.interactions.bundle_entries import Entry, check_envelope, read_entry
from fhir.interactions.transaction import writer
from fhir.loading_entries import entries_of
from fhir.outcome import FhirError, Issue, Unprocessable
from fhir.validation import MAX_ISSUES, TOLERABLE, validate
from fhir.validation.sample import is_small
from fhir.validation.second_opinion import second_opinion

CHUNK = 200
"""How many independent resources share a transaction."""
SUFFIXES = (".json", ".ndjson", ".json.gz", ".ndjson.gz")
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that was not loaded, or that was though it breaks a rule: where it stands, and why."""

    place: str
    reasons: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """What became of everything: (resource type, created | updated | unchanged | deleted | refused) → how
    many."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    refusals: list[Remark] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many resources have been dealt with."""
        return self.counts.total()


def files(paths: Sequence[Path]) -> list[Path]:
    """The files among and below these paths, those named 0-… first, then by name: what others refer to by a
    condition comes before them. Raises FileNotFoundError."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"There is no {path}.")
        inner = (
            [each for each in path.rglob("*") if each.name.endswith(SUFFIXES)] if path.is_dir() else [path]
        )
        found.extend(inner)
    return sorted(set(found), key=lambda each: (not each.name.startswith("0-"), each.name, str(each)))


class Loader:
    """Loads file after file, and keeps the tally. Each transaction Bundle is loaded as a whole or not at
    all."""

    def __init__(
        self, *, keep_ids: bool, strict: bool, progress: Callable[[], None], lenient: bool = False
    ) -> None:
        """`keep_ids`: a created resource gets the id in its fullUrl, and loading again changes nothing.
        `strict`: each is also held against another library's models. `lenient`: faults that are tolerable
        (fhir.validation) are warnings. `progress` is called as the tally grows."""
        self.tally = Tally()
        self._keep_ids = keep_ids
        self._strict = strict
        self._lenient = lenient
        self._progress = progress
        self._request = Request(EVERYTHING)

    def load(self, path: Path) -> None:
        """Load one file. What is not accepted goes to the tally's refusals."""
        try:
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        except (OSError, EOFError, zlib.error) as error:
            self._refuse(path.name, "file", [f"The file cannot be read: {error}"])
            return
        if ".ndjson" in path.name:
            lines = [
                (f"{path.name}:{number}", line)
                for number, line in enumerate(data.splitlines(), 1)
                if line.strip()
            ]
            self._load_resources(
                path.name, [one for place, line in lines if (one := self._parse(place, line))]
            )
        else:
            value = self._parse(path.name, data)
            if value is not None:
                self._load_value(path.name, value)

    def _parse(self, place: str, data: bytes) -> dict[str, Any] | None:
        try:
            return jsontext.parse(data)
        except jsontext.JsonTextError as error:
            self._refuse(place, "file", [str(error)])
            return None

    def _load_value(self, place: str, value: dict[str, Any]) -> None:
        """A Bundle is opened, unless it is a resource in its own right: a document or a message."""
        kind = value.get("type") if value.get("resourceType") == "Bundle" else None
        if kind not in ("transaction", "batch", "collection", "searchset"):
            self._load_resources(place, [value])
            return
        try:
            check_envelope(value)
        except FhirError as error:
            self._refuse(place, "Bundle", _reasons(error.issues))
            return
        raw = entries_of(value, keep_ids=self._keep_ids)
        if kind == "transaction":
            self._load_whole(place, raw)
        else:
            self._load_each(place, raw)

    def _load_resources(self, place: str, resources: list[dict[str, Any]]) -> None:
        bundle = {"type": "collection", "entry": [{"resource": resource} for resource in resources]}
        self._load_each(place, entries_of(bundle, keep_ids=self._keep_ids))

    def _load_whole(self, place: str, raw: list[dict[str, Any]]) -> None:
        entries = list(self._read(place, raw))
        if len(entries) < len(raw):
            self._refuse_all(place, entries, ["Another entry of this transaction was refused."])
            return
        try:
            self._write(entries, {})
        except FhirError as error:
            self._refuse_all(place, entries, _reasons(error.issues))

    def _load_each(self, place: str, raw: list[dict[str, Any]]) -> None:
        entries = list(self._read(place, raw))
        known = {
            entry.full_url: f"{entry.type}/{entry.id}" for entry in entries if entry.full_url and entry.id
        }
        for chunk in _chunks(entries):
            try:
                self._write(chunk, known)
            except FhirError:
                self._load_singly(place, chunk, known)

    def _load_singly(self, place: str, chunk: list[Entry], known: dict[str, str]) -> None:
        """One of them stands in the way of the others: find out which."""
        for entry in chunk:
            try:
                self._write([entry], known)
            except FhirError as error:
                self._refuse(_at(place, entry), entry.type, _reasons(error.issues))

    def _read(self, place: str, raw: list[dict[str, Any]]) -> Iterator[Entry]:
        """The entries that are valid."""
        for position, each in enumerate(raw):
            kind = str((each.get("resource") or {}).get("resourceType", "entry"))
            try:
                entry = read_entry(position, each, self._tolerate if self._lenient else check)
            except FhirError as error:
                self._refuse(f"{place}: entry {position}", kind, _reasons(error.issues))
                continue
            self._warn(place, entry)
            doubts = _doubts(entry.resource) if self._strict and entry.resource else []
            if doubts:
                self._refuse(_at(place, entry), kind, _reasons(doubts))
            else:
                yield entry

    def _tolerate(self, resource: dict[str, Any], resource_type: str) -> None:
        """Raise Unprocessable for what cannot be stored, and for faults of which not all are told."""
        found = validate(resource, expected_type=resource_type)
        told = len(found) < MAX_ISSUES and all(map(_tolerable, found))
        if found and not (told and is_small(resource)):
            raise Unprocessable.because(found)

    def _warn(self, place: str, entry: Entry) -> None:
        if self._lenient and entry.resource and (faults := validate(entry.resource, remarks=True)):
            self.tally.warnings.append(Remark(_at(place, entry), tuple(_reasons(faults))))

    def _write(self, entries: list[Entry], known: dict[str, str]) -> None:
        plan, changes = store.in_transaction(writer(self._request, entries, known, lenient=self._lenient))
        for entry in plan.entries:
            change = changes.get(entry.position)
            outcome = "unchanged" if change is None or not change.changed else _outcome(change)
            self.tally.counts[entry.type, outcome] += 1
        self._progress()

    def _refuse_all(self, place: str, entries: list[Entry], reasons: Sequence[str]) -> None:
        self.tally.refusals.append(Remark(place, tuple(reasons)))
        self.tally.counts.update((entry.type, REFUSED) for entry in entries)
        self._progress()

    def _refuse(self, place: str, kind: str, reasons: Sequence[str]) -> None:
        self.tally.refusals.append(Remark(place, tuple(reasons)))
        self.tally.counts[kind, REFUSED] += 1
        self._progress()


def _outcome(change: store.Change) -> str:
    if change.resource is None:
        return "deleted"
    return "created" if change.current is None or change.current.deleted else "updated"


def _tolerable(issue: Issue) -> bool:
    return issue.code in TOLERABLE and not str(issue.expression).endswith("resourceType")


def _doubts(resource: dict[str, Any]) -> list[Issue]:
    return [issue for issue in second_opinion(resource) if issue.severity == "error"]


def _at(place: str, entry: Entry) -> str:
    return f"{place}: entry {entry.position} ({entry.type})"


def _reasons(issues: Sequence[Issue]) -> list[str]:
    return [
        f"{issue.expression}: {issue.diagnostics}" if issue.expression else issue.diagnostics
        for issue in issues
    ]


def _chunks(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Independent entries in groups. What ifNoneExist decides comes alone, since the entry before may decide
    it; and no resource comes twice in a group."""
    group: list[Entry] = []
    seen: set[tuple[str, ...]] = set()
    for entry in entries:
        alone = "ifNoneExist" in entry.conditions
        names: set[tuple[str, ...]] = {("id", entry.type, entry.id)} if entry.id else set()
        names |= {("url", entry.full_url)} if entry.full_url else set()
        if group and (alone or len(group) == CHUNK or not seen.isdisjoint(names)):
            yield group
            group, seen = [], set()
        group.append(entry)
        seen |= names
        if alone:
            yield group
            group, seen = [], set()
    if group:
        yield group
