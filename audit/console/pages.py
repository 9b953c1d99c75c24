"""The pages about events: the list, one event, and the export."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers

from audit.console.export import FORMATS
from audit.console.filters import FilterForm, edge, wanted
from audit.console.lines import details, lines, place, resource_page, sentence
from audit.console.words import shown
from audit.events import Event as Told
from audit.events import now
from audit.finding import along_an_index, behind
from audit.models import Event
from audit.origin import client_address
from audit.recording import record

AT_ONCE = 50
LOOKED_AT = 300_000
"""So many events are looked at for one page."""
LIST = "admin:audit_event_changelist"
_BEHIND = "behind"


def page(
    room: ModelAdmin[Any], request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """A page of the console that nobody keeps: it names people."""
    whole = {**room.admin_site.each_context(request), "opts": room.opts, **context}
    answer = TemplateResponse(request, f"admin/audit/{template}", whole, status=status)
    add_never_cache_headers(answer)
    return answer


def listed(room: ModelAdmin[Any], request: HttpRequest) -> HttpResponse:
    """Up to 50 events that the form chooses, the newest first, and the way to those behind them. Nothing is
    counted: that would take longer with each year.
    """
    form = FilterForm(request.GET)
    context: dict[str, Any] = {"title": "Audit events", "form": form, "chosen": _chosen(request)}
    if not form.is_valid():
        return page(room, request, "events.html", context, 400)
    events = wanted(form.cleaned_data)
    after = _place(request.GET.get(_BEHIND, ""))
    if after is not None:
        events = events.filter(behind(*after))
    if down_to := edge(form.cleaned_data, after, LOOKED_AT):
        events = events.filter(time__gte=down_to)
    with along_an_index():
        found = list(events.defer("hash", "detail")[: AT_ONCE + 1])
    is_more = len(found) > AT_ONCE
    last = (found[AT_ONCE - 1].time, found[AT_ONCE - 1].pk) if is_more else (down_to, 0)
    more = _chosen(request) | {_BEHIND: f"{last[0]}.{last[1]}"}
    since, until = form.cleaned_data["since"], form.cleaned_data["until"]
    context |= {
        "lines": lines(request, found[:AT_ONCE]),
        "since": shown(int(since.timestamp() * 1_000_000)),
        "until": shown(int(until.timestamp() * 1_000_000)) if until else "now",
        "looked_back_to": shown(down_to) if down_to and not is_more else "",
        "older": f"?{urlencode(more)}" if is_more or down_to else "",
        "newest": f"?{urlencode(_chosen(request))}" if after else "",
        "narrowed": any(form.cleaned_data[name] for name in form.fields if name not in ("q", "since")),
    }
    return page(room, request, "events.html", context)


def _chosen(request: HttpRequest) -> dict[str, str]:
    """What the form was sent with, without the fields that were left empty."""
    names = FilterForm.base_fields
    return {name: value for name in names if (value := request.GET.get(name, ""))}


def _place(text: str) -> tuple[int, int] | None:
    """Time and id of the event that was shown last; None if that is not what it says."""
    time, _, number = text.partition(".")
    digits = time.isascii() and number.isascii() and time.isdigit() and number.isdigit()
    if not digits or len(time) > 18 or len(number) > 18:
        return None
    return int(time), int(number)


def single(room: ModelAdmin[Any], request: HttpRequest, number: int) -> HttpResponse:
    """One event, all of it. Raises Http404 if there is none."""
    event = Event.objects.filter(pk=number).first() if number < 1 << 63 else None
    if event is None:
        raise Http404
    [line] = lines(request, [event], first=1_000)
    chain, own = place(event)
    context = {
        "title": f"Audit event: {line.kind}",
        "line": line,
        "sentence": sentence(line),
        "details": details(event),
        "hash": bytes(event.hash).hex(),
        "chain": chain,
        "number": own,
        "page_of_what": resource_page(event),
    }
    return page(room, request, "event.html", context)


def export(room: ModelAdmin[Any], request: HttpRequest) -> HttpResponseBase:
    """The events that the form chooses, as they are at this moment, as a file; which is an event itself."""
    form = FilterForm(request.POST)
    ending = request.POST.get("format", "")
    if request.method != "POST" or not form.is_valid() or ending not in FORMATS:
        messages.error(request, "Choose what to export in this list, then press one of its buttons.")
        return redirect(reverse(LIST))
    chosen = {**form.cleaned_data, "until": form.cleaned_data["until"] or timezone.now()}
    record(
        Told(
            "audit-export",
            "allowed",
            200,
            person=str(getattr(request.user, "uid", "")),
            patient=chosen["patient"],
            address=client_address(request.META),
            detail={"format": ending, "filter": form.told},
            time=now(),
        )
    )
    media_type, made = FORMATS[ending]
    answer = StreamingHttpResponse(made(request, wanted(chosen)), content_type=media_type)
    name = f"audit-{timezone.now():%Y%m%d-%H%M%S}.{ending}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    add_never_cache_headers(answer)
    return answer
