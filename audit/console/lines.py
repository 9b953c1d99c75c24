"""Events as the list and the page of one show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from audit.chain import NUMBERS
from audit.console.names import Named, Names
from audit.console.words import Mark, exact, kind_in_words, mark, shown
from audit.models import Event

_FIRST = 3
"""So many resources of an event are named in a list."""


class Line(NamedTuple):
    """An event and what it says in words. `more` resources are not in `what`."""

    event: Event
    when: str
    exact: str
    kind: str
    outcome: Mark
    person: Named | None
    client: Named | None
    what: list[str]
    more: int


def lines(request: HttpRequest, events: Sequence[Event], first: int = _FIRST) -> list[Line]:
    """The events in words, with the names of people and apps as they are now."""
    names = Names(request, [each.person for each in events], [each.client for each in events])
    return [_line(each, names, first) for each in events]


def _line(event: Event, names: Names, first: int) -> Line:
    what = event.what.split(" ") if event.what else []
    return Line(
        event,
        shown(event.time),
        exact(event.time),
        kind_in_words(event.kind),
        mark(event.outcome),
        names.person(event.person),
        names.client(event.client),
        what[:first],
        max(0, len(what) - first),
    )


def details(event: Event) -> list[tuple[str, str]]:
    """The event's further details, name and value; what is no text stands as JSON."""
    if not event.detail:
        return []
    try:
        told = orjson.loads(event.detail)
    except orjson.JSONDecodeError:
        # So long that it was cut.
        return [("detail", event.detail)]
    return [(str(name).replace("_", " "), _text(value)) for name, value in told.items()]


def _text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def sentence(line: Line) -> str:
    """The event in one sentence."""
    event = line.event
    who = line.person.name if line.person else ""
    app = line.client.name if line.client else ""
    what = line.what[0] if len(line.what) == 1 else event.type
    about = f" of {what}" if what else ""
    actor = f"{who} with {app}" if who and app else who or app or "Somebody"
    whose = f", in the record of Patient/{event.patient}" if event.patient else ""
    status = f" ({event.status})" if event.status else ""
    return f"{actor}: {line.kind}{about}{whose}, {line.outcome.word}{status}."


def place(event: Event) -> tuple[int, int]:
    """The number of the event's chain, and its own in that chain."""
    chain, number = divmod(event.pk, NUMBERS)
    return chain, number


def resource_page(event: Event) -> str:
    """Where the console shows what was changed there (`app.model/key`); empty for anything else, or if there
    is no such page.
    """
    model, _, key = event.what.partition("/")
    app, _, name = model.partition(".")
    if not (event.kind.startswith("console-change") or app == "accounts") or not (name and key):
        return ""
    try:
        return reverse(f"admin:{app}_{name}_change", args=[key])
    except NoReverseMatch:
        return ""
