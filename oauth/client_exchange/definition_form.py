"""An entry in the other form: a client definition of Smile CDR's JSON Admin API, put into our words.

Whatever has no counterpart here is noted with the reason; nothing is left out in silence. A member that is
absent, null, false or empty asks for nothing, and needs no note.
"""

import json
from collections.abc import Mapping
from typing import Any

from oauth.client_exchange import given_secrets
from oauth.client_exchange.definition_grants import grant_types
from oauth.client_exchange.definition_scopes import translate_scopes
from oauth.client_exchange.entries import Read
from oauth.clients.metadata import LIFETIME_LIMITS, is_service
from oauth.models import Application

_WITHOUT_COUNTERPART = {
    "pid": "it is a number of the other server.",
    "nodeId": "it is a name of the other server.",
    "moduleId": "it is a name of the other server.",
    "secretClientCanChange": "only staff make and end secrets here.",
    "canReissueTokens": "no client issues tokens for others here.",
    "attestationAccepted": "there is no attestation here.",
    "createdByAppSphere": "where a registration came from is not kept.",
}
_FLAGS = (
    "enabled",
    "secretRequired",
    "canIntrospectOwnTokens",
    "canIntrospectAnyTokens",
    "alwaysRequireApproval",
    "rememberApprovedScopes",
    "fixedScope",
)
_LISTS = ("allowedGrantTypes", "registeredRedirectUris", "scopes", "autoApproveScopes", "autoGrantScopes")
_LIFETIMES = {
    "accessTokenValiditySeconds": "access_token_seconds",
    "refreshTokenValiditySeconds": "refresh_token_seconds",
}
_OTHERS = ("clientId", "clientName", "archivedAt", "clientSecrets", "jwksUrl", "publicJwks", "permissions")
_TRANSLATED = {*_FLAGS, *_LISTS, *_LIFETIMES, *_OTHERS}


def is_definition(entry: Mapping[str, Any]) -> bool:
    """Whether an entry has this form: it names its client by `clientId`."""
    return "clientId" in entry


def read(entry: Mapping[str, Any], known: Application | None) -> Read:
    """The definition as metadata. What the form does not tell of a `known` client stays as it is here."""
    found = Read()
    given = _sound(found, entry)
    _names_and_status(found, given)
    _lifetimes(found, given)
    grants = grant_types(found, given)
    _proof(found, given, grants, known)
    if "registeredRedirectUris" in given:
        found.metadata["redirect_uris"] = given["registeredRedirectUris"]
    translate_scopes(found, given, grants, known)
    _introspection(found, given)
    _without_counterpart(found, given)
    return found


