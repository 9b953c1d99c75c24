"""The pages about authorization attempts: those under way last, and one as a timeline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.admin import ModelAdmin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from audit.attempts import LENGTH
from audit.console.filters import code_in
from audit.console.lines import Line, details, lines
from audit.console.names import Named, Names, clients_meant
from audit.console.pages import page
from audit.console.recent import Wish, recent
from audit.console.story import Story, Told, story, told, under
from audit.console.words import Mark, after, exact, kind_in_words, mark, shown
from audit.events import now

LIST = "admin:audit_attempt_changelist"
TIMELINE = "admin:audit_attempt_timeline"
MOST_CALLS = 20
_OWN = ("rule", "expected", "received", "cause")


class Period(models.TextChoices):
    """How far back one looks."""

    DAY = "1", "the last day"
    WEEK = "7", "the last 7 days"
    QUARTER = "90", "the last 90 days"


class AttemptsForm(forms.Form):
    """Which attempts to list."""

    client = forms.CharField(required=False, max_length=200, label="App")
    period = forms.ChoiceField(required=False, choices=Period.choices, label="Time")
    refused = forms.BooleanField(required=False, label="Only those that were refused")

    def clean_period(self) -> int:
        """Days."""
        return int(self.cleaned_data["period"] or Period.WEEK)


@dataclass(frozen=True, slots=True)
class Row:
    """An attempt in the list."""

    story: Story
    url: str
    began: str
    exact: str
    client: Named | None
    person: Named | None
    last: str
    outcome: Mark
    reason: Told


@dataclass(frozen=True, slots=True)
class Step:
    """An event in the timeline. `since`: how long after the first one; `more`: details beside the four."""

    line: Line
    since: str
    told: Told
    more: list[tuple[str, str]]


def listed(room: ModelAdmin[Any], request: HttpRequest) -> HttpResponse:
    """The attempts that were under way last; or the one whose code was asked for."""
    if code := code_in(request.GET.get("code", "")):
        return _asked_for(room, request, code)
    form = AttemptsForm({"period": Period.WEEK, **request.GET.dict()})
    context: dict[str, Any] = {"title": "Authorization attempts", "form": form}
    if not form.is_valid():
        return page(room, request, "attempts.html", context, 400)
    chosen = form.cleaned_data
    before = request.GET.get("before", "")
    begins = int(before) if before.isascii() and before.isdigit() and len(before) <= 18 else now() + 1
    days = timedelta(days=chosen["period"])
    wish = Wish(
        now() - int(days.total_seconds() * 1_000_000),
        begins,
        clients_meant(chosen["client"]) if chosen["client"] else None,
        chosen["refused"],
    )
    stories, older = recent(wish)
    asked = {name: value for name in form.fields if (value := request.GET.get(name, ""))}
    context |= {
        "rows": _rows(request, stories),
        "older": f"?{urlencode({**asked, 'before': str(older)})}" if older else "",
        "newest": f"?{urlencode(asked)}" if before else "",
    }
    return page(room, request, "attempts.html", context)


def _asked_for(room: ModelAdmin[Any], request: HttpRequest, code: str) -> HttpResponse:
    if len(code) == LENGTH and under([code]).exists():
        return redirect(reverse(TIMELINE, args=[code]))
    return _unknown(room, request, code)


def _unknown(room: ModelAdmin[Any], request: HttpRequest, code: str) -> HttpResponse:
    context = {
        "title": "Authorization attempts",
        "form": AttemptsForm({"period": Period.WEEK}),
        "unknown": code[:40],
        "length": LENGTH,
        "rows": [],
    }
    return page(room, request, "attempts.html", context, 404)


def _rows(request: HttpRequest, stories: list[Story]) -> list[Row]:
    names = Names(request, [each.person for each in stories], [each.client for each in stories])
    return [
        Row(
            each,
            reverse(TIMELINE, args=[each.code]),
            shown(each.first.time),
            exact(each.first.time),
            names.client(each.client),
            names.person(each.person),
            kind_in_words(each.last.kind),
            mark(each.last.outcome),
            told(each.last),
        )
        for each in stories
    ]


def timeline(room: ModelAdmin[Any], request: HttpRequest, code: str) -> HttpResponse:
    """One attempt: how it ended, each step, and the first calls that came of it.

    Who may not look at all events sees of the calls what was called and how it ended, and neither whose
    record it was nor which resources.
    """
    wished = code_in(code)
    found = story(wished) if len(wished) == LENGTH else None
    if found is None:
        return _unknown(room, request, wished)
    if wished != code:
        return redirect(reverse(TIMELINE, args=[wished]))
    names = Names(request, [found.person], [found.client])
    context = {
        "title": f"Authorization attempt {found.code}",
        "story": found,
        "outcome": mark(found.last.outcome),
        "began": shown(found.first.time),
        "began_exact": exact(found.first.time),
        "client": names.client(found.client),
        "person": names.person(found.person),
        "steps": _steps(request, found, found.steps),
        "calls": _steps(request, found, found.calls[:MOST_CALLS]),
        "more_calls": len(found.calls) > MOST_CALLS or found.is_cut,
        "sees_events": request.user.has_perm("audit.view_event"),
    }
    return page(room, request, "timeline.html", context)


def _steps(request: HttpRequest, found: Story, events: Any) -> list[Step]:
    return [
        Step(
            line,
            after(max(0, line.event.time - found.first.time)),
            told(line.event),
            [(name, value) for name, value in details(line.event) if name not in _OWN],
        )
        for line in lines(request, list(events))
    ]
