"""Apps that register themselves: what they may say, and what becomes of it.

An app says what any client says, and `oauth.clients.metadata` judges it as everywhere. What only staff decide
is not taken from it: a new client is a draft and gets nothing until they put it live, and so is a live one
again whose registration the app changes, so that what is live is always what staff have seen.
https://www.rfc-editor.org/rfc/rfc7591 https://www.rfc-editor.org/rfc/rfc7592
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.attempts import new_attempt, step
from oauth.catalogue import offered_to_new_clients
from oauth.client_exchange.describing import describe
from oauth.clients import initial_access_tokens
from oauth.clients import status as client_status
from oauth.clients.metadata import FOR_PEOPLE, LISTS, MARKED_SCOPES, TEXTS, BadMetadata, fill
from oauth.clients.secrets import add_secret, generate, verify
from oauth.clients.urls import split_url
from oauth.models import Application, ClientRegistration, InitialAccessToken
from oauth.scopes import parse_scope
from oauth.tokens.backend_services import GRANT_TYPE, is_without_person
from oauth.tokens.checksum import token_checksum

# What an app may say of itself, and what counts where it says nothing. All else is ignored, as
# https://www.rfc-editor.org/rfc/rfc7591#section-2 has it.
DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(("client_name", "description", "publisher", "software_id"), ""),
    **dict.fromkeys(("client_uri", "logo_uri", "policy_uri", "tos_uri", "launch_url", "jwks_uri"), ""),
    "contacts": [],
    "redirect_uris": [],
    "allowed_origins": [],
    "grant_types": ["authorization_code"],
    "token_endpoint_auth_method": "client_secret_basic",
}
SAID_BY_APPS = frozenset({*DEFAULTS, "application_type", "scope", "jwks", "response_types"})
# What an update must not name: https://www.rfc-editor.org/rfc/rfc7592#section-2.2
OURS_ALONE = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)
MOST_IN_A_LIST = 20
LONGEST_TEXT, LONGEST_DESCRIPTION, LONGEST_SCOPE = 500, 2000, 4096
_LONGEST = {"description": LONGEST_DESCRIPTION, "scope": LONGEST_SCOPE}


class TokenSpent(Exception):
    """The initial access token ended while the request was looked at."""


class NotAllowed(Exception):
    """The app may not change its registration now; the message says why."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A client that registered itself. `token` is its registration access token; `secret` a new secret, else
    empty.
    """

    application: Application
    token: str
    secret: str = ""


def register(metadata: Mapping[str, Any], holder: InitialAccessToken | None, address: str = "") -> Registered:
    """Save a new draft; `holder` is the initial access token that it is counted on, `address` where the
    request came from. Raises BadMetadata and TokenSpent.

    https://www.rfc-editor.org/rfc/rfc7591#section-3
    """
    application = Application(
        status=Application.Status.DRAFT, registration_source=Application.RegistrationSource.DCR
    )
    _write(application, metadata)
    with transaction.atomic():
        if holder is not None and not initial_access_tokens.use(holder):
            raise TokenSpent
        application.save()
        token = generate()
        ClientRegistration.objects.create(
            application=application, digest=token_checksum(token), initial_access_token=holder
        )
        secret = _first_secret(application)
        how = f"by the initial access token {holder}" if holder else "without an initial access token"
        _record(application, 201, f"The app registered itself {how}.", address)
    return Registered(application, token, secret)


def find(client_id: str, token: str) -> Application | None:
    """The client of this id, if it registered itself, this is its registration access token, and it was not
    retired.
    """
    found = (
        ClientRegistration.objects.select_related("application").filter(digest=token_checksum(token)).first()
    )
    if found is None or found.application.client_id != client_id or _is_retired(found.application):
        return None
    application: Application = found.application
    return application


def update(known: Application, metadata: Mapping[str, Any], token: str, address: str = "") -> Registered:
    """Replace the whole of what the app said, and make a live client that is changed by it a draft, which
    ends its tokens. Raises BadMetadata and NotAllowed.

    https://www.rfc-editor.org/rfc/rfc7592#section-2.2
    """
    with transaction.atomic():
        application = Application.objects.select_for_update().get(pk=known.pk)
        if application.status in (Application.Status.SUSPENDED, Application.Status.RETIRED):
            raise NotAllowed("This client is not in use by a decision of this server's staff; ask them.")
        wrong = list(_update_faults(application, metadata))
        if wrong:
            raise BadMetadata(wrong)
        before, had_secrets = told(application), application.has_secrets
        _write(application, metadata)
        if told(application) == before:
            _record(known, 200, "The app sent the registration that it has: nothing was changed.", address)
            return Registered(known, token)
        application.status = Application.Status.DRAFT
        client_status.save(application)
        ClientRegistration.objects.filter(application=application).update(updated=timezone.now())
        if not application.has_secrets:
            application.secrets.in_force().update(ends=timezone.now())
        secret = "" if had_secrets else _first_secret(application)
        changed = sorted(name for name, value in told(application).items() if before.get(name) != value)
        changed += sorted(before.keys() - told(application).keys())
        cause = f"The app replaced its registration ({', '.join(changed)}) and is a draft again."
        _record(application, 200, cause, address)
    return Registered(application, token, secret)


def retire(known: Application, address: str = "") -> None:
    """End a client for good, as its app wishes: its tokens, its codes, and its registration access token.

    https://www.rfc-editor.org/rfc/rfc7592#section-2.3
    """
    with transaction.atomic():
        application = Application.objects.select_for_update().get(pk=known.pk)
        application.status = Application.Status.RETIRED
        client_status.save(application)
        _record(application, 204, "The app ended its registration for good.", address)


def replace_token(registration: ClientRegistration) -> str:
    """A new registration access token; the one before opens nothing from now on. It can be seen only now."""
    token = generate()
    registration.digest = token_checksum(token)
    registration.save(update_fields=["digest"])
    return token


def told(application: Application) -> dict[str, Any]:
    """The client's metadata as they are registered, those that staff set included; what is empty is left out.

    https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1
    """
    values = describe(application)
    del values["may_launch"]  # other clients' names
    for name in ("scope", *MARKED_SCOPES):
        values[name] = " ".join(values[name].split())
    values["grant_types"] = application.grant_types or list(FOR_PEOPLE)
    values["response_types"] = ["code"] if application.may_use_grant("authorization_code") else []
    return {name: value for name, value in values.items() if value not in ("", [], None)}


def fingerprint(application: Application) -> str:
    """A digest of the metadata: whoever has seen these knows by it whether they are still the same."""
    return hashlib.sha256(json.dumps(told(application), sort_keys=True).encode()).hexdigest()


def put_live(application_id: int, seen: str) -> bool:
    """Put a draft live whose metadata still are those of the fingerprint `seen`; whether that was so."""
    with transaction.atomic():
        application = Application.objects.select_for_update().get(pk=application_id)
        if application.status != Application.Status.DRAFT or fingerprint(application) != seen:
            return False
        application.status = Application.Status.LIVE
        client_status.save(application)
    return True


def _write(application: Application, metadata: Mapping[str, Any]) -> None:
    """Let the app's words replace all that was said before. Raises BadMetadata with every fault."""
    said = {name: value for name, value in metadata.items() if name in SAID_BY_APPS and value is not None}
    wrong = list(_size_faults(said))
    if wrong:
        raise BadMetadata(wrong)
    reserved = list(_reserved_faults(application, said))
    everything = {**_defaults(said), **said}
    application.client_jwks = application.client_jwks_uri = application.allowed_origins = ""
    if everything["scope"] != " ".join(application.scope.split()):
        # What staff said of the scopes was said of others.
        application.auto_approved_scope = application.required_scope = ""
    try:
        fill(application, everything)
    except BadMetadata as bad:
        raise BadMetadata([*reserved, *bad.faults]) from bad
    if reserved:
        raise BadMetadata(reserved)


