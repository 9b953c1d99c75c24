"""Insecure set-ups, found by `manage.py check --deploy`."""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security, deploy=True)
def check_site_url_is_https(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Tokens and passwords must never travel in clear text."""
    if settings.SITE_URL.startswith("https://"):
        return []
    return [Error("SITE_URL must be https:// in production.", id="smartcdr.E001")]


@register(Tags.security, deploy=True)
def check_development(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Development's default keys are known to everybody."""
    if not settings.DEVELOPMENT:
        return []
    return [Error("DEVELOPMENT must be off in production.", id="smartcdr.E004")]


@register(Tags.security, deploy=True)
def check_cache(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The rate limits of sign-in hold across all workers only in a cache that they share."""
    if not settings.CACHES["default"]["BACKEND"].endswith("LocMemCache"):
        return []
    return [Error("CACHE_URL must name a cache that all processes share.", id="smartcdr.E005")]


@register(Tags.security, deploy=True)
def check_client_urls(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Clients on http or loopback addresses are for development."""
    if not settings.ALLOW_INSECURE_CLIENT_URLS:
        return []
    return [Error("ALLOW_INSECURE_CLIENT_URLS must be off in production.", id="smartcdr.E002")]


@register(Tags.security, deploy=True)
def check_key_networks(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """No client may make the server call itself, or what a cloud tells each machine about itself."""
    own = [ip_network(each) for each in ("127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10")]
    if not any(network.overlaps(each) for network in settings.JWKS_URI_NETWORKS for each in own):
        return []
    return [Error("JWKS_URI_NETWORKS must hold no loopback and no link-local address.", id="smartcdr.E006")]


@register(Tags.security, deploy=True)
def check_database(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """SQLite is for trying out; several workers need PostgreSQL."""
    if settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
        return []
    return [Error("DATABASE_URL must name a PostgreSQL database in production.", id="smartcdr.E003")]