def _sound(found: Read, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The members that say something, in the kind of value that they should have; a fault for each other."""
    given = {}
    for name, value in entry.items():
        if value is None:
            continue
        if name in _LISTS and isinstance(value, str):
            value = value.split()
        if name in _FLAGS and not isinstance(value, bool):
            found.faults.append(f"{name}: must be true or false.")
        elif name in _LISTS and not _is_list_of_texts(value):
            found.faults.append(f"{name}: must be a list of texts without spaces.")
        elif name in ("clientId", "clientName", "jwksUrl") and not isinstance(value, str):
            found.faults.append(f"{name}: must be a text.")
        else:
            given[name] = value
    return given


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, str) and item.isprintable() and len(item.split()) == 1 for item in value
    )


def _names_and_status(found: Read, given: Mapping[str, Any]) -> None:
    for name, ours in (("clientId", "client_id"), ("clientName", "client_name")):
        if name in given:
            found.metadata[ours] = given[name]
    if given.get("archivedAt"):
        found.metadata["status"] = Application.Status.RETIRED.value
    elif "enabled" in given:
        status = Application.Status.LIVE if given["enabled"] else Application.Status.SUSPENDED
        found.metadata["status"] = status.value


def _lifetimes(found: Read, given: Mapping[str, Any]) -> None:
    for name, ours in _LIFETIMES.items():
        if name not in given:
            continue
        seconds = given[name]
        if not isinstance(seconds, int) or isinstance(seconds, bool):
            found.faults.append(f"{name}: must be a whole number of seconds.")
            continue
        least, most = LIFETIME_LIMITS[ours]
        found.metadata[ours] = min(max(seconds, least), most)
        if found.metadata[ours] != seconds:
            found.alter(
                name, f"{found.metadata[ours]} in place of {seconds}; {least} to {most} are allowed here."
            )


def _proof(found: Read, given: Mapping[str, Any], grants: list[str], known: Application | None) -> None:
    """How the client proves itself, and what kind of client that makes it."""
    secrets = given.get("clientSecrets")
    must_prove = given.get("secretRequired", known.has_secrets if known else bool(secrets))
    if given.get("jwksUrl") or given.get("publicJwks"):
        found.metadata |= {"token_endpoint_auth_method": "private_key_jwt", **_keys(found, given)}
        if secrets:
            found.drop("clientSecrets", "the client proves itself by its key, and by nothing else.")
    elif must_prove:
        is_post = known is not None and known.token_endpoint_auth_method == Application.AuthMethod.POST
        found.metadata["token_endpoint_auth_method"] = (
            "client_secret_post" if is_post else "client_secret_basic"
        )
        if known is None:
            found.warn(
                "secretRequired", "HTTP Basic is taken; choose otherwise if the app sends it in the body."
            )
        given_secrets.take(found, "clientSecrets", secrets, given_secrets.OTHERS)
    else:
        found.metadata["token_endpoint_auth_method"] = Application.AuthMethod.NONE.value
        if known is None and "secretRequired" not in given:
            found.faults.append("secretRequired: is missing; nothing says whether the client is public.")
        if secrets:
            found.drop("clientSecrets", "secretRequired is false: the client is public, and needs none.")
    found.metadata["application_type"] = _application_type(found.metadata, given, grants, known)


def _keys(found: Read, given: Mapping[str, Any]) -> dict[str, Any]:
    if given.get("jwksUrl"):
        if given.get("publicJwks"):
            found.drop("publicJwks", "jwksUrl is taken; a client has one of the two here.")
        return {"jwks_uri": given["jwksUrl"]}
    keys = given["publicJwks"]
    try:
        return {"jwks": json.loads(keys) if isinstance(keys, str) else keys}
    except (ValueError, RecursionError):
        found.faults.append("publicJwks: must be a JWK Set, as an object or as its text.")
        return {}


def _application_type(
    metadata: Mapping[str, Any], given: Mapping[str, Any], grants: list[str], known: Application | None
) -> str:
    """The form does not tell it: what is registered here counts, as far as it still fits."""
    kinds = Application.ApplicationType
    is_public = metadata["token_endpoint_auth_method"] == Application.AuthMethod.NONE
    if is_service(grants):
        return kinds.BACKEND.value
    if known is not None and known.is_public == is_public and known.application_type != kinds.BACKEND:
        return str(known.application_type)
    if not is_public:
        return kinds.WEB.value
    uris = given.get("registeredRedirectUris", [])
    is_native = any(not uri.startswith("https:") and not uri.startswith("http://localhost") for uri in uris)
    return (kinds.NATIVE if is_native else kinds.BROWSER).value


def _introspection(found: Read, given: Mapping[str, Any]) -> None:
    asked = [name for name in ("canIntrospectAnyTokens", "canIntrospectOwnTokens") if given.get(name)]
    if found.metadata["token_endpoint_auth_method"] == Application.AuthMethod.NONE:
        for name in asked:
            found.drop(name, "a public client cannot ask about tokens.")
        asked = []
    choices = {"canIntrospectAnyTokens": "any", "canIntrospectOwnTokens": "own"}
    found.metadata["introspection"] = choices[asked[0]] if asked else "none"


def _without_counterpart(found: Read, given: Mapping[str, Any]) -> None:
    for name in sorted(given):
        if name in _TRANSLATED or not given[name]:
            continue
        found.drop(name[:80], _WITHOUT_COUNTERPART.get(name, "no such member is known."))
    permissions = given.get("permissions") or []
    for one in permissions if isinstance(permissions, list) else [permissions]:
        named = [one.get("permission"), one.get("argument")] if isinstance(one, dict) else [one]
        words = " ".join(str(part) for part in named if part)
        found.drop(
            f"permissions: {words[:120]}", "system/ scopes say what a service may do, and people have rights."
        )
