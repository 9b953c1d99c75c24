"""How django-allauth behaves here."""

from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

QUIET_MESSAGES = frozenset({"account/messages/logged_in.txt"})
"""What people can see for themselves: the page after sign-in needs no banner, least of all a consent page."""


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Accounts are made by staff: nobody signs up by themselves. Redirects stay on our own site."""

    error_messages = DefaultAccountAdapter.error_messages | {
        # allauth's own words do not say how long, which its limit of failed sign-ins is: five minutes.
        "too_many_login_attempts": "Too many failed tries. Please wait five minutes, then try again.",
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

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Show allauth's messages, except those that only repeat what the page shows."""
        if message_template not in QUIET_MESSAGES:
            super().add_message(request, level, message_template, *args, **kwargs)
