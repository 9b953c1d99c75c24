"""The grant types of a client definition, in our words: those that do not exist here are dropped, each with a
note, and a client that is left without any is refused.
"""

from collections.abc import Mapping
from typing import Any

from oauth.client_exchange.entries import Read

_OURS = {
    "AUTHORIZATION_CODE": "authorization_code",
    "REFRESH_TOKEN": "refresh_token",
    "CLIENT_CREDENTIALS": "client_credentials",
}
_NOT_HERE = {
    "IMPLICIT": "no token is given in an address; the app must use AUTHORIZATION_CODE with PKCE.",
    "PASSWORD": "no app gets to see a person's password; it must use AUTHORIZATION_CODE with PKCE.",
}


def grant_types(found: Read, given: Mapping[str, Any]) -> list[str]:
    """The grant types to register, which are also put into the metadata."""
    asked = given.get("allowedGrantTypes", [])
    has_keys = bool(given.get("jwksUrl") or given.get("publicJwks"))
    kept = [_OURS[name] for name in dict.fromkeys(asked) if name in _OURS]
    for name in dict.fromkeys(asked):
        if name not in _OURS:
            found.drop(f"allowedGrantTypes: {name[:80]}", _why_not(name, has_keys))
    if "client_credentials" in kept and "authorization_code" in kept and not has_keys:
        kept.remove("client_credentials")
        found.drop("allowedGrantTypes: CLIENT_CREDENTIALS", "it needs jwksUrl or publicJwks, never a secret.")
    if "refresh_token" in kept and "authorization_code" not in kept:
        kept.remove("refresh_token")
        found.drop("allowedGrantTypes: REFRESH_TOKEN", "there are none without AUTHORIZATION_CODE.")
    if not kept:
        found.faults.append("allowedGrantTypes: nothing is left that exists here; no token could be had.")
    found.metadata["grant_types"] = kept
    return kept


def _why_not(name: str, has_keys: bool) -> str:
    if name == "JWT_BEARER":
        return (
            "it is no grant here: the client proves itself by its key wherever it gets tokens."
            if has_keys
            else "assertions about people are not taken from other organisations."
        )
    return _NOT_HERE.get(name, "no such grant type exists here.")
