"""Refuses parameters that no page of ours ever sends, before a view or the database meets them.

The FHIR API and the authorization server answer bad parameters in the words of their own specifications; this
is for the pages that people use.
"""

import re
from collections.abc import Callable, Iterable

from django.apps import apps
from django.core.exceptions import BadRequest, ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict

PAGES = ("/accounts/", "/launch/")
"""Here every parameter comes once at most and is short."""
CONSOLE = "/admin/"
"""Here lists come as repeated parameters and texts may be long."""
LONGEST = 4096
"""Characters of one value; the longest that occurs is a `next` with a path of ours."""
_LIST = re.compile(rf"{CONSOLE}([a-z_0-9]+)/([a-z_0-9]+)/")
_YEAR = re.compile(r"[1-9][0-9]{3}", re.ASCII)

NextHandler = Callable[[HttpRequest], HttpResponse]


def plain_parameters(get_response: NextHandler) -> NextHandler:
    """Middleware: a request with malformed parameters or cookies gets the 400 page."""

    def middleware(request: HttpRequest) -> HttpResponse:
        # http.cookies decodes "\000": PostgreSQL would fail on a session key that holds it.
        _refuse_nul(request.COOKIES.values())
        if request.path.startswith((*PAGES, CONSOLE)):
            _refuse_nul([request.path])
            _check(request.GET, page=request.path.startswith(PAGES))
            _check(request.POST, page=request.path.startswith(PAGES))
            _check_selected(request.path, request.POST.getlist("_selected_action"))
        return get_response(request)

    return middleware


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
