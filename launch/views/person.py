"""Who stands before the portal."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache

from accounts.models import User

P = ParamSpec("P")


def person(request: HttpRequest) -> User:
    """The signed-in person; TypeError where a view forgot to ask for sign-in."""
    if not isinstance(request.user, User):
        raise TypeError("This page is for people who are signed in.")
    return request.user


def for_people_with_records(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Decorator: ask for sign-in, keep the page out of caches, send people without a FHIR user to the portal.

    There they read why there is nothing for them to launch: being staff opens no record.
    """

    @wraps(view)
    def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not person(request).fhir_user:
            return redirect("launch:portal")
        return view(request, *args, **kwargs)

    return never_cache(login_required(checked))
