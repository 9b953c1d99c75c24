"""Why a client got no token for itself, in the order of oauth.tokens.backend_services."""

from collections.abc import Mapping, Sequence

from oauth.catalogue import enabled_text
from oauth.causes.masking import masked
from oauth.causes.why import Why
from oauth.models import Application
from oauth.scopes import ResourceScope, parse_scope, parse_scopes

GRANT_TYPE = "client_credentials"
_MOST = 20


def of_service(client: Application, form: Mapping[str, str]) -> Why:
    """Why this client, which has proven itself, got no token by client_credentials."""
    if not client.may_use_grant(GRANT_TYPE):
        registered = ", ".join(client.grant_types or ["authorization_code", "refresh_token"])
        cause = f"The client is registered for {registered} only."
        return Why("check_grant_type", cause, registered, GRANT_TYPE)
    if not client.has_keys:
        method = str(client.token_endpoint_auth_method)
        cause = f"The client authenticates by {method}; a backend service does by private_key_jwt."
        return Why("check_method", cause, "private_key_jwt", method)
    return Why("check_scope", _of_scope(client, form.get("scope", "")), client.scope[:500])


def of_grant_type(asked: str, supported: Sequence[str]) -> Why:
    """That there is no such grant type here."""
    shown = asked if asked.replace("_", "").isalpha() and len(asked) < 40 else "another"
    expected = ", ".join(supported)
    return Why("check_grant_type", f"grant_type is {shown}: supported are {expected}.", expected, shown)


def _of_scope(client: Application, asked: str) -> str:
    words = [word for word in asked.split(" ") if word]
    if not words:
        return "scope is missing."
    if parse_scopes(asked) is None:
        return "scope cannot be read."
    known = {word: parse_scope(word) for word in words[:_MOST]}
    with_person = [
        word
        for word, scope in known.items()
        if isinstance(scope, ResourceScope) and scope.context != "system"
    ]
    if with_person:
        return f"{masked(with_person[0])} has no meaning without a person; system/ scopes are asked here."
    enabled = enabled_text().split()
    said = "; ".join(
        f"{masked(word)} {_why_not(word, known[word], client, enabled)}" for word in known if known[word]
    )
    return f"None of the asked scopes can be granted: {said or 'none of them is a scope'}."


def _why_not(word: str, scope: object, client: Application, enabled: list[str]) -> str:
    if not isinstance(scope, ResourceScope):
        return "is not one of a backend service" if word not in client.scope.split() else "is not enabled"
    registered = [text for text in client.scope.split() if text.startswith("system/")]
    return f"is not within what the client is registered for ({' '.join(registered) or 'no system/ scope'})"
