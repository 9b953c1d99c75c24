"""Every single use of a record, for the person whose record it is: a page with filters, and a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audit import spreadsheet
from audit.models import Event
from fhir.registry import RESOURCE_TYPES, compartment_class
from launch.views.person import person
from oauth.ledger import words
from oauth.ledger.ledger import Ledger, Place, Wish, every, ledgers_of, microseconds, moment, page
from oauth.ledger.names import Names, names, titles

SIZE = 25
"""Events on a page."""
NAMED = 3
"""So many resources of an event are named one by one."""
_PLACE = re.compile(r"(\d{1,18})-(\d{1,18})", re.ASCII)
HEADINGS = ("Time (UTC)", "Record", "App", "By", "What", "Given", "Outcome")

_KINDS = sorted(
    (words.kind_of_record(name), name) for name in RESOURCE_TYPES if compartment_class(name) == "compartment"
)
_DAYS = [MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(2999, 12, 31))]


class WishForm(forms.Form):
    """Which events to show; empty fields leave out nothing."""

    app = forms.CharField(required=False, max_length=255, widget=forms.HiddenInput)
    who = forms.ChoiceField(
        required=False,
        label="By",
        choices=[("", "Everybody"), ("me", "Me"), ("others", "Others"), ("staff", words.ADMINISTRATION)],
    )
    type = forms.ChoiceField(
        required=False,
        label="Kind of record",
        choices=[("", "All kinds"), *((name, noun[0].upper() + noun[1:]) for noun, name in _KINDS)],
    )
    outcome = forms.ChoiceField(
        required=False, label="Outcome", choices=[("", "All"), *words.OUTCOMES.items()]
    )
    since = forms.DateField(
        required=False, label="From", validators=_DAYS, widget=forms.DateInput({"type": "date"})
    )
    until = forms.DateField(
        required=False, label="To", validators=_DAYS, widget=forms.DateInput({"type": "date"})
    )

    def wish(self) -> Wish:
        """What a form without faults asks for. Days are those of UTC, and the last one counts."""
        asked: dict[str, Any] = self.cleaned_data
        until = asked["until"]
        return Wish(
            asked["app"],
            asked["who"],
            asked["type"],
            asked["outcome"],
            _beginning(asked["since"]) if asked["since"] else None,
            _beginning(until + timedelta(days=1)) if until else None,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One event in words. `named` are some of the resources; `unnamed` says how many more there are."""

    time: datetime
    outcome: str
    done: str
    given: str
    named: list[str]
    unnamed: int
    app: str
    by: str


@never_cache
@login_required
@require_safe
def activity(request: HttpRequest) -> HttpResponse:
    """The events of one record, the newest first, a page at a time."""
    found = _ledgers(request)
    if not found:
        return redirect("oauth:manage")
    ledger, form = _chosen(request, found), WishForm(request.GET)
    events, more = page(ledger, form.wish(), SIZE, _place(request)) if form.is_valid() else ([], False)
    query = request.GET.copy()
    query.pop("after", None)
    context = {
        "form": form,
        "ledger": ledger,
        "ledgers": found,
        "lines": _lines(ledger, events),
        "app": names(ledger, events[:1]).app(events[0]) if form["app"].value() and events else "",
        "query": query.urlencode(),
        "after": f"{events[-1].time}-{events[-1].pk}" if more else "",
        "is_later": "after" in request.GET,
    }
    return render(request, "oauth/activity.html", context)


@never_cache
@login_required
@require_safe
def activity_file(request: HttpRequest) -> HttpResponseBase:
    """All events that the page would show, as comma-separated values."""
    found, form = _ledgers(request), WishForm(request.GET)
    if not found or not form.is_valid():
        raise Http404
    rows = spreadsheet.lines(HEADINGS, _parts(_chosen(request, found), form.wish()))
    return StreamingHttpResponse(
        rows,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="activity.csv"'},
    )


def _ledgers(request: HttpRequest) -> list[Ledger]:
    return ledgers_of(person(request))


def _chosen(request: HttpRequest, found: list[Ledger]) -> Ledger:
    """The ledger that the request names, or the first. What a person may not read is not there for them."""
    named = request.GET.get("record")
    chosen = next((each for each in found if named is None or each.patient == named), None)
    if chosen is None:
        raise Http404
    return chosen


def _place(request: HttpRequest) -> Place | None:
    told = request.GET.get("after")
    if told is None:
        return None
    match = _PLACE.fullmatch(told)
    if match is None:
        raise Http404
    return int(match[1]), int(match[2])


def _beginning(day: date) -> int:
    return microseconds(datetime.combine(day, time(), UTC))


def _lines(ledger: Ledger, events: list[Event]) -> list[Line]:
    given = {event.pk: words.addresses(event.what) for event in events}
    told = titles(ledger, (each for found in given.values() for each in found[:NAMED]))
    named = names(ledger, events)
    lines = []
    for event in events:
        found = given[event.pk]
        shown = [told[each] for each in found[:NAMED] if each in told]
        lines.append(
            Line(
                moment(event.time),
                event.outcome,
                words.done(event.kind, event.type, event.outcome),
                _given(event, found),
                shown,
                len(found) - len(shown) if shown else 0,
                named.app(event),
                named.person(event),
            )
        )
    return lines


def _given(event: Event, found: list[str]) -> str:
    return words.given(event.kind, event.type, found, event.detail) if event.outcome == "allowed" else ""


def _parts(ledger: Ledger, wish: Wish) -> Iterator[list[tuple[str, ...]]]:
    for part in every(ledger, wish):
        named = names(ledger, part)
        yield [_row(ledger, event, named) for event in part]


def _row(ledger: Ledger, event: Event, named: Names) -> tuple[str, ...]:
    return (
        moment(event.time).isoformat(timespec="seconds").removesuffix("+00:00"),
        ledger.words,
        named.app(event),
        named.person(event),
        words.done(event.kind, event.type, event.outcome),
        _given(event, words.addresses(event.what)),
        words.OUTCOMES.get(event.outcome, ""),
    )
