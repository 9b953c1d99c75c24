"""Reads a page as a browser would: what does the policy refuse, and which control has no name?"""

from html.parser import HTMLParser

NAMED_BY_THEMSELVES = frozenset({"hidden", "submit", "button"})


class Markup(HTMLParser):
    """The faults of one page: inline code or style, files from elsewhere, controls without a label."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.headings = 0
        self.landmarks: list[str] = []
        self.title = ""
        self.language = ""
        self._open: list[str] = []
        self._labels: set[str] = set()
        self._controls: list[tuple[str, bool]] = []
        self.feed(html)
        self.faults += [
            f"no label for #{name}" for name, is_named in self._controls if not self._labelled(name, is_named)
        ]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Judge one element."""
        given = {name: value or "" for name, value in attrs}
        self._open.append(tag)
        self.faults += [f"{tag} with {name}=" for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (
            tag == "script" and "src" not in given and given.get("type") != "application/json"
        ):
            self.faults.append(f"inline {tag}")
        loaded = given.get("src") if tag == "script" else given.get("href") if tag == "link" else None
        if loaded is not None and (loaded.startswith("//") or not loaded.startswith("/")):
            self.faults.append(f"{tag} from {loaded}")
        if tag == "html":
            self.language = given.get("lang", "")
        if tag in ("main", "header", "nav", "footer"):
            self.landmarks.append(tag)
        self.headings += tag == "h1"
        self._note_control(tag, given)

    def _note_control(self, tag: str, given: dict[str, str]) -> None:
        if tag == "label":
            self._labels.add(given.get("for", ""))
        if tag in ("input", "select", "textarea") and given.get("type") not in NAMED_BY_THEMSELVES:
            self._controls.append((given.get("id", ""), "label" in self._open or "aria-label" in given))

    def _labelled(self, name: str, is_named: bool) -> bool:
        return is_named or bool(name and name in self._labels)

    def handle_endtag(self, tag: str) -> None:
        """Close the element and whatever was left open in it."""
        if tag in self._open:
            del self._open[len(self._open) - 1 - self._open[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        """Collect the title."""
        if self._open and self._open[-1] == "title":
            self.title += data
