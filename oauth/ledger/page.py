"""What "What you allowed" says of the use of records: by each app, and by others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from accounts.models import User
from oauth.ledger import words
from oauth.ledger.ledger import Ledger, Use, ledgers_of, united, uses
from oauth.ledger.names import Names, is_console, names

MOST = 30
"""So many uses by others are listed; the page that lists every single one has the rest."""


@dataclass(frozen=True, slots=True)
class Told:
    """One use of one record in words. `query` asks for its single events."""

    record: str
    app: str
    by: str
    times: str
    troubles: str
    last: datetime
    kinds: Sequence[tuple[str, str]]
    query: str


@dataclass(frozen=True, slots=True)
class Others:
    """What others did with a record: the uses, and whether there are more than are listed."""

    record: str
    uses: list[Told]
    more: bool
    query: str


@dataclass(frozen=True, slots=True)
class Activity:
    """The uses of the records that a person may know of. `mine` has their own by the app's client_id."""

    mine: dict[str, list[Told]]
    others: list[Others]


def activity(user: User, since: datetime | None) -> Activity:
    """Everything since then (None: from the beginning) that this person may know of."""
    mine: dict[str, list[Told]] = {}
    others = []
    for ledger in ledgers_of(user):
        found = uses(ledger, since)
        named = names(ledger, found)
        for use in found:
            if _is_readers(ledger, use):
                mine.setdefault(use.client, []).append(_told(ledger, use, named, "me"))
        if ledger.patient:
            others.append(_others(ledger, [use for use in found if not _is_readers(ledger, use)], named))
    return Activity(mine, others)


def _is_readers(ledger: Ledger, use: Use) -> bool:
    return use.person == ledger.reader and not is_console(use)


def _others(ledger: Ledger, found: list[Use], named: Names) -> Others:
    """The uses by others; nameless people with the same words are one."""
    alike: dict[tuple[str, str, bool], list[Use]] = {}
    for use in found:
        alike.setdefault((use.client, named.person(use), is_console(use)), []).append(use)
    wholes = [whole for group in alike.values() if (whole := united(group))]
    told = [
        _told(ledger, whole, named, "staff" if is_console(whole) else "others") for whole in wholes[:MOST]
    ]
    return Others(ledger.words, told, len(wholes) > MOST, _query(ledger, who="others"))


def _told(ledger: Ledger, use: Use, named: Names, who: str) -> Told:
    return Told(
        ledger.words,
        named.app(use),
        named.person(use),
        words.times(use.times),
        words.troubles(use),
        use.last,
        words.by_kind(use),
        _query(ledger, app=use.client, who=who),
    )


def _query(ledger: Ledger, **wish: str) -> str:
    return urlencode({name: value for name, value in (("record", ledger.patient), *wish.items()) if value})


def forgotten(mine: dict[str, list[Told]], allowed: Iterable[str]) -> list[list[Told]]:
    """What apps did that are not among those `allowed` (client_ids) any more, by the app's name."""
    known = set(allowed)
    return sorted(
        (told for client, told in mine.items() if client not in known),
        key=lambda told: told[0].app.casefold(),
    )
