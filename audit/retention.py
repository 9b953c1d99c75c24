"""The end of what must not be kept for ever: old events go from the beginning of each chain.

A chain stays verifiable: it keeps the hash of the last event that went. Without the record of a removal
triggers let no event go (audit.append_only).
"""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models import Min

from audit.chain import NUMBERS
from audit.events import Event as Told
from audit.events import now
from audit.models import Chain, Event, Removal
from audit.recording import record


@transaction.atomic
def remove_before(moment: int, operator: str) -> int:
    """Remove the events before this moment (microseconds since 1970); return how many there were.

    Of each chain all go that stand before the first one of that moment or later. What is done is recorded
    twice: as a removal, and as an event.
    """
    removal = Removal.objects.create(time=now(), before=moment, operator=operator)
    removed = sum(_remove(chain, moment) for chain in Chain.objects.select_for_update().order_by("id"))
    removal.removed, removal.done = removed, True
    removal.save(update_fields=["removed", "done"])
    record(Told("retention", "allowed", detail={"operator": operator, "before": moment, "removed": removed}))
    return removed


def _remove(chain: Chain, moment: int) -> int:
    base = chain.pk * NUMBERS
    events = Event.objects.filter(id__gt=base, id__lt=base + NUMBERS)
    stays = events.filter(time__gte=moment).aggregate(first=Min("id"))["first"] or base + chain.number + 1
    last = events.filter(id__lt=stays).order_by("-id").values_list("id", "hash").first()
    if last is None:
        return 0
    chain.first_kept, chain.hash_before = last[0] - base + 1, last[1]
    chain.save(update_fields=["first_kept", "hash_before"])
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE id > %s AND id < %s", (base, stays))
        return int(cursor.rowcount)
