"""The authorization attempts that were under way last, found along the index of times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from audit.console.story import MOST, Story, as_story, under
from audit.console.words import CALLS
from audit.finding import filled
from audit.models import Event

AT_ONCE = 50
_LOOKED_AT = 400
"""So many steps are looked at for one page."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which attempts are wanted: with a step between `since` and `before`, in microseconds since 1970, of
    these clients, unless None; with `refused`, those that ended with a refusal or a failure.
    """

    since: int
    before: int
    clients: Sequence[str] | None = None
    refused: bool = False

    def is_met_by(self, step: Event) -> bool:
        """Whether an attempt is found by this step, whenever it was."""
        is_theirs = self.clients is None or step.client in self.clients
        return is_theirs and (step.outcome != "allowed" or not self.refused)


def recent(wish: Wish) -> tuple[list[Story], int]:
    """A page of attempts without their calls, the latest first, and before which time the next page begins
    (microseconds since 1970; 0 where there is no more).
    """
    steps = Event.objects.filter(filled("attempt"), time__gte=wish.since, time__lt=wish.before)
    steps = steps.exclude(kind__in=CALLS)
    if wish.clients is not None:
        steps = steps.filter(client__in=wish.clients)
    if wish.refused:
        steps = steps.exclude(outcome="allowed")
    looked_at = list(steps.order_by("-time", "-id").values_list("attempt", "time")[:_LOOKED_AT])
    codes, older = _first(looked_at)
    stories = [each for each in _told(codes) if not _was_shown(each, wish)]
    return [each for each in stories if each.was_refused or not wish.refused], older


def _first(looked_at: list[tuple[str, int]]) -> tuple[list[str], int]:
    """The codes for one page, and where the next begins: at the first step that belongs to none of them, or
    behind all that was looked at.
    """
    codes: dict[str, None] = {}
    for code, time in looked_at:
        if code not in codes and len(codes) == AT_ONCE:
            return list(codes), time + 1
        codes[code] = None
    return list(codes), looked_at[-1][1] + 1 if len(looked_at) == _LOOKED_AT else 0


def _told(codes: list[str]) -> list[Story]:
    """The attempts with these codes, in that order."""
    found = under(codes).exclude(kind__in=CALLS)[: AT_ONCE * MOST]
    events = sorted(found, key=lambda each: (each.attempt, each.time, each.pk))
    stories = {code: as_story(code, part) for code, part in groupby(events, key=lambda each: each.attempt)}
    return [stories[code] for code in codes if code in stories]


def _was_shown(story: Story, wish: Wish) -> bool:
    """Whether a page before has it: by a later step."""
    return any(each.time >= wish.before and wish.is_met_by(each) for each in story.steps)
