"""Somebody who uses the site by its pages and forms, with cookies, and asks now one server, now another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from itertools import cycle
from time import monotonic
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from smartcdr.revocation_proof.servers import HOST, UnexpectedAnswer, site_headers

MOST_REDIRECTS = 10
SECONDS = 60
_FORM = "application/x-www-form-urlencoded"
Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """Where an answer came from or leads to, what it says, and when it was there (`monotonic`, seconds).

    `path` is a whole address where that is not the site's.
    """

    path: str
    status: int
    text: str
    arrived: float


@dataclass(slots=True)
class Form:
    """A form of a page: where it is sent, and what it sends if nothing is changed. Buttons are left out."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, or a field of the one that was opened last."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(given.get("action", "")))
        elif tag == "input" and self.found and "name" in given:
            is_unticked = given.get("type") in ("checkbox", "radio") and "checked" not in given
            self.found[-1].fields += [] if is_unticked else [(given["name"], given.get("value", ""))]


class Visitor:
    """A browser, as far as the proof needs one; what it asks goes to the servers at these ports in turn."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = cycle(ports)
        self._cookies: dict[str, str] = {}

    def get(self, path: str) -> Answer:
        """The page at a path of the site, redirects followed while they stay there."""
        return self._follow(self._send("GET", path))

    def submit(self, page: Answer, answers: Mapping[str, str], having: str) -> Answer:
        """Send the page's form that has a field of the name `having`, changed by `answers`; what follows.

        Raises UnexpectedAnswer if there is no such form.
        """
        form = next((form for form in _forms(page) if having in dict(form.fields)), None)
        if form is None:
            raise UnexpectedAnswer(f"{page.path} answered {page.status} without a form that has {having!r}.")
        kept = [(name, value) for name, value in form.fields if name not in answers]
        return self._follow(self.post(form.action or page.path, [*kept, *answers.items()]))

    def press(self, page: Answer, action: str, form: Fields) -> Answer:
        """Send what a form of the page would send to `action`; the answer itself, wherever it leads.

        Raises UnexpectedAnswer if the page has no form at all, and so no proof against forged requests.
        """
        proofs = [pair for each in _forms(page) for pair in each.fields if pair[0] == "csrfmiddlewaretoken"]
        if not proofs:
            raise UnexpectedAnswer(f"{page.path} answered {page.status} without a form.")
        return self.post(action, [proofs[0], *form])

    def post(self, path: str, form: Fields) -> Answer:
        """Send a form to a path of the site; the answer itself."""
        return self._send("POST", path, urlencode(form))

    def _follow(self, answer: Answer) -> Answer:
        for _ in range(MOST_REDIRECTS):
            if answer.status not in (301, 302, 303) or not answer.path.startswith("/"):
                return answer
            answer = self._send("GET", answer.path)
        raise UnexpectedAnswer(f"More than {MOST_REDIRECTS} redirects, at last to {answer.path}.")

    def _send(self, method: str, path: str, body: str | None = None) -> Answer:
        """One request. The answer's path is where a redirect leads, else the request's own."""
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = site_headers() | {"Cookie": cookies}
        if body is not None:
            headers |= {
                "Content-Type": _FORM,
                "Origin": settings.SITE_URL,
                "Referer": f"{settings.SITE_URL}/",
            }
        with closing(HTTPConnection(HOST, next(self._ports), timeout=SECONDS)) as http:
            http.request(method, path, body, headers)
            answer = http.getresponse()
            for line in answer.headers.get_all("Set-Cookie", []):
                self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
            leads_to = _on_site(answer.getheader("Location") or path)
            content = answer.read()
            return Answer(leads_to, answer.status, content.decode(errors="replace"), monotonic())


def _forms(page: Answer) -> list[Form]:
    return _Forms(page.text).found


def _on_site(address: str) -> str:
    """The path of an address that is the site's own; any other as it stands."""
    parts = urlsplit(address)
    own = f"{parts.scheme}://{parts.netloc}" == settings.SITE_URL
    return parts._replace(scheme="", netloc="").geturl() if own else address
