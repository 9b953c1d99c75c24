"""Client metadata: what a registration may say, what is wrong with it, and the Application that it becomes.

The admin's form and `manage.py register_client` judge by the same `faults`, so that no door is easier
than another.
https://www.rfc-editor.org/rfc/rfc7591#section-2
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from oauth.client_urls import origin_fault, redirect_uri_fault, split_url, web_url_fault
from oauth.models import Application
from oauth.scopes import parse_scope

GRANT_TYPES = ("authorization_code", "refresh_token")
LIFETIME_LIMITS = {"access_token_seconds": (300, 3600), "refresh_token_seconds": (300, 10 * 365 * 86400)}

# Metadata name → name of the model's field, where the value is one text.
TEXTS = {
    "client_id": "client_id",
    "client_name": "name",
    "description": "description",
    "publisher": "publisher",
    "software_id": "software_id",
    "client_uri": "client_uri",
    "logo_uri": "logo_uri",
    "policy_uri": "policy_uri",
    "tos_uri": "tos_uri",
    "launch_url": "launch_url",
    "application_type": "application_type",
    "token_endpoint_auth_method": "token_endpoint_auth_method",
    "scope": "scope",
    "auto_approved_scope": "auto_approved_scope",
    "consent_policy": "consent_policy",
    "introspection": "introspection",
    "status": "status",
}
LISTS = ("redirect_uris", "allowed_origins", "contacts", "grant_types")
WEB_URLS = ("client_uri", "logo_uri", "policy_uri", "tos_uri", "launch_url")
CHOICES = {
    "application_type": Application.ApplicationType.values,
    "token_endpoint_auth_method": Application.AuthMethod.values,
    "consent_policy": Application.ConsentPolicy.values,
    "introspection": Application.Introspection.values,
    "status": Application.Status.values,
}

_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,255}\Z")


class BadMetadata(ValueError):
    """The metadata cannot be taken; `faults` has one sentence for each thing that is wrong."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def fill(application: Application, metadata: Mapping[str, Any]) -> Application:
    """Write the metadata into an Application without saving it; what they do not name stays as it is.

    Raises BadMetadata with every fault, and then leaves the Application alone.
    """
    found = list(shape_faults(metadata))
    if found:
        raise BadMetadata(found)
    values = {field: metadata[name] for name, field in TEXTS.items() if name in metadata}
    for name in ("redirect_uris", "allowed_origins"):
        if name in metadata:
            values[name] = " ".join(metadata[name])
    for name in ("contacts", "grant_types", *LIFETIME_LIMITS):
        if name in metadata:
            values[name] = metadata[name]
    method = values.get("token_endpoint_auth_method", application.token_endpoint_auth_method)
    if "introspection" not in metadata and (application.pk is None or method == Application.AuthMethod.NONE):
        values["introspection"] = "none" if method == Application.AuthMethod.NONE else "own"
    before = {field: getattr(application, field) for field in values}
    _assign(application, values)
    found = list(faults(application))
    if found:
        _assign(application, before)
        raise BadMetadata(found)
    return application


def _assign(application: Application, values: Mapping[str, Any]) -> None:
    for field, value in values.items():
        setattr(application, field, value)
    settle(application)


def settle(application: Application) -> None:
    """Set what django-oauth-toolkit wants to know besides and what follows from the rest."""
    public = application.token_endpoint_auth_method == Application.AuthMethod.NONE
    application.client_type = Application.CLIENT_PUBLIC if public else Application.CLIENT_CONFIDENTIAL
    application.authorization_grant_type = Application.GRANT_AUTHORIZATION_CODE
    application.algorithm = Application.NO_ALGORITHM
    application.client_secret = ""
    application.skip_authorization = False
    application.grant_types = application.grant_types or list(GRANT_TYPES)
    if (
        application.application_type == Application.ApplicationType.BROWSER
        and not application.allowed_origins
    ):
        application.allowed_origins = " ".join(_origins_of(application))


