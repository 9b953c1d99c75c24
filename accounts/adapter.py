"""How django-allauth behaves here."""

from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.core.internal import ratelimit
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import events
from accounts.federation.identity_provider import providers_of, refuse_unless_in_use
from accounts.known_browsers import known_as, remember
from accounts.models import User
from accounts.recent_proof import has_proven_recently

QUIET_MESSAGES = frozenset({"account/messages/logged_in.txt"})
"""What people can see for themselves: the page after sign-in needs no banner, least of all a consent page."""


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Accounts are made by staff: nobody signs up by themselves. Redirects stay on our own site."""

    error_messages = DefaultAccountAdapter.error_messages | {
        # allauth's own words do not say how long, which its limit of failed sign-ins is: five minutes.
        "too_many_login_attempts": "Too many failed tries. Please wait five minutes, then try again.",
        # The same of codes, where an authenticator app is set up.
        "rate_limited": "Too many wrong codes. Please wait five minutes, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Self-registration does not exist."""
        return False

    def is_safe_url(self, url: str | None) -> bool:
        """Whether `next` may be followed: a path of ours, or an absolute URL under SITE_URL.

        The Host header has no say in it. https://datatracker.ietf.org/doc/html/rfc9700#section-4.11
        """
        site = urlsplit(settings.SITE_URL)
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={site.netloc}, require_https=site.scheme == "https"
        )

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Under what failed sign-ins of an account are counted: its name alone. allauth would put the Host
        header before it, and everybody who guesses passwords would choose a port of their own for each try.
        """
        return str(credentials.get("username", "")).lower()

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse a try too many. Browsers in which the person has signed in before are counted each by
        itself, so that guesses from elsewhere, or from the same hospital's address, do not stop them.
        """
        try:
            self._count_try(request, **credentials)
        except ValidationError:
            events.password_refused(request, str(credentials.get("username", "")), too_many=True)
            raise

    def _count_try(self, request: HttpRequest, **credentials: Any) -> None:
        name = self._get_login_attempts_cache_key(request, **credentials)
        browser = known_as(request, name)
        if not browser:
            super().pre_authenticate(request, **credentials)
            return
        self._login_failed_rl_usage = ratelimit.consume(
            request, app="allauth.account", action="login_failed_known_browser", key=f"{browser} {name}"
        )
        if not self._login_failed_rl_usage:
            raise self.validation_error("too_many_login_attempts")

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Tell the audit trail of a wrong user name or password."""
        events.password_refused(request, str(credentials.get("username", "")))

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """Refuse somebody whose account is switched off."""
        events.inactive_refused(user)
        response: HttpResponse = super().respond_user_inactive(request, user)
        return response

    def set_password(self, user: User, password: str) -> None:
        """Keep the new password that a person chose, and that it was chosen."""
        with transaction.atomic():
            super().set_password(user, password)
            events.password_set(user, "changed by its owner")

    def login(self, request: HttpRequest, user: User) -> None:
        """Open the session. Raises PermissionDenied if the provider that vouched is off by now."""
        refuse_unless_in_use(get_authentication_records(request, user))
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: User, **how: Any) -> HttpResponse:
        """Go on after a sign-in, second factor and all, in a browser that is known from now on."""
        response: HttpResponse = super().post_login(request, user, **how)
        remember(request, response, user.username)
        return response

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Before weighty things: unless this session's person has given a proof within the last minutes, as
        signing in is one.
        """
        return not has_proven_recently(context.request)

    def get_reauthentication_methods(self, user: User | AnonymousUser) -> list[dict[str, Any]]:
        """How a person can prove once more who they are: also at the provider where they sign in. Whoever has
        nothing of all that signs in again after signing out.
        """
        ways: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if isinstance(user, AnonymousUser):
            return ways
        if providers := providers_of(user):
            names = " or ".join(provider.name for provider in providers)
            url = reverse("account_reauthenticate_elsewhere")
            ways.append({"id": "elsewhere", "description": f"Sign in with {names} again", "url": url})
        if ways:
            return ways
        return [{"id": "sign_in_again", "description": "Sign in again", "url": reverse("account_logout")}]

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Show allauth's messages, except those that only repeat what the page shows."""
        if message_template not in QUIET_MESSAGES:
            super().add_message(request, level, message_template, *args, **kwargs)
