"""Why asked scopes are not granted: one by one, with what may have been meant."""

import re
from dataclasses import dataclass

from fhir.registry import RESOURCE_TYPES
from oauth.catalogue import is_enforced
from oauth.causes.differences import by_one_character
from oauth.causes.masking import without_jwts
from oauth.scopes import (
    LAUNCH_TYPES,
    LETTERS,
    MAX_SCOPES_LENGTH,
    NAMES,
    LaunchScope,
    ResourceScope,
    Scope,
    in_order,
    narrow,
    parse_scope,
    parse_scopes,
    to_text,
)
from oauth.tokens.backend_services import is_with_person

_RESOURCE = re.compile(r"([A-Za-z]+)/([A-Za-z]+|\*)\.([A-Za-z*]+)(\?.*)?\Z")
_CONTEXTS = ("patient", "user", "system")
_TYPES = {name.lower(): name for name in RESOURCE_TYPES}
_WORDS = {word.lower(): word for word in (*NAMES, "launch", *(f"launch/{name}" for name in LAUNCH_TYPES))}
_MOST, _LONGEST = 20, 80


@dataclass(frozen=True, slots=True)
class Limits:
    """What scopes are held to: the client's registration, the catalogue's enabled lines, and whether the
    request has a launch value that is known here.
    """

    registered: tuple[Scope, ...]
    enabled: tuple[Scope, ...]
    is_launched: bool


def limits(registered: str, enabled: str, is_launched: bool) -> Limits:
    """The limits as the registration's and the catalogue's texts say them."""
    return Limits(parse_scopes(registered) or (), parse_scopes(enabled) or (), is_launched)


def of_scope(text: str, limits: Limits) -> str:
    """Why nothing of the asked scopes is left. https://www.rfc-editor.org/rfc/rfc6749#section-3.3"""
    if not text:
        return "scope is missing."
    if parse_scopes(text) is None:
        return f"scope cannot be read: it has {_fault(text)}."
    return f"None of the asked scopes can be granted: {'; '.join(left_out(text, limits))}."


def left_out(text: str, limits: Limits) -> list[str]:
    """Each asked scope that is not granted as it was asked, and why; of very many the first ones."""
    said: list[str] = []
    for token in dict.fromkeys(text.split(" ")):
        if token and (why := _why_not(token, limits)):
            said.append(f"{_cut(token)} {why}")
        if len(said) > _MOST:
            return [*said[:_MOST], "and more"]
    return said


def _why_not(token: str, limits: Limits) -> str:
    scope = parse_scope(token)
    if scope is None:
        return f"is not a scope{_meant(token)}"
    if not is_with_person(scope):
        return "is only for clients that act for themselves"
    if scope == LaunchScope() and not limits.is_launched:
        return "counts for nothing without a launch value"
    registered = narrow([scope], limits.registered)
    if not registered:
        return f"is not registered for the client{_registered_instead(scope, limits.registered)}"
    enabled = narrow(registered, limits.enabled)
    granted = tuple(filter(is_enforced, enabled))
    if granted == (scope,):
        return ""
    if granted:
        return f"is narrowed to {_cut(to_text(granted))}"
    return "cannot be enforced as it is limited" if enabled else "is not enabled in the catalogue"


def _registered_instead(scope: Scope, registered: tuple[Scope, ...]) -> str:
    """What the client is registered for of the same type."""
    if not isinstance(scope, ResourceScope):
        return ""
    of_type = [
        each for each in registered if isinstance(each, ResourceScope) and each.type in (scope.type, "*")
    ]
    return f", which has {_cut(to_text(of_type))}" if of_type else ""


def _fault(text: str) -> str:
    if len(text) > MAX_SCOPES_LENGTH:
        return f"more than {MAX_SCOPES_LENGTH} characters"
    if text != text.strip(" ") or "  " in text:
        return "a space at an end, or two in a row"
    return "a character that no scope may have"


def _meant(token: str) -> str:
    """What the person who wrote it may have meant, or which part of it is wrong."""
    if re.search(r"[,;]", token.partition("?")[0]):
        return ": scopes are separated by spaces"
    match = _RESOURCE.match(token)
    if match is None:
        return _meant_word(token)
    context, resource_type, letters = (
        match[1].lower(),
        _TYPES.get(match[2].lower(), match[2]),
        match[3].lower(),
    )
    if context not in _CONTEXTS:
        return f": it begins with neither {', '.join(_CONTEXTS[:-1])} nor {_CONTEXTS[-1]}"
    if resource_type != "*" and resource_type not in RESOURCE_TYPES:
        near = next((name for name in sorted(RESOURCE_TYPES) if by_one_character(resource_type, name)), "")
        return f": R4 has no resource type {resource_type}" + (f", perhaps {near} is meant" if near else "")
    if letters not in ("read", "write", "*") and not set(letters) <= set(LETTERS):
        return f": .{_cut(match[3])} is neither read, write or * of version 1 nor some of cruds of version 2"
    if match[4] and letters in ("read", "write", "*"):
        return ": version 1 (read, write, *) knows no ?"
    right = letters if letters in ("read", "write", "*") else in_order(letters)
    better = f"{context}/{resource_type}.{right}"
    return (
        f": perhaps {better} is meant" if better != token.partition("?")[0] else ": its query cannot be read"
    )


def _meant_word(token: str) -> str:
    word = _WORDS.get(token.lower()) or next(
        (each for each in sorted(_WORDS.values()) if by_one_character(token, each)), ""
    )
    return f": perhaps {word} is meant" if word else ""


def _cut(text: str) -> str:
    shown = without_jwts(text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
