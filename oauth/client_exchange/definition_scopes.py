"""The scopes of a client definition and how they are approved, in our words."""

from collections.abc import Iterable, Mapping
from typing import Any

from oauth.client_exchange.entries import Read
from oauth.clients.metadata import misplaced
from oauth.models import Application
from oauth.scopes import implies, parse_scope


def translate_scopes(
    found: Read, given: Mapping[str, Any], grants: list[str], known: Application | None
) -> None:
    """Put scopes and approval into the metadata; note each scope that does not mean anything here."""
    kept = known.scope.split() if known else []
    if "scopes" in given:
        kept = _known_ones(found, given, grants)
        found.metadata["scope"] = " ".join(kept)
    if "autoApproveScopes" in given:
        found.metadata["auto_approved_scope"] = _within(found, given["autoApproveScopes"], kept)
    for text in given.get("autoGrantScopes", []):
        found.drop(f"autoGrantScopes: {text[:100]}", "an app is granted only what it asks for.")
    _approval(found, given)
    _fixed(found, given.get("fixedScope"), kept, known)


def _known_ones(found: Read, given: Mapping[str, Any], grants: list[str]) -> list[str]:
    kept = []
    for text in dict.fromkeys(given["scopes"]):
        scope = parse_scope(text)
        why = "is not a scope here." if scope is None else misplaced(scope, grants)
        if text == "introspection" and not given.get("canIntrospectAnyTokens"):
            why = "is only for clients with canIntrospectAnyTokens."
        if why:
            found.drop(f"scopes: {text[:100]}", f"it {why}")
        else:
            kept.append(text)
    return kept


def _within(found: Read, asked: Iterable[str], kept: list[str]) -> str:
    """Those of the scopes that lie within the kept ones, as one text."""
    wide = [scope for text in kept if (scope := parse_scope(text)) is not None]
    within = []
    for text in dict.fromkeys(asked):
        scope = parse_scope(text)
        if scope is not None and any(implies(one, scope) for one in wide):
            within.append(text)
        else:
            found.drop(f"autoApproveScopes: {text[:100]}", "it is not within the scopes that are taken.")
    return " ".join(within)


def _approval(found: Read, given: Mapping[str, Any]) -> None:
    """When people are asked."""
    policies = Application.ConsentPolicy
    if "alwaysRequireApproval" in given or "rememberApprovedScopes" in given:
        remembers = given.get("rememberApprovedScopes") and not given.get("alwaysRequireApproval")
        found.metadata["consent_policy"] = (policies.REMEMBER if remembers else policies.ALWAYS).value


def _fixed(found: Read, fixed: bool | None, kept: list[str], known: Application | None) -> None:
    """What people cannot decline: all of it, or, if it was all of it until now, nothing."""
    if fixed:
        found.metadata["required_scope"] = " ".join(kept)
        found.alter(
            "fixedScope", "people cannot decline a scope, but one that is not asked for is not granted."
        )
    elif fixed is False and known and set(known.required_scope.split()) == set(known.scope.split()):
        found.metadata["required_scope"] = ""
