"""An authorization attempt as a story: its steps in order, how it ended, the first calls that came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models import QuerySet

from audit.console.words import CALLS, after, kind_in_words
from audit.finding import filled
from audit.models import Event

MOST = 500
"""So many events of one attempt are shown: a family of tokens may be refreshed for years."""
_PLACES = {
    "launch": "the launch",
    "request": "the authorization request",
    "sign-in": "the sign-in",
    "context": "the choice of the context",
    "consent": "the consent",
    "code": "the issue of the code",
    "token": "the token request",
    "refresh": "the refresh of its tokens",
    "service-token": "the token request",
}
_TOKENS = frozenset({"token", "refresh", "service-token"})
_NO_NAMES = frozenset({"A", "An", "The", "There", "It", "This", "No", "Nobody", "Somebody", "Too"})
"""First words that are written small within a sentence; others may be names of parameters."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an event says of the rule that it is about."""

    rule: str = ""
    expected: str = ""
    received: str = ""
    cause: str = ""


def told(event: Event) -> Told:
    """The rule, what was expected, what came, and the exact cause, as far as they are said."""
    try:
        detail: dict[str, Any] = orjson.loads(event.detail) if event.detail else {}
    except orjson.JSONDecodeError:
        # So long that it was cut.
        return Told(cause=event.detail)
    return Told(*(str(detail.get(name, "")) for name in ("rule", "expected", "received", "cause")))


@dataclass(frozen=True, slots=True)
class Story:
    """The events under one reference code, in order. `steps` and `calls` are both possibly empty, not both at
    once; `is_cut` where there are more than are told.
    """

    code: str
    steps: Sequence[Event]
    calls: Sequence[Event]
    is_cut: bool = False

    @property
    def first(self) -> Event:
        """What it began with."""
        return (self.steps or self.calls)[0]

    @property
    def last(self) -> Event:
        """The last step; of a story that has none, the last call."""
        return (self.steps or self.calls)[-1]

    @property
    def client(self) -> str:
        """The app's client_id, as the last event says that names one: sign-ins do not."""
        events = [*self.steps, *self.calls]
        return next((each.client for each in reversed(events) if each.client), "")

    @property
    def person(self) -> str:
        """The subject identifier of the person, likewise."""
        return next((each.person for each in reversed(self.steps) if each.person), "")

    @property
    def was_refused(self) -> bool:
        """Whether it ended with a refusal, or with a failure of ours."""
        return self.last.outcome != "allowed"

    @property
    def headline(self) -> str:
        """How it ended, in one sentence or two."""
        if not self.steps:
            return "Only calls of the FHIR API are known of this attempt."
        place = _PLACES.get(self.last.kind, f"the {kind_in_words(self.last.kind)}")
        if self.was_refused:
            return f"Ended at {place}: {_reason(self.last)}"
        if self.last.kind == "revocation":
            return "The app had its tokens, and they were revoked."
        if self.last.kind not in _TOKENS:
            return f"Not finished: nothing came after {place}."
        return f"The app got its tokens. {self._first_call()}"

    def _first_call(self) -> str:
        if not self.calls:
            return "It has not called the FHIR API with them yet."
        call = self.calls[0]
        since = after(max(0, call.time - self.last.time))
        if call.outcome == "allowed":
            return f"Its first call of the FHIR API was allowed, {since} later."
        # The cause may name resources and patients, which not all may see who see attempts.
        rule = told(call).rule
        because = f": {rule}" if rule else ""
        return f"Its first call of the FHIR API was {call.outcome} ({call.status}){because}."


def _reason(event: Event) -> str:
    said = told(event)
    reason = said.cause or said.rule or "the reason was not told"
    first, _, rest = reason.partition(" ")
    reason = f"{first.lower()} {rest}" if first in _NO_NAMES and rest else reason
    return reason if reason.endswith((".", "…")) else f"{reason}."


def story(code: str) -> Story | None:
    """The attempt with this reference code; None if nothing is known of it."""
    found = list(under([code])[: MOST + 1])
    return as_story(code, found[:MOST], is_cut=len(found) > MOST) if found else None


def under(codes: Sequence[str]) -> QuerySet[Event]:
    """All events under these reference codes, the oldest first."""
    events = Event.objects.filter(filled("attempt"), attempt__in=codes)
    return events.defer("hash").order_by("time", "id")


def as_story(code: str, events: Iterable[Event], *, is_cut: bool = False) -> Story:
    """The story of these events, of which there is at least one."""
    ordered = list(events)
    steps = [each for each in ordered if each.kind not in CALLS]
    return Story(code, steps, [each for each in ordered if each.kind in CALLS], is_cut)
