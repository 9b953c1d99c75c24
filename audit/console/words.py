"""What stands in an event, in words: kinds, outcomes, times."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from django.utils import formats

KINDS: Mapping[str, Mapping[str, str]] = {
    "Authorization": {
        "launch": "launch",
        "request": "authorization request",
        "sign-in": "sign-in",
        "context": "choice of the context",
        "consent": "consent",
        "code": "issue of the code",
        "token": "token request",
        "refresh": "refresh of tokens",
        "service-token": "token request of a service",
        "revocation": "revocation",
        "introspection": "introspection",
        "userinfo": "question who signed in",
        "registration": "registration of an app",
    },
    "FHIR API": {
        "read": "read",
        "vread": "read of a version",
        "search-type": "search",
        "search-system": "search in all types",
        "history-instance": "history",
        "history-type": "history of a type",
        "history-system": "history of everything",
        "create": "create",
        "update": "update",
        "patch": "patch",
        "delete": "delete",
        "batch": "batch",
        "transaction": "transaction",
        "$everything": "whole record",
        "$validate": "validation",
        "$export": "export",
        "export-file": "download of an exported file",
    },
    "Accounts": {
        "sign-out": "sign-out",
        "password": "password",
        "factor": "second factor",
        "session": "session",
        "proxy": "proxy",
    },
    "This console": {
        "console-read": "look at a FHIR resource",
        "console-change": "change",
        "console": "page that was refused",
        "audit-export": "export of the audit trail",
    },
}
"""The kinds of events, in the groups in which they are offered. Each has its words."""
_WORDS = {kind: words for group in KINDS.values() for kind, words in group.items()}
CALLS = frozenset(KINDS["FHIR API"])
"""Calls of the FHIR API; all other kinds under a reference code are steps of the authorization."""


class Mark(NamedTuple):
    """An outcome by word, icon and colour (a class of static/css/audit.css), so that none of them is all."""

    word: str
    icon: str
    colour: str


_MARKS = {
    "allowed": Mark("allowed", "✓", "is-allowed"),
    "refused": Mark("refused", "✕", "is-refused"),
    "failed": Mark("failed", "!", "is-failed"),
}
OUTCOMES = tuple(_MARKS)


def mark(outcome: str) -> Mark:
    """The outcome as pages show it."""
    return _MARKS.get(outcome, Mark(outcome, "?", "is-failed"))


def kind_in_words(kind: str) -> str:
    """The kind as people call it; one that is not known here, by its own name."""
    return _WORDS.get(kind, kind)


def moment(microseconds: int) -> datetime:
    """The moment of an event, whose time counts from 1970."""
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)


def exact(microseconds: int) -> str:
    """The moment as RFC 3339 writes it, to the microsecond: https://www.rfc-editor.org/rfc/rfc3339"""
    return moment(microseconds).isoformat(timespec="microseconds").replace("+00:00", "Z")


def shown(microseconds: int) -> str:
    """The moment in the reader's language, and by which clock."""
    when = moment(microseconds)
    return f"{formats.date_format(when, 'DATE_FORMAT')}, {when:%H:%M:%S} UTC"


def after(microseconds: int) -> str:
    """So long after something: "0.250 s", "1 min 5 s", "2 h 3 min"."""
    seconds = microseconds / 1_000_000
    if seconds < 60:
        return f"{seconds:.3f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} days"
