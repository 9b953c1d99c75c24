"""Which URLs a client may be registered with. Each check answers with what is wrong, or with the empty text.

https://www.rfc-editor.org/rfc/rfc8252#section-7 https://www.rfc-editor.org/rfc/rfc9700#section-2.1
"""

import re
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from oauth.models import Application

# RFC 8252 §7.1: a private-use scheme is a domain name in reverse order, so it has a dot.
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+\Z")
_LOOPBACK_NUMBER = re.compile(r"127(\.[0-9]+){0,3}\Z")
_LOOPBACK_ADDRESSES = frozenset({"127.0.0.1", "::1"})


def web_url_fault(url: str) -> str:
    """What is wrong with a web address of a client; empty if it is fine.

    It is https, and not on localhost; where ALLOW_INSECURE_CLIENT_URLS is set, http and localhost will do.
    """
    if not url:
        return ""
    parts = split_url(url)
    if parts is None or not url.isprintable() or " " in url:
        return "is not a URL."
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return "must be an absolute https URL."
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or password."
    if settings.ALLOW_INSECURE_CLIENT_URLS:
        return ""
    if parts.scheme == "http":
        return "must be https."
    return "must not be on localhost." if _is_localhost(parts.hostname) else ""


def _is_localhost(host: str) -> bool:
    """Whether a name or number stands for the very computer that looks it up.

    https://www.rfc-editor.org/rfc/rfc6761#section-6.3
    """
    name = host.rstrip(".")
    return name in ("localhost", "::1") or name.endswith(".localhost") or bool(_LOOPBACK_NUMBER.match(name))


def redirect_uri_fault(uri: str, application_type: str) -> str:
    """What is wrong with a redirect URI for an app of this type; empty if it is fine.

    https://www.rfc-editor.org/rfc/rfc8252#section-7 https://www.rfc-editor.org/rfc/rfc9700#section-2.1
    """
    parts = split_url(uri)
    if parts is None or not parts.scheme or not uri.isascii() or not uri.isprintable() or "\\" in uri:
        return "is not an absolute URI."
    if "#" in uri:
        return "must not have a fragment."
    if "*" in uri:
        return "must not have a wildcard; it is compared as it stands."
    if application_type == Application.ApplicationType.NATIVE:
        if _PRIVATE_SCHEME.match(parts.scheme):
            return (
                "" if not parts.netloc else "a private-use URI has one slash after the scheme, and no host."
            )
        if parts.scheme == "http" and parts.hostname in _LOOPBACK_ADDRESSES:
            return ""
        if parts.scheme not in ("https", "http"):
            return "a private-use scheme is a domain name in reverse order, as in org.example.app:/callback."
        if parts.hostname == "localhost" and web_url_fault(uri):
            return "a native app listens at http://127.0.0.1 or http://[::1], not at localhost."
    return web_url_fault(uri)


def split_url(url: str) -> SplitResult | None:
    """The parts of a URL, or None if it has none: a port that is no number, a bracket left open."""
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname
    except ValueError:
        return None
    return parts


def origin_fault(origin: str) -> str:
    """What is wrong with a CORS origin: it is scheme, host and port only. https://www.rfc-editor.org/rfc/rfc6454#section-6"""
    parts = split_url(origin)
    if parts is None or f"{parts.scheme}://{parts.netloc}" != origin:
        return "must be scheme, host and port only, such as https://app.example.org."
    return web_url_fault(origin)
