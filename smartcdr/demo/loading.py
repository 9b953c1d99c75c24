"""Puts the demonstration's data into the repository, the way an update by PUT would."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fhir import store
from fhir.access import LETTERS, Access, Rule
from fhir.incoming import check
from smartcdr.demo.bundles import bundles
from smartcdr.demo.elements import Json

# The command line acts for the operator: it may do everything, and no token limits it.
_OPERATOR = Access(rules=(Rule(None, frozenset(LETTERS), None),))


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
    """Write Bundles of PUT entries (the demonstration's, if none are given), in one transaction each.

    What is there already with the same content stays as it is, version included. Raises
    fhir.outcome.Unprocessable for a resource that breaks R4's rules; its Bundle is then left out as a whole.
    """
    done = Loaded()
    for bundle in bundles() if made is None else made:
        resources = [entry["resource"] for entry in bundle["entry"]]
        for resource in resources:
            check(resource, resource["resourceType"])
        for change in store.in_transaction(lambda given=resources: _put(given)):  # type: ignore[misc]
            if not change.changed:
                done.unchanged += 1
            elif change.current is None or change.current.deleted:
                done.created += 1
            else:
                done.updated += 1
    return done


def _put(resources: list[Json]) -> list[store.Change]:
    addresses = [(one["resourceType"], one["id"]) for one in resources]
    current = store.lock(_OPERATOR, addresses)
    changes = [
        store.draft(kind, identity, "PUT", resource, current.get((kind, identity)))
        for (kind, identity), resource in zip(addresses, resources, strict=True)
    ]
    store.apply(_OPERATOR, changes)
    return changes
