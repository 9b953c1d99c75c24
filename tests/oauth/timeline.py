"""Timelines of authorization attempts, read as staff read them: by the reference code that was shown."""

import json
import re
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from audit.models import Event
from audit.recording import waiting

_PATTERNS = {
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} UTC",
    "n": r"[0-9]+",
    "attempt": r"[2-9A-Z]{8}",
    "subject": r"[0-9a-f-]{36}",
}


class Step(NamedTuple):
    """One step of a timeline."""

    kind: str
    outcome: str
    person: str
    client: str
    detail: dict[str, Any]


def steps(reference: str) -> list[Step]:
    """All that stands under a reference code, in its order."""
    waiting.write()
    found = Event.objects.filter(attempt=reference).order_by("time", "pk")
    return [
        Step(one.kind, one.outcome, one.person, one.client, json.loads(one.detail or "{}")) for one in found
    ]


def shown_reference(answer: Any) -> str:
    """The reference code in an answer: of a page, in the address that leads back to the app, or in JSON."""
    text = answer.content.decode()
    if "Location" in answer.headers:
        query = parse_qs(urlsplit(answer["Location"]).query)
        text = query.get("error_description", [""])[0]
    found = re.search(r'\(reference ([2-9A-Z]{8})\)|<p class="code">([2-9A-Z]{8})</p>', text)
    assert found is not None, (answer.status_code, text[-2000:])
    return found[1] or found[2]


def says(sentence: str, template: str, **values: object) -> bool:
    """Whether a sentence is the template, with these values and, for {time}, {n}, {attempt} and {subject},
    whatever time, number, reference code or subject identifier.
    """
    parts = re.split(r"\{(\w+)\}", template)
    pattern = "".join(
        (_PATTERNS[part] if part in _PATTERNS and part not in values else re.escape(str(values[part])))
        if place % 2
        else re.escape(part)
        for place, part in enumerate(parts)
    )
    return re.fullmatch(pattern, sentence) is not None
