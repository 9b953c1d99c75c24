"""Client metadata: what a registration may say, what is wrong with it, and the Application that it becomes.

The admin's form, `manage.py register_client` and imports judge by the same `faults`, so that no door is
easier than another.
https://www.rfc-editor.org/rfc/rfc7591#section-2
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from oauth.clients.ids import client_id_fault
from oauth.clients.urls import origin_fault, redirect_uri_fault, split_url, web_url_fault
from oauth.jwk_sets import key_set_faults
from oauth.models import Application
from oauth.scopes import Scope, implies, parse_scope
from oauth.tokens.backend_services import is_with_person, is_without_person

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")
# What a client is registered for that does not say so, if it is for people; a backend service has the third.
FOR_PEOPLE = GRANT_TYPES[:2]
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
    "jwks_uri": "client_jwks_uri",
    "application_type": "application_type",
    "token_endpoint_auth_method": "token_endpoint_auth_method",
    "scope": "scope",
    "auto_approved_scope": "auto_approved_scope",
    "required_scope": "required_scope",
    "consent_policy": "consent_policy",
    "introspection": "introspection",
    "status": "status",
}
LISTS = ("redirect_uris", "allowed_origins", "contacts", "grant_types", "may_launch")
# Scopes of which something more is said: each must be within `scope`.
MARKED_SCOPES = ("auto_approved_scope", "required_scope")
WEB_URLS = ("client_uri", "logo_uri", "policy_uri", "tos_uri", "launch_url", "jwks_uri")
CHOICES = {
    "application_type": Application.ApplicationType.values,
    "token_endpoint_auth_method": Application.AuthMethod.values,
    "consent_policy": Application.ConsentPolicy.values,
    "introspection": Application.Introspection.values,
    "status": Application.Status.values,
}

_WITHOUT_SECRETS = (Application.ApplicationType.BROWSER, Application.ApplicationType.NATIVE)
_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,255}\Z")


class BadMetadata(ValueError):
    """The metadata cannot be taken; `faults` has one sentence for each thing that is wrong."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def fill(application: Application, metadata: Mapping[str, Any]) -> Application:
    """Write the metadata into an Application without saving it; what they do not name stays as it is.

    `may_launch` is judged here and written by `link`, which needs a saved client. Raises BadMetadata with
    every fault, and then leaves the Application alone.
    """
    found = [*shape_faults(metadata), *status_faults(application.status, metadata.get("status"))]
    if found:
        raise BadMetadata(found)
    values = {field: metadata[name] for name, field in TEXTS.items() if name in metadata}
    if "application_type" not in metadata and application.pk is None:
        values |= _type_by_default(metadata)
    if "jwks" in metadata:
        values["client_jwks"] = json.dumps(metadata["jwks"], separators=(",", ":"))
    method = values.get("token_endpoint_auth_method", application.token_endpoint_auth_method)
    # One of the two is enough, so that naming one takes the place of the other; and a new method of any key.
    if "jwks" in metadata or metadata.get("jwks_uri") or method != Application.AuthMethod.PRIVATE_KEY_JWT:
        values = {"client_jwks": "", "client_jwks_uri": "", **values}
    for name in ("redirect_uris", "allowed_origins"):
        if name in metadata:
            values[name] = " ".join(metadata[name])
    for name in ("contacts", "grant_types", *LIFETIME_LIMITS):
        if name in metadata:
            values[name] = metadata[name]
    if "introspection" not in metadata and (application.pk is None or method == Application.AuthMethod.NONE):
        values["introspection"] = "none" if method == Application.AuthMethod.NONE else "own"
    before = {field: getattr(application, field) for field in values}
    _assign(application, values)
    found = [*faults(application), *launch_faults(application, metadata.get("may_launch"))]
    if found:
        _assign(application, before)
        raise BadMetadata(found)
    return application


