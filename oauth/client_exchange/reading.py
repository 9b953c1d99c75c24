"""The text of a file with clients, and the clients in it, whatever form each has."""

import json
from collections.abc import Iterable
from typing import Any, Never

LARGEST = 1024 * 1024
MOST_CLIENTS = 500


class BadFile(ValueError):
    """The file as a whole cannot be read; the message says why."""


def read(text: str) -> list[dict[str, Any]]:
    """The entries of a file: one object, a list of them, or an object whose member `clients` is such a list.

    At most 1 MB (2 ** 20 characters) and 500 clients. Raises BadFile.
    """
    if len(text) > LARGEST:
        raise BadFile(f"The file is longer than {LARGEST} characters.")
    try:
        found = json.loads(
            text.removeprefix("\ufeff"), object_pairs_hook=_each_once, parse_constant=_no_number
        )
        # Half a character, as in "\\ud800", could be neither shown nor stored.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BadFile(f"The file cannot be read as JSON: {error}") from error
    if isinstance(found, dict) and "clients" in found:
        if unknown := sorted(set(found) - {"clients"}):
            raise BadFile(f"Beside clients, the file must hold nothing else, such as {unknown[0][:80]}.")
        entries = found["clients"]
    else:
        entries = [found] if isinstance(found, dict) else found
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadFile("The file must hold one client, a list of clients, or an object with a list clients.")
    if not 0 < len(entries) <= MOST_CLIENTS:
        raise BadFile(f"The file must hold 1 to {MOST_CLIENTS} clients; it has {len(entries)}.")
    return entries


def _each_once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """https://www.rfc-editor.org/rfc/rfc8259#section-4 (which of two equal names counts is nobody's guess)"""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the member {name[:80]} stands twice in one object")
        found[name] = value
    return found


def _no_number(text: str) -> Never:
    raise ValueError(f"{text} is no number")
