"""What is allowed in a registration and still likely to be a mistake: told to staff, never in the way."""

from collections.abc import Iterator

from oauth.clients.metadata import is_service
from oauth.clients.urls import split_url
from oauth.models import Application

_REFRESH_SCOPES = frozenset({"offline_access", "online_access"})


def advice(application: Application) -> Iterator[str]:
    """One sentence for each thing worth a second look, beginning with the metadata's name for it."""
    if not is_service(application.grant_types):
        yield from _redirects(application)
        yield from _launch(application)
        yield from _scopes(application)
    if application.application_type == Application.ApplicationType.BROWSER:
        yield from _origins(application)


def _redirects(application: Application) -> Iterator[str]:
    """A redirect_uri is compared character by character; the slash at its end is what most often differs."""
    uris = application.redirect_uris.split()
    for uri in uris:
        parts = split_url(uri)
        twin = uri.removesuffix("/") if uri.endswith("/") else f"{uri}/"
        if parts is None or parts.scheme not in ("https", "http") or parts.query or twin in uris:
            continue
        if parts.path in ("", "/"):
            yield f"redirect_uris: {uri} is not the same as {twin}; register the one that the app sends."
        elif uri.endswith("/"):
            yield f"redirect_uris: {uri} ends with a slash; the app must send it as well."


def _launch(application: Application) -> Iterator[str]:
    has_scope = "launch" in application.scope.split()
    if application.launch_url and not has_scope:
        yield "scope: the portal opens the app, but without launch it learns there of no patient."
    if has_scope and not application.launch_url:
        yield "launch_url: is missing; without it the app is not in the portal, though it may ask for launch."


def _scopes(application: Application) -> Iterator[str]:
    scopes = set(application.scope.split())
    may_refresh = "refresh_token" in application.grant_types
    if may_refresh and not scopes & _REFRESH_SCOPES:
        yield "scope: without offline_access or online_access the app never gets a refresh token."
    if scopes & _REFRESH_SCOPES and not may_refresh:
        yield "grant_types: without refresh_token the app cannot use offline_access or online_access."
    if "fhirUser" in scopes and "openid" not in scopes:
        yield "scope: fhirUser tells nothing without openid."


def _origins(application: Application) -> Iterator[str]:
    """The page that exchanges the code is nearly always one of the redirect URIs."""
    for uri in application.redirect_uris.split():
        parts = split_url(uri)
        origin = f"{parts.scheme}://{parts.netloc}" if parts else ""
        if origin and origin not in application.allowed_origins.split():
            yield f"allowed_origins: {origin} is missing, so that pages there cannot read our answers."
