"""Which addresses of other servers may be called and written down."""

from urllib.parse import urlsplit

from django.conf import settings


def web_address_fault(url: str) -> str:
    """What is wrong with a provider's address; empty if nothing is. It is https, or http as well where
    ALLOW_INSECURE_CLIENT_URLS says so, and has neither query nor fragment, user name nor spaces.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "is not a URL."
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "is not a URL."
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return "must be an absolute https URL."
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or password."
    if parts.query or parts.fragment:
        return "must have neither query nor fragment."
    if parts.scheme == "http" and not settings.ALLOW_INSECURE_CLIENT_URLS:
        return "must be https."
    return ""