def _defaults(said: Mapping[str, Any]) -> dict[str, Any]:
    return {**DEFAULTS, "application_type": _usual_type(said), "scope": offered_to_new_clients()}


def _usual_type(said: Mapping[str, Any]) -> str:
    """The kind of app, where it does not say: one without a secret has no server of its own.

    Addresses that only a native app can be answered at make it one.
    """
    kinds = Application.ApplicationType
    if said.get("token_endpoint_auth_method") != Application.AuthMethod.NONE:
        return kinds.WEB.value
    uris = said.get("redirect_uris", [])
    parts = [split_url(uri) for uri in uris if isinstance(uri, str)] if isinstance(uris, list) else []
    is_native = any(
        found and (found.scheme not in ("http", "https") or found.hostname in ("127.0.0.1", "::1"))
        for found in parts
    )
    return (kinds.NATIVE if is_native else kinds.BROWSER).value


def _size_faults(said: Mapping[str, Any]) -> Iterator[str]:
    """Limits for what strangers send, beside those that everybody has."""
    for name, value in said.items():
        if name in TEXTS and isinstance(value, str) and len(value) > _LONGEST.get(name, LONGEST_TEXT):
            yield f"{name}: must not be longer than {_LONGEST.get(name, LONGEST_TEXT)} characters."
        if name in LISTS and isinstance(value, list) and len(value) > MOST_IN_A_LIST:
            yield f"{name}: must not have more than {MOST_IN_A_LIST} entries."
        elif (
            name in LISTS and isinstance(value, list) and any(len(str(each)) > LONGEST_TEXT for each in value)
        ):
            yield f"{name}: an entry must not be longer than {LONGEST_TEXT} characters."


def _reserved_faults(application: Application, said: Mapping[str, Any]) -> Iterator[str]:
    """What only staff can give, unless they have given it already.

    Behind a backend service there is no person who could be asked.
    """
    kinds = Application.ApplicationType
    if said.get("application_type") == kinds.BACKEND and application.application_type != kinds.BACKEND:
        yield "application_type: a backend service is registered by this server's staff."
    grants = said.get("grant_types")
    is_new = GRANT_TYPE not in application.grant_types
    if is_new and isinstance(grants, list) and GRANT_TYPE in grants:
        yield "grant_types: client_credentials is given by this server's staff."
    asked = said.get("scope", "")
    given = application.scope.split()
    for text in asked.split() if isinstance(asked, str) else ():
        scope = parse_scope(text)
        if scope is not None and is_without_person(scope) and text not in given:
            yield f"scope: {text[:100]} is given by this server's staff."


def _update_faults(application: Application, metadata: Mapping[str, Any]) -> Iterator[str]:
    """https://www.rfc-editor.org/rfc/rfc7592#section-2.2"""
    if metadata.get("client_id") != application.client_id:
        yield "client_id: must be the client's own."
    for name in OURS_ALONE:
        if name in metadata:
            yield f"{name}: must not be sent."
    secret = metadata.get("client_secret")
    if secret is not None and not (isinstance(secret, str) and verify(application, secret)):
        yield "client_secret: is chosen by this server; send the one that you have, or none."


def _record(application: Application, status: int, cause: str, address: str) -> None:
    step(
        "registration",
        new_attempt(),
        status=status,
        client=application.client_id,
        address=address,
        name=application.name,
        cause=cause,
    )


def _first_secret(application: Application) -> str:
    return add_secret(application, "Made when the app registered itself") if application.has_secrets else ""


def _is_retired(application: Application) -> bool:
    return application.status == Application.Status.RETIRED
