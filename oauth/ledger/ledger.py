"""What was done with health records, as far as a person may know it: read from the audit trail.

Which events these are follows from who the person is at this moment and from nothing that a request says:
those about their own record, or about the records of the people for whom they act now. A clinician sees what
was done in their own name, without whose records it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Max, Q, QuerySet

from accounts.models import User
from audit import finding
from audit.finding import filled
from audit.models import Event
from fhir.registry import RESOURCE_TYPES
from launch.patients import patient_summary
from launch.rights import rights_of

CONSOLE = "console-read"
KINDS = frozenset(
    [
        "read",
        "vread",
        "search-type",
        "search-system",
        "history-instance",
        "history-type",
        "history-system",
        "create",
        "update",
        "patch",
        "delete",
        "batch",
        "transaction",
        "$everything",
        "$validate",
        "$export",
        "export-file",
    ]
) | {CONSOLE}
"""What the ledger is about: the interactions of FHIR, and what staff look at in the console.

https://hl7.org/fhir/R4/codesystem-restful-interaction.html
"""
OF_SEVERAL_TYPES = frozenset({"$everything", "$export", "export-file", "batch", "transaction"})
"""Interactions that are not about the one type that is in their address, if there is one."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The events of one record that `reader` (a subject identifier) may know of.

    `patient` is the id of the Patient, empty in the ledger of a clinician; `own` where it is the reader's own
    record; `name` is the patient's.
    """

    reader: str
    patient: str = ""
    name: str = ""
    own: bool = False

    @property
    def words(self) -> str:
        """Which record it is, as in "your record"."""
        if not self.patient:
            return "records in your name"
        return "your record" if self.own else f"the record of {self.name}"

    def events(self) -> QuerySet[Event]:
        """All of them, in no order."""
        if self.patient:
            return Event.objects.filter(filled("patient"), patient=self.patient, kind__in=KINDS)
        return Event.objects.filter(filled("person"), person=self.reader, kind__in=KINDS - {CONSOLE})


@dataclass(slots=True)
class Use:
    """How often one person with one app used a record, or staff in the console; `person` is empty where an
    app acted by itself. `types` counts by the resource type that was asked for, "" for none in particular.
    """

    client: str
    person: str
    by_console: bool
    last: datetime = _EPOCH
    times: int = 0
    refused: int = 0
    failed: int = 0
    types: Counter[str] = field(default_factory=Counter)


def ledgers_of(user: User) -> list[Ledger]:
    """The ledgers that this person may read at this moment, by name. People without a FHIR identity, and
    those who act for nobody at present, have none.
    """
    reader, own = str(user.uid), user.fhir_user_type == "Patient"
    if user.fhir_user_type == "Practitioner":
        return [Ledger(reader)] if user.is_active else []
    found = [
        Ledger(reader, patient, summary.name if (summary := patient_summary(user, patient)) else patient, own)
        for patient in rights_of(user).patients or ()
    ]
    return sorted(found, key=lambda each: (each.name.casefold(), each.patient))


def uses(ledger: Ledger, since: datetime | None = None) -> list[Use]:
    """Who used the record with what, the latest first, from `since` on (None: from the beginning)."""
    events = ledger.events()
    if since is not None:
        events = events.filter(finding.since(microseconds(since)))
    groups = events.values_list("client", "person", "kind", "type", "outcome").annotate(
        Count("id"), Max("time")
    )
    found: dict[tuple[str, str, bool], Use] = {}
    for client, person, kind, resource_type, outcome, times, last in groups.order_by():
        by_console = kind == CONSOLE
        key = (client, "" if by_console else person, by_console)
        use = found.setdefault(key, Use(*key))
        use.times += times
        use.refused += times if outcome == "refused" else 0
        use.failed += times if outcome == "failed" else 0
        use.last = max(use.last, moment(last))
        of_one_type = kind not in OF_SEVERAL_TYPES and resource_type in RESOURCE_TYPES
        use.types[resource_type if of_one_type else ""] += times
    return sorted(found.values(), key=lambda use: use.last, reverse=True)


def united(parts: Iterable[Use]) -> Use | None:
    """Several uses of one app as one; None of none."""
    whole: Use | None = None
    for part in parts:
        whole = whole or Use(part.client, part.person, part.by_console)
        whole.times += part.times
        whole.refused += part.refused
        whole.failed += part.failed
        whole.last = max(whole.last, part.last)
        whole.types += part.types
    return whole


@dataclass(frozen=True, slots=True)
class Wish:
    """Which events of a ledger are wanted. `who` is `me`, `others` or `staff`; empty members leave out
    nothing. `since` counts, `until` does not any more; both are in microseconds since 1970.
    """

    client: str = ""
    who: str = ""
    type: str = ""
    outcome: str = ""
    since: int | None = None
    until: int | None = None


AT_ONCE = 250
"""An event may name a thousand resources: so many events at once fit into memory."""
Place = tuple[int, int]
"""Time and id of the event that was shown last."""


def page(ledger: Ledger, wish: Wish, size: int, after: Place | None = None) -> tuple[list[Event], bool]:
    """Up to `size` events, the newest first, behind the place `after`; and whether more follow."""
    events = _wanted(ledger, wish)
    if after is not None:
        events = events.filter(finding.behind(*after))
    events = events.order_by(*finding.newest_first()).defer("hash", "address", "attempt")
    with finding.along_an_index():
        found = list(events[: size + 1])
    return found[:size], len(found) > size


def every(ledger: Ledger, wish: Wish) -> Iterator[list[Event]]:
    """All events that are wanted, the newest first, in parts that fit into memory."""
    after: Place | None = None
    more = True
    while more:
        part, more = page(ledger, wish, AT_ONCE, after)
        yield part
        after = (part[-1].time, part[-1].id) if part else None


def _wanted(ledger: Ledger, wish: Wish) -> QuerySet[Event]:
    events = ledger.events()
    if wish.client:
        events = events.filter(client=wish.client)
    if wish.who == "me":
        events = events.filter(person=ledger.reader).exclude(kind=CONSOLE)
    elif wish.who == "others":
        events = events.exclude(person=ledger.reader).exclude(kind=CONSOLE)
    elif wish.who == "staff":
        events = events.filter(kind=CONSOLE)
    if wish.type:
        given = Q(what__startswith=f"{wish.type}/") | Q(what__contains=f" {wish.type}/")
        events = events.filter(Q(type=wish.type) | given)
    if wish.outcome:
        events = events.filter(outcome=wish.outcome)
    if wish.since is not None:
        events = events.filter(finding.since(wish.since))
    if wish.until is not None:
        events = events.filter(finding.until(wish.until - 1))
    return events


def moment(time: int) -> datetime:
    """An event's time."""
    return _EPOCH + timedelta(microseconds=time)


def microseconds(moment: datetime) -> int:
    """A moment as events keep it: microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
