"""Timelines of authorization attempts, read as staff read them: by the reference code that was shown."""

import itertools
import json
import re
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from django.conf import settings

from audit.models import Event
from audit.recording import waiting
from oauth.models import AuthorizationRequest
from tests.oauth.flow import Flow

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
    return [Step(one.kind, one.outcome, one.person, one.client, detail(one)) for one in events(reference)]


def events(reference: str) -> list[Event]:
    """The same as they are stored."""
    waiting.write()
    return list(Event.objects.filter(attempt=reference).order_by("time", "pk"))


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


def kinds(attempt: str) -> list[str]:
    """Their kinds, one that comes several times in a row named once."""
    return [kind for kind, _ in itertools.groupby(event.kind for event in events(attempt))]


def detail(event: Event) -> dict[str, Any]:
    """What is told of an event besides its columns."""
    return dict(json.loads(event.detail or "{}"))


def told(attempt: str, kind: str) -> dict[str, Any]:
    """The detail of the last step of this kind."""
    return detail([event for event in events(attempt) if event.kind == kind][-1])


def refusal(answer: Any) -> tuple[str, str, str]:
    """Of the step that a refused answer's reference code ends in: kind, rule and cause."""
    last = events(shown_reference(answer))[-1]
    assert last.outcome == "refused"
    said = detail(last)
    return last.kind, said["rule"], said["cause"]


def only_attempt() -> str:
    """The reference code of the only authorization request there is."""
    return AuthorizationRequest.objects.get().attempt


def sign_in(flow: Flow, page: Any, user: Any, password: str = "correct horse battery") -> Any:
    """Answer the sign-in page; where that leads."""
    [back] = parse_qs(page.request["QUERY_STRING"])["next"]
    answer = {"login": user.username, "password": password, "next": back}
    return flow.follow(flow.browser.post(settings.LOGIN_URL, answer))
