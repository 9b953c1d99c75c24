"""A person at the sign-in, picker and consent pages, without a browser: reads the forms and sends them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

MOST_PAGES = 15
SECONDS = 30


@dataclass
class Form:
    """A form of a page: what it sends of itself, and the buttons one can press, as (name, value)."""

    action: str
    method: str
    values: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def has(self, name: str) -> bool:
        """Whether the form has a field or a button of that name."""
        return any(name == known for known, _ in self.values + self.buttons)


class Page(HTMLParser):
    """The forms and links of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.link_texts: list[str] = []
        self._in_link = False
        self.feed(html)

    def link(self, name: str) -> str:
        """Where the first link leads whose text has that name in it."""
        texts = zip(self.links, self.link_texts, strict=True)
        return next(link for link, text in texts if name in text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a link, a form, or what belongs to the form that was opened last."""
        given = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.append(given.get("href", ""))
            self.link_texts.append("")
            self._in_link = True
        elif tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").lower()))
        elif self.forms and given.get("name"):
            self._note_control(tag, given)

    def handle_endtag(self, tag: str) -> None:
        """Note that a link's text is over."""
        self._in_link = self._in_link and tag != "a"

    def handle_data(self, data: str) -> None:
        """Note the text of a link."""
        if self._in_link:
            self.link_texts[-1] += data

    def _note_control(self, tag: str, given: dict[str, str]) -> None:
        control = (given["name"], given.get("value", ""))
        is_unticked = given.get("type") in ("checkbox", "radio") and "checked" not in given
        if tag == "button":
            self.forms[-1].buttons.append(control)
        elif tag == "input" and not is_unticked:
            self.forms[-1].values.append(control)


class Person:
    """Somebody with an account and with answers: which patient (by id), which ticks to take away."""

    def __init__(self, user: dict[str, str], *, patient: str = "", unticked: tuple[str, ...] = ()) -> None:
        self.user, self.patient, self.unticked = user, patient, unticked
        self.session = requests.Session()
        self.shown: list[str] = []

    def authorize(self, url: str, redirect_uri: str, decision: str = "allow") -> str:
        """Follow an authorization request to its end: the address at the app that one is sent back to."""
        answer = self.session.get(url, allow_redirects=False, timeout=SECONDS)
        for _ in range(MOST_PAGES):
            if answer.is_redirect:
                target = urljoin(answer.url, answer.headers["Location"])
                if target.startswith(redirect_uri):
                    return target
                answer = self.session.get(target, allow_redirects=False, timeout=SECONDS)
                continue
            self.shown.append(answer.text)
            page = Page(answer.text)
            back = [link for link in page.links if link.startswith(redirect_uri)]
            if back:
                return back[0]
            answer = self._answer(answer, page, decision)
        raise AssertionError(f"No way back to the app after {MOST_PAGES} pages; the last:\n{self.shown[-1]}")

    def launch(self, site: str, app: str, launch_url: str) -> str:
        """Sign in at the portal and open the app for one's own record: the address that it is launched at."""
        portal = self.session.get(f"{site}/launch/", timeout=SECONDS)
        signed_in = self._answer(portal, Page(portal.text), "")
        gallery = self.session.get(urljoin(portal.url, signed_in.headers["Location"]), timeout=SECONDS)
        start = self.session.get(urljoin(gallery.url, Page(gallery.text).link(app)), timeout=SECONDS)
        form = next(form for form in Page(start.text).forms if form.action in start.url)
        target = self._send(start, form, []).headers["Location"]
        assert target.startswith(launch_url), target
        return target

    def _answer(self, shown: requests.Response, page: Page, decision: str) -> requests.Response:
        for form in page.forms:
            if form.has("login"):
                return self._send(
                    shown, form, [("login", self.user["username"]), ("password", self.user["password"])]
                )
            if form.has("patient"):
                return self._send(shown, form, [("patient", self.patient)])
            if form.has("decision"):
                return self._send(shown, form, [("decision", decision)])
        raise AssertionError(f"A page ({shown.status_code}) with nothing to answer:\n{shown.text}")

    def _send(self, shown: requests.Response, form: Form, own: list[tuple[str, str]]) -> requests.Response:
        names = {name for name, _ in own}
        kept = [
            (n, v) for n, v in form.values if n not in names and not (n == "scope" and v in self.unticked)
        ]
        target = urljoin(shown.url, form.action or shown.url)
        return self.session.post(target, kept + own, allow_redirects=False, timeout=SECONDS)
