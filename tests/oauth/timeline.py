"""The timeline of an authorization attempt, as tests read it from the audit trail."""

import re
from typing import Any

import orjson

from audit.models import Event
from tests.oauth.flow import answer_of


def steps(attempt: str) -> list[Event]:
    """The events under a reference code, in the order in which they were written."""
    return list(Event.objects.filter(attempt=attempt).order_by("time", "id"))


def kinds(attempt: str) -> list[str]:
    """Their kinds, one that comes several times in a row named once."""
    found = [event.kind for event in steps(attempt)]
    return [kind for place, kind in enumerate(found) if place == 0 or found[place - 1] != kind]


def detail(event: Event) -> dict[str, Any]:
    """What is told of an event besides its columns."""
    return dict(orjson.loads(event.detail)) if event.detail else {}


def told(attempt: str, kind: str) -> dict[str, Any]:
    """The detail of the last step of this kind."""
    return detail([event for event in steps(attempt) if event.kind == kind][-1])


def reference(answer: Any) -> str:
    """The reference code that an error page, or an error that an app was sent, shows."""
    if answer.status_code in (400, 404) and b'<p class="code">' in answer.content:
        found = re.search(r'<p class="code">([2-9A-Z]{8})</p>', answer.content.decode())
    else:
        found = re.search(r"\(reference ([2-9A-Z]{8})\)", answer_of(answer)["error_description"])
    assert found, answer.content
    return found[1]


def refusal(answer: Any) -> tuple[str, str, str]:
    """Of the step that a refused answer's reference code ends in: kind, rule and cause."""
    last = steps(reference(answer))[-1]
    assert last.outcome == "refused"
    said = detail(last)
    return last.kind, said["rule"], said["cause"]
