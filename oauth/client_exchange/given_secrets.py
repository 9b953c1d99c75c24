"""Secrets in a file: only those in plain text can be taken, to be kept as digests from then on."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from oauth.client_exchange.describing import REDACTED
from oauth.client_exchange.entries import GivenSecret, Read

LENGTH = (8, 256)
MOST = 20
_REDACTED = ("", "***", REDACTED, None)
# What hashed secrets look like elsewhere: "{bcrypt}…", "$2a$12$…", "SHA256_1000:…", and our own.
_HASHED = re.compile(
    r"\{\w+\}|\$(2[abxy]?|argon2\w*|scrypt|pbkdf2[\w-]*|[156])\$|(SHA256|PBKDF2|BCRYPT)_\w+|(sha256|scrypt)\$"
)
_LONGEST_DESCRIPTION = 255

# The names that a secret's members have: ours, and those of the other form.
OURS = {"starts": "starts", "ends": "ends"}
OTHERS = {"starts": "activation", "ends": "expiration"}


def take(found: Read, member: str, value: Any, names: Mapping[str, str]) -> None:
    """Add the secrets of the list `value` that can be taken, and say of each other one why it is not."""
    if value is None:
        return
    if not isinstance(value, list) or len(value) > MOST or not all(isinstance(one, dict) for one in value):
        found.faults.append(f"{member}: must be a list of at most {MOST} objects.")
        return
    redacted = [one for one in value if one.get("secret") in _REDACTED]
    if redacted:
        found.drop(
            member, f"{len(redacted)} without the secret itself; make a new one here if one is missing."
        )
    for number, one in enumerate(value):
        if one not in redacted:
            _take_one(found, f"{member}[{number}]", one, names)


def _take_one(found: Read, member: str, one: Mapping[str, Any], names: Mapping[str, str]) -> None:
    text = one.get("secret")
    description = one.get("description") or ""
    if not isinstance(text, str) or not isinstance(description, str) or not description.isprintable():
        found.faults.append(f"{member}: secret and description must be texts.")
        return
    if _HASHED.match(text):
        found.drop(member, "it is hashed, and cannot be held against a secret here; make a new one here.")
        return
    if not LENGTH[0] <= len(text) <= LENGTH[1] or not text.isprintable():
        found.faults.append(f"{member}: a secret has {LENGTH[0]} to {LENGTH[1]} printable characters.")
        return
    try:
        starts = _moment(one.get(names["starts"]))
        ends = _moment(one.get(names["ends"]))
    except ValueError as error:
        found.faults.append(f"{member}: {error}")
        return
    if ends is not None and (ends <= timezone.now() or (starts is not None and ends <= starts)):
        found.drop(member, "it has ended.")
        return
    if re.search("[+%]", text):
        found.warn(member, "it holds + or %: an app that sends it by HTTP Basic must form-encode it.")
    found.secrets.append(GivenSecret(text, description[:_LONGEST_DESCRIPTION], starts, ends))


def _moment(text: object) -> datetime | None:
    """The moment that an ISO 8601 text names, in UTC where it names no zone; None for none. Raises
    ValueError.
    """
    if text is None or text == "":
        return None
    if not isinstance(text, str) or len(text) > 40:
        raise ValueError("a moment must be a text such as 2026-11-22T08:00:00Z.")
    day = parse_date(text) if len(text) == 10 else None
    found = datetime(day.year, day.month, day.day) if day else parse_datetime(text)
    if found is None or not 1970 < found.year < 9999:
        raise ValueError(f"{text} is no moment such as 2026-11-22T08:00:00Z.")
    return found if timezone.is_aware(found) else found.replace(tzinfo=UTC)
