"""The browsers in which a person is signed in: listed, and signed out one by one or together."""

from typing import Any

from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django import forms
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import transaction
from django.http import HttpRequest

from accounts import events
from accounts.models import User

_BROWSERS = {
    "Edg/": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "Chrome/": "Chrome",
    "CriOS/": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS = {
    "iPhone": "an iPhone",
    "iPad": "an iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "a Mac",
    "Linux": "Linux",
}
"""What stands in a user agent, and what people call it. The first that is found counts: browsers also name
others.
"""


def in_words(user_agent: str) -> str:
    """What a browser says of itself, for people: "Firefox on Windows", or its own words, cut short."""
    browser = next((name for mark, name in _BROWSERS.items() if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in user_agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return user_agent[:80] or "A browser that does not say its name"


class EndSessionsForm(forms.Form):
    """Which sessions to end: the one that is named, or all but this one."""

    session = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def save(self, request: HttpRequest) -> None:
        """End them. Nobody can name a session of somebody else's, nor the one that they are using: that is
        what signing out is for.
        """
        if not isinstance(request.user, User):
            raise TypeError("Sessions are ended by their owner, who is signed in.")
        chosen = self.cleaned_data["session"]
        theirs = UserSession.objects.filter(user=request.user).exclude(
            session_key=request.session.session_key or ""
        )
        with transaction.atomic():
            for session in theirs.filter(pk=chosen) if chosen is not None else theirs:
                session.end()
                events.session_ended(request.user, in_words(session.user_agent), session.ip)


class SessionsView(ListUserSessionsView):  # type: ignore[misc]  # allauth ships no types
    """The list, this browser first, and the way to end what is in it."""

    form_class = EndSessionsForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """allauth's list, this browser first, then the newest; each with `name`, the browser's."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        for session in context["sessions"]:
            session.name = in_words(session.user_agent)
        context["sessions"].sort(key=lambda session: (session.is_current(), session.created_at), reverse=True)
        return context


def forget_session(sender: type, instance: AbstractBaseSession, **kwargs: Any) -> None:
    """A `post_delete` receiver of the session model: what is kept of a session goes when the session goes."""
    UserSession.objects.filter(session_key=instance.session_key).delete()
