"""A plan in words, for the terminal."""

import json
from collections.abc import Iterator
from typing import Any

from oauth.client_exchange.planning import Entry, Plan

_KINDS = {
    "new": "new",
    "changed": "would change",
    "unchanged": "unchanged",
    "faulty": "cannot be imported",
}


def told(plan: Plan) -> str:
    """What would become of each client, a line for each member, note and fault."""
    return "\n".join(_visible(line) for entry in plan.entries for line in _lines(entry))


def _visible(line: str) -> str:
    """A line without what could move a terminal's cursor or turn its text around."""
    return "".join(character if character.isprintable() else "\ufffd" for character in line)


def shown(value: Any) -> str:
    """A member's value on one line; a dash where there is none."""
    if value in (None, "", []):
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) and value.isprintable() else json.dumps(value, ensure_ascii=False)


def _lines(entry: Entry) -> Iterator[str]:
    yield f"{entry.client_id or '(no client_id)'}: {_KINDS[entry.kind]}"
    for change in entry.changes:
        if entry.is_new or change.member == "client_secrets":
            yield f"    {change.member}: {shown(change.after)}"
        else:
            yield f"    {change.member}: {shown(change.before)} → {shown(change.after)}"
    for note in entry.notes:
        yield f"    {note}"
    for fault in entry.faults:
        yield f"    FAULT {fault}"
