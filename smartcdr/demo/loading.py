"""Puts the demonstration's data into the repository, by the very transactions that an app could send."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fhir import store
from fhir.access import EVERYTHING
from fhir.exchange import Request
from fhir.interactions.bundle_entries import read_entry
from fhir.interactions.transaction import writer
from smartcdr.demo.bundles import bundles
from smartcdr.demo.elements import Json


@dataclass
class Loaded:
    """How many resources were new, had other content than before, or were already there as they should be."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0

    def __str__(self) -> str:
        if not self.created and not self.updated:
            return f"all {self.unchanged} resources are there already"
        return f"{self.created} resources created, {self.updated} updated, {self.unchanged} unchanged"


def load(made: Iterable[Json] | None = None) -> Loaded:
    """Carry out transaction Bundles of PUT entries (the demonstration's, if none are given).

    What is there already with the same content stays as it is, version included. Raises
    fhir.outcome.Unprocessable for a resource that breaks R4's rules; its Bundle is then left out as a whole.
    """
    done = Loaded()
    request = Request(EVERYTHING)
    for bundle in bundles() if made is None else made:
        entries = [read_entry(position, entry) for position, entry in enumerate(bundle["entry"])]
        _, changes = store.in_transaction(writer(request, entries, {}))
        for change in changes.values():
            _count(done, change)
    return done


def _count(done: Loaded, change: store.Change) -> None:
    if not change.changed:
        done.unchanged += 1
    elif change.current is None or change.current.deleted:
        done.created += 1
    else:
        done.updated += 1
