"""The browsers in which a person is signed in: listed, and signed out one by one or together."""

from typing import Any

from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django import forms
from django.contrib.sessions.base_session import AbstractBaseSession
from django.http import HttpRequest

from accounts.models import User


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
        for session in theirs.filter(pk=chosen) if chosen is not None else theirs:
            session.end()


class SessionsView(ListUserSessionsView):  # type: ignore[misc]  # allauth ships no types
    """The list, this browser first, and the way to end what is in it."""

    form_class = EndSessionsForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """allauth's list, the newest first."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["sessions"].sort(key=lambda session: (session.is_current(), session.created_at), reverse=True)
        return context


def forget_session(sender: type, instance: AbstractBaseSession, **kwargs: Any) -> None:
    """A `post_delete` receiver of the session model: what is kept of a session goes when the session goes."""
    UserSession.objects.filter(session_key=instance.session_key).delete()
