"""Which events are wanted: the form of the list and of the export, and the query that it makes.

Without a time it is the last days: a table of years is never read as a whole by mistake. Person, patient and
reference code have indexes of their own, everything else is sought along the index of times.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.core.validators import MinValueValidator
from django.db.models import F, Q, QuerySet, TextField, Value
from django.db.models.functions import Concat
from django.utils import timezone

from audit import finding
from audit.console.names import clients_meant, is_uuid, people_meant
from audit.console.words import KINDS, OUTCOMES
from audit.finding import filled
from audit.models import Event

DAYS = 7
_LONGEST = 200
_EARLIEST = MinValueValidator(datetime(1971, 1, 1, tzinfo=UTC), "Write a later time.")
_MOMENT = "%Y-%m-%dT%H:%M"
_INPUTS = (_MOMENT, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")


def _choices(first: str) -> list[Any]:
    return [("", first), *((group, list(kinds.items())) for group, kinds in KINDS.items())]


class FilterForm(forms.Form):
    """What to leave out. Empty fields leave out nothing, except the times."""

    q = forms.CharField(required=False, max_length=_LONGEST, label="Search")
    since = forms.DateTimeField(
        required=False,
        label="From (UTC)",
        input_formats=_INPUTS,
        validators=[_EARLIEST],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_MOMENT),
    )
    until = forms.DateTimeField(
        required=False,
        label="To (UTC)",
        input_formats=_INPUTS,
        validators=[_EARLIEST],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_MOMENT),
    )
    outcome = forms.ChoiceField(
        required=False, choices=[("", "any"), *((each, each) for each in OUTCOMES)], label="Outcome"
    )
    kind = forms.ChoiceField(required=False, choices=_choices("any"), label="Kind")
    person = forms.CharField(required=False, max_length=_LONGEST, label="Person")
    client = forms.CharField(required=False, max_length=_LONGEST, label="App")
    patient = forms.CharField(required=False, max_length=_LONGEST, label="Patient id")
    resource = forms.CharField(required=False, max_length=_LONGEST, label="Resource")
    address = forms.CharField(required=False, max_length=_LONGEST, label="Address")

    def clean_patient(self) -> str:
        """The id alone, also if it came as a reference."""
        return str(self.cleaned_data["patient"]).removeprefix("Patient/")

    def clean(self) -> dict[str, Any]:
        """The times, which are always there: the last days where none is said."""
        found: dict[str, Any] = super().clean() or {}
        until: datetime | None = found.get("until")
        if found.get("since") is None and "since" not in self.errors:
            found["since"] = (until or timezone.now()) - timedelta(days=DAYS)
        if until is not None and not self.errors and until < found["since"]:
            self.add_error("until", "This is before the time from which you search.")
        return found

    @property
    def told(self) -> dict[str, str]:
        """The filter as the audit trail is told of it: what was chosen, times as RFC 3339 writes them."""
        chosen = {name: value for name, value in self.cleaned_data.items() if value}
        return {
            name: value.isoformat() if isinstance(value, datetime) else str(value)
            for name, value in chosen.items()
        }


def wanted(chosen: dict[str, Any]) -> QuerySet[Event]:
    """The events that a valid form's `cleaned_data` choose, the newest first."""
    events = Event.objects.filter(finding.since(_microseconds(chosen["since"])))
    if chosen["until"]:
        events = events.filter(finding.until(_microseconds(chosen["until"])))
    same = {name: chosen[name] for name in ("kind", "outcome", "address") if chosen[name]}
    events = events.filter(**same)
    if chosen["patient"]:
        events = events.filter(filled("patient"), patient=chosen["patient"])
    if chosen["person"]:
        events = events.filter(_of(people_meant(chosen["person"])), filled("person"))
    if chosen["client"]:
        events = events.filter(client__in=clients_meant(chosen["client"]))
    if chosen["resource"]:
        events = _about(events, chosen["resource"])
    if chosen["q"]:
        events = _sought(events, chosen["q"])
    return events.order_by(*finding.newest_first() if _has_index(chosen) else ("-time", "-id"))


def _has_index(chosen: dict[str, Any]) -> bool:
    return bool(chosen["patient"] or chosen["person"])


def edge(chosen: dict[str, Any], after: tuple[int, int] | None, most: int) -> int:
    """Down to which time to look for one page, so that no page takes long however rare is what it is about:
    the time of the event that stands `most` behind the place `after`, or behind the latest. 0 where all may
    be looked at, by an index or because there are no more.
    """
    if _has_index(chosen) or not any(
        chosen[name] for name in FilterForm.base_fields if name not in ("since", "until")
    ):
        return 0
    times = Event.objects.filter(time__gte=_microseconds(chosen["since"]))
    if after is not None:
        times = times.filter(time__lte=after[0])
    elif chosen["until"]:
        times = times.filter(time__lte=_microseconds(chosen["until"]))
    found = times.order_by("-time").values_list("time", flat=True)[most : most + 1]
    return next(iter(found), 0)


def code_in(text: str) -> str:
    """A reference code as it is kept, however it was read out: without spaces and dashes, in capitals."""
    return "".join(letter for letter in text.upper() if letter.isalnum())


def _of(people: list[str]) -> Q:
    return Q(person=people[0]) if len(people) == 1 else Q(person__in=people)


def _about(events: QuerySet[Event], resource: str) -> QuerySet[Event]:
    """Events of a type, or about one resource, or about one version of it."""
    whole = Concat(Value(" "), F("what"), Value(" "), output_field=TextField())
    padded = events.annotate(padded=whole)
    if "/" not in resource:
        return padded.filter(Q(type=resource) | Q(padded__contains=f" {resource}/"))
    return padded.filter(Q(padded__contains=f" {resource} ") | Q(padded__contains=f" {resource}/"))


def _sought(events: QuerySet[Event], text: str) -> QuerySet[Event]:
    """Whatever the text may be: a reference code, a person, an app, a patient, an address, a resource."""
    text = text.strip()
    if "/" in text:
        return _about(events, text)
    any_of = Q(patient=text) | Q(address=text) | Q(type=text)
    if code := code_in(text):
        any_of |= Q(attempt=code)
    any_of |= Q(person__in=people_meant(text)) | Q(client__in=clients_meant(text)) | Q(kind=text)
    if is_uuid(text):
        any_of |= Q(person=text)
    return events.filter(any_of)


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