def _origins_of(application: Application) -> list[str]:
    """Where a browser app's own pages come from: whoever registered these URLs vouches for their origins.

    https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#considerations-for-cross-origin-resource-sharing-cors-support
    """
    named = [*application.redirect_uris.split(), application.launch_url]
    urls = [split_url(url) for url in named if not web_url_fault(url)]
    return list(dict.fromkeys(f"{url.scheme}://{url.netloc}" for url in urls if url and url.netloc))


def shape_faults(metadata: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the metadata before one looks at their meaning: unknown names, wrong kinds of
    values.
    """
    for name, value in metadata.items():
        if name in TEXTS:
            if not isinstance(value, str) or not value.isprintable():
                yield f"{name}: must be a text on one line."
        elif name in LISTS:
            if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
                yield f"{name}: must be a list of texts."
        elif name in LIFETIME_LIMITS:
            if not isinstance(value, int) or isinstance(value, bool):
                yield f"{name}: must be a whole number of seconds."
        elif name == "response_types":
            if value != ["code"]:
                yield 'response_types: only ["code"] is supported.'
        else:
            yield f"{name}: is not a known member of client metadata."


def faults(application: Application) -> Iterator[str]:
    """Everything that is wrong with a client, one sentence each, beginning with the metadata's name for
    it.
    """
    if not application.name.strip():
        yield "client_name: is missing."
    if not _CLIENT_ID.match(application.client_id):
        yield "client_id: must be 1 to 255 printable characters without spaces."
    for name, allowed in CHOICES.items():
        if getattr(application, name) not in allowed:
            yield f"{name}: must be one of {', '.join(allowed)}."
    for name in WEB_URLS:
        if fault := web_url_fault(getattr(application, name)):
            yield f"{name}: {fault}"
    yield from _grant_faults(application)
    yield from _redirect_faults(application)
    yield from _origin_faults(application)
    yield from _scope_faults(application)
    yield from _contact_faults(application)
    for name, (least, most) in LIFETIME_LIMITS.items():
        seconds = getattr(application, name)
        if seconds is not None and not least <= seconds <= most:
            yield f"{name}: must be between {least} and {most} seconds."


def _grant_faults(application: Application) -> Iterator[str]:
    asked = application.grant_types or list(GRANT_TYPES)
    for unknown in sorted(set(asked) - set(GRANT_TYPES)):
        yield f"grant_types: {unknown} is not supported."
    if "authorization_code" not in asked:
        yield "grant_types: authorization_code is missing; without it no token can be had."
    public = application.token_endpoint_auth_method == Application.AuthMethod.NONE
    if not public and application.application_type in (
        Application.ApplicationType.BROWSER,
        Application.ApplicationType.NATIVE,
    ):
        yield "token_endpoint_auth_method: a browser or native app cannot keep a secret; use none."
    if public and application.introspection != Application.Introspection.NONE:
        yield "introspection: a public client cannot ask about tokens."


def _redirect_faults(application: Application) -> Iterator[str]:
    uris = application.redirect_uris.split()
    if not uris:
        yield "redirect_uris: at least one is needed."
    for uri in uris:
        if fault := redirect_uri_fault(uri, application.application_type):
            yield f"redirect_uris: {uri[:200]}: {fault}"


def _origin_faults(application: Application) -> Iterator[str]:
    for origin in application.allowed_origins.split():
        if fault := origin_fault(origin):
            yield f"allowed_origins: {origin[:200]}: {fault}"


def _scope_faults(application: Application) -> Iterator[str]:
    for name in ("scope", "auto_approved_scope"):
        for text in getattr(application, name).split():
            if parse_scope(text) is None:
                yield f"{name}: {text[:100]} is not a scope."
    may_ask_about_any = application.introspection == Application.Introspection.ANY
    if "introspection" in application.scope.split() and not may_ask_about_any:
        yield "scope: introspection is only for clients that may ask about any client's tokens."
    if not application.scope.split():
        yield "scope: is missing; the app could ask for nothing."
    for text in set(application.auto_approved_scope.split()) - set(application.scope.split()):
        yield f"auto_approved_scope: {text[:100]} is not in scope."


def _contact_faults(application: Application) -> Iterator[str]:
    for contact in application.contacts:
        try:
            validate_email(contact)
        except ValidationError:
            yield f"contacts: {str(contact)[:100]} is not an e-mail address."