def _type_by_default(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Whoever proves itself by a secret or a key is a web app, if nothing else is said.

    https://www.rfc-editor.org/rfc/rfc7591#section-2 (application_type comes from OpenID Connect, where the
    default is web: https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata)
    """
    kinds = Application.ApplicationType
    if metadata.get("token_endpoint_auth_method", Application.AuthMethod.NONE) == Application.AuthMethod.NONE:
        return {}
    alone = metadata.get("grant_types") == list(GRANT_TYPES[2:])
    return {"application_type": (kinds.BACKEND if alone else kinds.WEB).value}


def link(application: Application, metadata: Mapping[str, Any]) -> None:
    """Write `may_launch`, if the metadata name it, for a client that is saved. Raises BadMetadata."""
    if "may_launch" not in metadata:
        return
    wanted = set(metadata["may_launch"])
    apps = list(Application.objects.filter(client_id__in=wanted))
    unknown = sorted(wanted - {app.client_id for app in apps})
    if unknown:
        raise BadMetadata([f"may_launch: there is no client {client_id[:100]}." for client_id in unknown])
    application.may_launch.set(apps)


def launch_faults(application: Application, wanted: Collection[str] | None) -> Iterator[str]:
    """What is wrong with the apps that a client may launch; None: those that it may launch now."""
    if wanted is None and application.pk is not None:
        wanted = list(application.may_launch.values_list("client_id", flat=True)[:1])
    if wanted and "client_credentials" not in application.grant_types:
        yield "may_launch: only a client with client_credentials can launch apps from outside."


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
    is_backend = application.application_type == Application.ApplicationType.BACKEND
    application.grant_types = application.grant_types or list(GRANT_TYPES[2:] if is_backend else FOR_PEOPLE)
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
            if not isinstance(value, str):
                yield f"{name}: must be a text on one line."
            else:
                yield from _text_faults(name, value)
        elif name in LISTS:
            if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
                yield f"{name}: must be a list of texts."
            elif any(len(item.split()) != 1 or not item.isprintable() for item in value):
                yield f"{name}: none of its texts may hold a space or a line break."
        elif name in LIFETIME_LIMITS:
            if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
                yield f"{name}: must be a whole number of seconds, or null for the server's default."
        elif name == "response_types":
            if value not in (["code"], []):
                yield 'response_types: only ["code"] is supported.'
        elif name == "jwks":
            if not isinstance(value, dict):
                yield "jwks: must be a JWK Set, an object."
        else:
            yield f"{name}: is not a known member of client metadata."


def _text_faults(name: str, text: str) -> Iterator[str]:
    """A description may have several lines; nothing else does, and nothing holds what cannot be seen."""
    if name == "description":
        if not text.replace("\r", "").replace("\n", "").isprintable():
            yield f"{name}: must be a text without control characters."
    elif not text.isprintable():
        yield f"{name}: must be a text on one line."


def status_faults(before: str, wanted: object) -> Iterator[str]:
    """What is wrong with a change of status, by the one before; None wants no change."""
    retired = Application.Status.RETIRED
    if before == retired and wanted not in (None, retired):
        yield "status: a retired client stays retired; register it anew under another client_id."


def faults(application: Application) -> Iterator[str]:
    """Everything that is wrong with a client, one sentence each, beginning with the metadata's name for
    it.
    """
    if not application.name.strip():
        yield "client_name: is missing."
    if not _CLIENT_ID.match(application.client_id):
        yield "client_id: must be 1 to 255 printable characters without spaces."
    elif fault := client_id_fault(application.client_id):
        yield f"client_id: {fault}"
    for name, allowed in CHOICES.items():
        if getattr(application, name) not in allowed:
            yield f"{name}: must be one of {', '.join(allowed)}."
    for name, field in TEXTS.items():
        yield from _text_faults(name, getattr(application, field))
        longest = Application._meta.get_field(field).max_length
        if longest is not None and len(getattr(application, field)) > longest:
            yield f"{name}: must not be longer than {longest} characters."
    for name in WEB_URLS:
        if fault := web_url_fault(getattr(application, TEXTS[name])):
            yield f"{name}: {fault}"
    yield from _grant_faults(application)
    yield from _key_faults(application)
    yield from _redirect_faults(application)
    yield from _origin_faults(application)
    yield from _scope_faults(application)
    yield from _contact_faults(application)
    for name, (least, most) in LIFETIME_LIMITS.items():
        seconds = getattr(application, name)
        if seconds is not None and not least <= seconds <= most:
            yield f"{name}: must be between {least} and {most} seconds."


def _grant_faults(application: Application) -> Iterator[str]:
    asked = application.grant_types
    method, kinds = Application.AuthMethod, Application.ApplicationType
    for unknown in sorted(set(asked) - set(GRANT_TYPES)):
        yield f"grant_types: {unknown} is not supported."
    if "authorization_code" not in asked and "client_credentials" not in asked:
        yield "grant_types: authorization_code is missing; without it no token can be had."
    elif "authorization_code" not in asked and "refresh_token" in asked:
        yield "grant_types: refresh_token needs authorization_code; a backend service has no refresh tokens."
    if application.application_type == kinds.BACKEND and set(asked) & set(FOR_PEOPLE):
        yield "grant_types: a backend service has client_credentials only, as no person is present."
    is_public = application.token_endpoint_auth_method == method.NONE
    if not is_public and application.application_type in _WITHOUT_SECRETS:
        yield "token_endpoint_auth_method: a browser or native app cannot keep a secret; use none."
    elif "client_credentials" in asked and application.token_endpoint_auth_method != method.PRIVATE_KEY_JWT:
        yield "token_endpoint_auth_method: client_credentials needs private_key_jwt, never a secret."
    if is_public and application.introspection != Application.Introspection.NONE:
        yield "introspection: a public client cannot ask about tokens."


def _key_faults(application: Application) -> Iterator[str]:
    """https://www.rfc-editor.org/rfc/rfc7591#section-2 (one of jwks and jwks_uri)"""
    inline, url = application.client_jwks, application.client_jwks_uri
    if application.token_endpoint_auth_method != Application.AuthMethod.PRIVATE_KEY_JWT:
        for name, value in (("jwks", inline), ("jwks_uri", url)):
            if value:
                yield f"{name}: only for clients that prove themselves by private_key_jwt."
        return
    if not inline and not url and application.application_type not in _WITHOUT_SECRETS:
        yield "jwks: is missing; private_key_jwt needs jwks or jwks_uri, better the second."
    if inline and url:
        yield "jwks_uri: say one of jwks and jwks_uri, not both."
    if url and not url.isascii():
        yield "jwks_uri: must be ASCII."
    if inline:
        yield from (f"jwks: {fault}" for fault in key_set_faults(inline))


