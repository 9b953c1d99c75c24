"""The SMART scope grammar as values: read a scope, compare scopes, write them down again.

Nothing here knows of Django, tokens or people: text goes in, frozen dataclasses come out. What cannot be read
is None, and a caller that gets None grants nothing; a scope is never repaired, as a repaired scope may be
wider.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias
from urllib.parse import unquote_plus

from fhir.registry import RESOURCE_TYPES, is_resource_type

LETTERS = "cruds"
WILDCARD = "*"
MAX_SCOPE_LENGTH = 1_000
MAX_SCOPES_LENGTH = 16_384
SCOPE_URI_PREFIX = "http://smarthealthit.org/fhir/scopes/"
OPENID_URI_PREFIX = "http://openid.net/specs/openid-connect-core-1_0#"
V1_LETTERS = {"read": "rs", "write": "cud", "*": "cruds"}
V1_NAMES = {letters: name for name, letters in V1_LETTERS.items()}
OPENID_NAMES = frozenset({"openid", "profile", "email", "offline_access"})
SMART_NAMES = frozenset({"fhirUser", "online_access", "offline_access", "introspection"})
NAMES = OPENID_NAMES | SMART_NAMES
LAUNCH_TYPES = {name.lower(): name for name in RESOURCE_TYPES}

# RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ); one space between two of them.
_SCOPE_TOKENS = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*\Z")
_RESOURCE_SCOPE = re.compile(r"(patient|user|system)/([A-Za-z]+|\*)\.([a-z]+|\*)(?:\?(.*))?\Z")
_LETTERS = re.compile(r"(?=.)c?r?u?d?s?\Z")
_QUERY_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*\Z")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LAUNCH_SCOPE = re.compile(r"launch(?:/([a-z]+)(?:\?role=([^&#\s]+))?)?\Z")
_URI_SCOPE = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+/[^\s?#<>{}|^`]+\Z")


@dataclass(frozen=True, slots=True)
class ResourceScope:
    """`patient/Observation.rs?category=laboratory`: what may be done to which resources.

    `letters` is a non-empty, in-order part of "cruds". `query` is form data without the "?", kept as it came;
    "" stands for every resource of the type. `asked_as_v1` only says how to write the scope down again.
    https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-fhir-resources
    """

    context: str
    type: str
    letters: str
    query: str = ""
    asked_as_v1: bool = False

    @property
    def text(self) -> str:
        """The scope as it goes over the wire, in v1 words if it came so and v1 can say exactly this."""
        suffix = V1_NAMES.get(self.letters) if self.asked_as_v1 and not self.query else None
        query = f"?{self.query}" if self.query else ""
        return f"{self.context}/{self.type}.{suffix or self.letters}{query}"


@dataclass(frozen=True, slots=True)
class LaunchScope:
    """`launch` (`type` is "" then), or `launch/patient` with the type in lower case and at most one role.

    https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-context-data
    """

    type: str = ""
    role: str = ""

    @property
    def text(self) -> str:
        """The scope as it goes over the wire."""
        return "launch" + (f"/{self.type}" if self.type else "") + (f"?role={self.role}" if self.role else "")


@dataclass(frozen=True, slots=True)
class NamedScope:
    """A scope that is one fixed word, such as `openid` or `fhirUser`; NAMES has them all."""

    name: str

    @property
    def text(self) -> str:
        """The word itself."""
        return self.name


@dataclass(frozen=True, slots=True)
class UriScope:
    """A scope of somebody's own, named by a full URI; it means nothing until something asks for exactly it.

    https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#extensibility
    """

    uri: str

    @property
    def text(self) -> str:
        """The URI itself."""
        return self.uri


Scope: TypeAlias = ResourceScope | LaunchScope | NamedScope | UriScope


def parse_scope(text: str) -> Scope | None:
    """Read one scope; None if it is malformed, unknown, names no R4 type, or is longer than 1,000 characters.

    The URI form of a SMART or OpenID scope is the same scope and comes back in its short form.
    https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#appendix-uri-representation-of-scopes
    """
    if len(text) > MAX_SCOPE_LENGTH or " " in text or not _SCOPE_TOKENS.match(text):
        return None
    if text.startswith(OPENID_URI_PREFIX):
        name = text.removeprefix(OPENID_URI_PREFIX)
        return NamedScope(name) if name in OPENID_NAMES else None
    if text.startswith(SCOPE_URI_PREFIX):
        text = text.removeprefix(SCOPE_URI_PREFIX)
        return NamedScope(text) if text in SMART_NAMES else _parse_resource(text) or _parse_launch(text)
    if text in NAMES:
        return NamedScope(text)
    if _URI_SCOPE.match(text):
        return UriScope(text)
    return _parse_resource(text) or _parse_launch(text)


def parse_scopes(text: str) -> tuple[Scope, ...] | None:
    """Read a space-separated scope string: its scopes in order, each once, without those that cannot be read.

    None if the string as a whole breaks the grammar of RFC 6749 (two spaces in a row, a space at an end, NUL,
    anything but printable ASCII) or is longer than 16,384 characters. The empty string is the empty tuple.
    https://www.rfc-editor.org/rfc/rfc6749#section-3.3
    """
    if not text:
        return ()
    if len(text) > MAX_SCOPES_LENGTH or not _SCOPE_TOKENS.match(text):
        return None
    read = (parse_scope(token) for token in text.split(" "))
    return tuple(dict.fromkeys(scope for scope in read if scope is not None))


def to_text(scopes: Iterable[Scope]) -> str:
    """Write scopes as one space-separated string, each text once, in the order given."""
    return " ".join(dict.fromkeys(scope.text for scope in scopes))


def is_granular(scope: Scope) -> bool:
    """True for a scope that is limited to the hits of a query, like `patient/Observation.rs?status=final`."""
    return isinstance(scope, ResourceScope) and bool(scope.query)


def covers(scope: Scope, resource_type: str, letter: str) -> bool:
    """Whether the scope grants the interaction `letter` (one of "cruds") on *every* resource of that type.

    A granular scope covers only its query's hits and therefore answers False here.
    """
    return (
        isinstance(scope, ResourceScope)
        and not scope.query
        and scope.type in (resource_type, WILDCARD)
        and len(letter) == 1
        and letter in scope.letters
    )


def narrow(asked: Iterable[Scope], allowed: Iterable[Scope]) -> tuple[Scope, ...]:
    """What of `asked` lies within `allowed`: an intersection of meanings, not of strings.

    Resource scopes are intersected by context, type, letters and query: `*` asked where single types are
    allowed becomes those types, and two different queries on one type have no intersection that a scope could
    say, so that they drop out. All other scopes must be allowed as they are. The order is that of `asked`.
    """
    limits = tuple(allowed)
    return tuple(dict.fromkeys(granted for scope in asked for granted in _narrow_one(scope, limits)))


def _narrow_one(scope: Scope, limits: tuple[Scope, ...]) -> list[Scope]:
    if isinstance(scope, ResourceScope):
        return list(_narrow_resource(scope, limits))
    if isinstance(scope, LaunchScope) and scope.role and LaunchScope(scope.type) in limits:
        return [scope]
    return [scope] if scope in limits else []


def _narrow_resource(scope: ResourceScope, limits: tuple[Scope, ...]) -> Iterable[ResourceScope]:
    """The parts of one scope that the limits allow, without those that another part implies."""
    letters_of: dict[tuple[str, str], set[str]] = {}
    for limit in limits:
        if isinstance(limit, ResourceScope) and (target := _common_target(scope, limit)):
            letters_of.setdefault(target, set()).update(set(scope.letters) & set(limit.letters))
    parts = [
        replace(scope, type=resource_type, query=query, letters=in_order(letters))
        for (resource_type, query), letters in sorted(letters_of.items())
        if letters
    ]
    return [part for part in parts if not any(other != part and implies(other, part) for other in parts)]


def _common_target(one: ResourceScope, two: ResourceScope) -> tuple[str, str] | None:
    """The type and query of what two resource scopes have in common, or None if that is nothing."""
    if one.context != two.context:
        return None
    if one.type != two.type and WILDCARD not in (one.type, two.type):
        return None
    if one.query and two.query and one.query != two.query:
        return None
    return (two.type if one.type == WILDCARD else one.type), one.query or two.query


def implies(wide: Scope, slim: Scope) -> bool:
    """Whether whoever holds `wide` holds `slim` as well."""
    if not isinstance(wide, ResourceScope) or not isinstance(slim, ResourceScope):
        return wide == slim
    return (
        wide.context == slim.context
        and wide.type in (slim.type, WILDCARD)
        and wide.query in (slim.query, "")
        and set(slim.letters) <= set(wide.letters)
    )


def in_order(letters: Iterable[str]) -> str:
    """The letters in the order that the grammar wants: c, r, u, d, s."""
    chosen = set(letters)
    return "".join(letter for letter in LETTERS if letter in chosen)


def _parse_resource(text: str) -> ResourceScope | None:
    match = _RESOURCE_SCOPE.match(text)
    if not match:
        return None
    context, resource_type, suffix, query = match.groups()
    if resource_type != WILDCARD and not is_resource_type(resource_type):
        return None
    if suffix in V1_LETTERS:
        # SMART 1.0 knew no query, so "read?category=x" is neither a v1 nor a v2 scope.
        return ResourceScope(context, resource_type, V1_LETTERS[suffix], "", True) if query is None else None
    if not _LETTERS.match(suffix) or (query is not None and not _is_form_data(query)):
        return None
    return ResourceScope(context, resource_type, suffix, query or "")


def _parse_launch(text: str) -> LaunchScope | None:
    match = _LAUNCH_SCOPE.match(text)
    if not match or (match[1] and match[1] not in LAUNCH_TYPES):
        return None
    return LaunchScope(match[1] or "", match[2] or "")


def _is_form_data(query: str) -> bool:
    """Whether the text is `name=value` parts joined by "&", neither side empty, percent-encoded as UTF-8."""
    if "#" in query or _BAD_PERCENT.search(query):
        return False
    return all(_is_form_field(field) for field in query.split("&"))


def _is_form_field(field: str) -> bool:
    name, _, value = field.partition("=")
    try:
        plain = unquote_plus(value, errors="strict")
    except UnicodeDecodeError:
        return False
    return bool(_QUERY_NAME.match(name)) and plain.isprintable() and bool(plain.strip())
