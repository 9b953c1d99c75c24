"""The scope catalogue: which scopes this server grants at all, and which of them it names in its metadata.

A scope is granted, and honoured in a living token, as far as the enabled lines of `oauth.Scope` cover it.
Lines add up: `patient/*.rs` and `patient/*.cud` together cover `patient/*.cruds`, and switching one off
leaves the other.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.db import connection

from fhir.granular import is_understood
from fhir.rows import fetched
from oauth.models import Scope as Line
from oauth.own_scopes import LAUNCH_CONTEXT_PATH, LAUNCH_CONTEXT_WORDS, launch_context_scope
from oauth.scopes import (
    V1_NAMES,
    WILDCARD,
    LaunchScope,
    ResourceScope,
    Scope,
    is_granular,
    narrow,
    parse_scope,
    parse_scopes,
)

# The enabled patterns in alphabetical order, separated by spaces.
_ENABLED_TEXT = {
    "postgresql": """(SELECT coalesce(string_agg(pattern, ' ' ORDER BY pattern COLLATE "C"), '')"""
    " FROM oauth_scope WHERE enabled)",
    "sqlite": "(SELECT coalesce(group_concat(pattern, ' '), '')"
    " FROM (SELECT pattern FROM oauth_scope WHERE enabled ORDER BY pattern))",
}

# pattern, sensitive, offered to new clients
FIRST_LINES = (
    ("openid", False, True),
    ("fhirUser", False, True),
    ("profile", False, True),
    ("email", False, False),
    ("launch", False, True),
    ("launch/patient", False, True),
    ("launch/encounter", False, False),
    ("online_access", False, False),
    ("offline_access", True, False),
    ("patient/*.rs", False, True),
    ("patient/*.cud", True, False),
    ("user/*.rs", True, False),
    ("user/*.cud", True, False),
    ("system/*.rs", True, False),
    ("system/*.cud", True, False),
    ("introspection", True, False),
)


def seed(**kwargs: Any) -> None:
    """Write the first lines into an empty catalogue; a `post_migrate` receiver.

    A catalogue that staff have worked on is left alone, so that a line that they deleted does not come back.
    Only our own scope, which is an address of this site, follows the site where it has moved.
    """
    own = launch_context_scope().text
    if not Line.objects.exists():
        lines = [Line(pattern=name, sensitive=marked, default=new) for name, marked, new in FIRST_LINES]
        lines.append(Line(pattern=own, sensitive=True, description=LAUNCH_CONTEXT_WORDS))
        Line.objects.bulk_create(lines)
    elif not Line.objects.filter(pattern=own).exists():
        moved = Line.objects.filter(pattern__endswith=LAUNCH_CONTEXT_PATH).order_by("pk")[:1]
        Line.objects.filter(pk__in=list(moved.values_list("pk", flat=True))).update(pattern=own)


def enabled_text() -> str:
    """The enabled patterns in alphabetical order, separated by spaces: the catalogue's present state as one
    text.
    """
    [(text,)] = fetched(f"SELECT {_ENABLED_TEXT[connection.vendor]}", ())  # our own words
    return str(text)


def grantable(
    asked: Iterable[Scope], allowed: Iterable[Scope], enabled: str | None = None
) -> tuple[Scope, ...]:
    """What of `asked` a client that may ask for `allowed` can be granted now, in the order asked.

    `enabled` is the catalogue as `enabled_text` gives it, read from the database if left out. A scope with a
    query part that the repository does not understand to the last word is left out: it could not be enforced.
    """
    catalogue = _read(enabled_text() if enabled is None else enabled)
    return tuple(scope for scope in narrow(narrow(asked, allowed), catalogue) if is_enforced(scope))


@lru_cache(maxsize=1024)
def grantable_of_texts(asked: str, allowed: str, enabled: str) -> tuple[Scope, ...]:
    """As `grantable`, of the texts themselves: all that it depends on, so that it is found out once."""
    return grantable(parse_scopes(asked) or (), parse_scopes(allowed) or (), enabled)


@lru_cache(maxsize=16)
def _read(enabled: str) -> tuple[Scope, ...]:
    """The catalogue's text as scopes; reading it again for the same text would give the same."""
    return parse_scopes(enabled) or ()


def is_enforced(scope: Scope) -> bool:
    """Whether every interaction is held to this scope; only such scopes are granted and advertised.

    A query says something only of one type, and in words that the repository reads strictly. Of the types of
    `launch/<type>` only those are honoured for which somebody picks.
    """
    if isinstance(scope, LaunchScope):
        return scope.type in ("", "patient", "encounter")
    if not isinstance(scope, ResourceScope) or not is_granular(scope):
        return True
    return scope.type != WILDCARD and is_understood(scope.type, scope.query)


def advertised() -> list[str]:
    """`scopes_supported`: the enabled and advertised lines, and their v1 spelling where there is an exact
    one.

    https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#metadata
    """
    patterns = Line.objects.filter(enabled=True, advertised=True).values_list("pattern", flat=True)
    scopes = [scope for scope in map(parse_scope, patterns) if scope is not None and is_enforced(scope)]
    return list(dict.fromkeys(text for scope in scopes for text in _spellings(scope)))


def _spellings(scope: Scope) -> list[str]:
    v1 = V1_NAMES.get(scope.letters) if isinstance(scope, ResourceScope) else None
    return [
        scope.text,
        *([f"{scope.context}/{scope.type}.{v1}"] if v1 and isinstance(scope, ResourceScope) else []),
    ]


def offered_to_new_clients() -> str:
    """The enabled scopes that a new client starts with, as one text."""
    return " ".join(Line.objects.filter(enabled=True, default=True).values_list("pattern", flat=True))