def _redirect_faults(application: Application) -> Iterator[str]:
    uris = application.redirect_uris.split()
    alone = is_service(application.grant_types)
    if application.launch_url and alone:
        yield "launch_url: only apps with authorization_code are launched."
    if not uris and not alone:
        yield "redirect_uris: at least one is needed."
    for uri in uris:
        if fault := redirect_uri_fault(uri, application.application_type):
            yield f"redirect_uris: {uri[:200]}: {fault}"


def _origin_faults(application: Application) -> Iterator[str]:
    for origin in application.allowed_origins.split():
        if fault := origin_fault(origin):
            yield f"allowed_origins: {origin[:200]}: {fault}"


def _scope_faults(application: Application) -> Iterator[str]:
    for name in ("scope", *MARKED_SCOPES):
        for text in getattr(application, name).split():
            if parse_scope(text) is None:
                yield f"{name}: {text[:100]} is not a scope."
    for text in application.scope.split():
        scope = parse_scope(text)
        if scope is not None and (fault := misplaced(scope, application.grant_types)):
            yield f"scope: {text[:100]} {fault}"
    may_ask_about_any = application.introspection == Application.Introspection.ANY
    if "introspection" in application.scope.split() and not may_ask_about_any:
        yield "scope: introspection is only for clients that may ask about any client's tokens."
    if not application.scope.split():
        yield "scope: is missing; the app could ask for nothing."
    within = [known for text in application.scope.split() if (known := parse_scope(text)) is not None]
    for name in MARKED_SCOPES:
        for text in getattr(application, name).split():
            one = parse_scope(text)
            if one is not None and not any(implies(wide, one) for wide in within):
                yield f"{name}: {text[:100]} is not within scope."


def is_service(grant_types: Collection[str]) -> bool:
    """Whether no person ever takes part in what a client with these grant types gets."""
    return "client_credentials" in grant_types and "authorization_code" not in grant_types


def misplaced(scope: Scope, grant_types: Collection[str]) -> str:
    """What is wrong with registering a scope that none of the client's grant types could ever give; empty if
    nothing is.
    """
    if not is_with_person(scope) and "client_credentials" not in grant_types:
        return "is for backend services: it needs client_credentials."
    if not is_without_person(scope) and is_service(grant_types):
        return "is for apps with people: it needs authorization_code."
    return ""


def _contact_faults(application: Application) -> Iterator[str]:
    for contact in application.contacts:
        try:
            validate_email(contact)
        except ValidationError:
            yield f"contacts: {str(contact)[:100]} is not an e-mail address."
