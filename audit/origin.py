"""Where a request came from."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings


def client_address(environ: Mapping[str, Any]) -> str:
    """The address of the caller: the one before as many proxies as settings say are ours, as sign-ins count
    it too. Empty where the proxies have not told it.
    """
    proxies = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    if not proxies:
        return str(environ.get("REMOTE_ADDR", ""))
    told = [part.strip() for part in str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",")]
    return told[-proxies] if len(told) >= proxies else ""
