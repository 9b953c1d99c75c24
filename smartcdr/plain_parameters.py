"""Refuses parameters that no page of ours ever sends, before a view or the database meets them.

The FHIR API and the authorization server answer bad parameters in the words of their own specifications; this
is for the pages that people use.
"""

import re
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.core.exceptions import BadRequest, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, QueryDict
from django.template.loader import get_template

PAGES = ("/accounts/", "/launch/")
"""Here every parameter comes once at most and is short."""
CONSOLE = "/admin/"
"""Here lists come as repeated parameters and texts may be long."""
LONGEST = 4096
"""Characters of one value; the longest that occurs is a `next` with a path of ours."""
LONGEST_FORM, LONGEST_CONSOLE_FORM, LONGEST_CONSOLE_FILE = 131_072, 1_048_576, 8_388_608
"""Bytes of a body: to take apart a form of 30 MB in which everything is percent-encoded would take half a
minute, and Django does so before it knows who sends it.
"""
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_FHIR = urlsplit(settings.FHIR_BASE).path
_LIST = re.compile(rf"{CONSOLE}([a-z_0-9]+)/([a-z_0-9]+)/")
_YEAR = re.compile(r"[1-9][0-9]{3}", re.ASCII)

NextHandler = Callable[[HttpRequest], HttpResponse]


def plain_parameters(get_response: NextHandler) -> NextHandler:
    """Middleware: a request with malformed parameters or cookies gets the 400 page."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if _is_too_long(request):
            # Django's own answer to BadRequest looks for a CSRF token, in the form.
            return HttpResponseBadRequest(get_template("400.html").render())
        # http.cookies decodes "\000": PostgreSQL would fail on a session key that holds it.
        _refuse_nul(request.COOKIES.values())
        if request.path.startswith((*PAGES, CONSOLE)):
            _refuse_nul([request.path])
            _check(request.GET, page=request.path.startswith(PAGES))
            _check(request.POST, page=request.path.startswith(PAGES))
            _check_selected(request.path, request.POST.getlist("_selected_action"))
        return get_response(request)

    return middleware


def _is_too_long(request: HttpRequest) -> bool:
    """Only forms are taken apart. The FHIR API has limits of its own, and knows by then who sends."""
    is_below = request.path.startswith(f"{_FHIR}/") and not request.path.startswith(f"{_FHIR}/.well-known/")
    is_for_api = request.path == _FHIR or is_below
    if is_for_api or request.content_type not in _FORMS:
        return False
    length = request.META.get("CONTENT_LENGTH") or "0"
    longest = LONGEST_FORM
    if request.path.startswith(CONSOLE):
        longest = LONGEST_CONSOLE_FORM if request.content_type == _FORMS[0] else LONGEST_CONSOLE_FILE
    return not length.isdecimal() or int(length) > longest


def _check(parameters: QueryDict, *, page: bool) -> None:
    for name, values in parameters.lists():
        _refuse_nul([name, *(str(value) for value in values)])
        if page and len(values) > 1:
            raise BadRequest("A parameter was sent twice.")
        if page and any(len(str(value)) > LONGEST for value in (name, *values)):
            raise BadRequest("A parameter is too long.")
        # The console's lists fail at a year that Python's calendar has not.
        if name.endswith("__year") and not all(_YEAR.fullmatch(str(value)) for value in values):
            raise BadRequest("A year has four digits.")


def _check_selected(path: str, keys: Iterable[str]) -> None:
    """The console's lists take the keys of selected rows as they come, and fail at one that cannot be any."""
    if not (listed := _LIST.fullmatch(path)):
        return
    try:
        field = apps.get_model(listed[1], listed[2])._meta.pk
        for key in keys:
            field.clean(key, None)
    except LookupError:
        return
    except ValidationError as error:
        raise BadRequest("A selected row cannot exist.") from error


def _refuse_nul(values: Iterable[str]) -> None:
    if any("\0" in value for value in values):
        raise BadRequest("A parameter holds a NUL character.")
