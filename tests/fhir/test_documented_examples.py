"""docs/api: every request that a page shows is sent, in the page's order, and answered as the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site

from tests.fhir.callers import Caller

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = DOCS / "api"
BASE = "https://cdr.example.org/fhir"
ELLIPSIS = "…"
_BLOCK = re.compile(r"^```http\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _pages() -> list[str]:
    """The pages about the API, as paths below docs."""
    return ["operations.md", "search.md", *sorted(f"api/{page.name}" for page in PAGES.glob("*.md"))]


def _blocks(page: str) -> list[str]:
    return _BLOCK.findall((DOCS / page).read_text(encoding="utf-8").replace(BASE, site.FHIR_BASE))


def _parts(block: str) -> tuple[str, dict[str, str], str]:
    """The first line of a message, its headers and its body."""
    head, _, body = block.partition("\n\n")
    first, *lines = head.splitlines()
    return first, dict(line.split(": ", 1) for line in lines), body.strip()


def _send(api: Caller, block: str) -> Any:
    first, headers, body = _parts(block)
    method, path = first.split(" ", 1)
    headers.setdefault("content_type", headers.pop("Content-Type", "application/fhir+json"))
    return api.send(method, path, body.encode(), **headers)


def _matches(shown: Any, found: Any) -> bool:
    """Whether what was found is what is shown. An ellipsis stands for anything: a text or a part of one, or,
    as the name of a member, for all other members."""
    if isinstance(shown, dict):
        if not isinstance(found, dict) or not set(shown) - {ELLIPSIS} <= set(found):
            return False
        rest = set(found) - set(shown)
        same = all(_matches(value, found[name]) for name, value in shown.items() if name != ELLIPSIS)
        return same and (not rest or ELLIPSIS in shown)
    if isinstance(shown, list):
        if not isinstance(found, list) or len(shown) != len(found):
            return False
        return all(map(_matches, shown, found))
    if isinstance(shown, str) and isinstance(found, str):
        return re.fullmatch(".*".join(map(re.escape, shown.split(ELLIPSIS))), found, re.DOTALL) is not None
    return bool(shown == found)


@pytest.mark.parametrize("name", _pages())
def test_the_examples_of_a_page_are_what_happens(api: Caller, name: str) -> None:
    blocks = _blocks(name)
    assert len(blocks) % 2 == 0
    for asked, shown in zip(blocks[::2], blocks[1::2], strict=True):
        response = _send(api, asked)
        status, headers, body = _parts(shown)
        said = f"{asked}\n{response.status_code} {dict(response.headers)}\n{response.content.decode()}"
        assert status == f"HTTP/1.1 {response.status_code} {response.reason_phrase}", said
        for header, value in headers.items():
            assert _matches(value, response[header]), said
        found = json.loads(response.content) if response.content else None
        assert _matches(json.loads(body) if body else None, found), said


def test_the_index_names_every_page_and_every_page_has_an_example() -> None:
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    for page in set(_pages()) - {"api/README.md"}:
        link = page.removeprefix("api/") if page.startswith("api/") else f"../{page}"
        assert f"({link})" in index, page
        assert _blocks(page) or page == "search.md", page
    for link in re.findall(r"\]\((?!http)([^)#]+)", index):
        assert (PAGES / link).exists(), link


def test_a_wrong_example_is_noticed() -> None:
    found = {"a": [{"b": "W/1 of x"}], "c": 1}
    assert _matches({"a": [{"b": "W/… of x"}], "c": 1}, found)
    assert _matches({"a": [{ELLIPSIS: ELLIPSIS}], ELLIPSIS: ELLIPSIS}, found)
    for wrong in (
        {"a": [{"b": "W/… of y"}], "c": 1},
        {"a": [{"b": ELLIPSIS}]},
        {"a": [], ELLIPSIS: ELLIPSIS},
    ):
        assert not _matches(wrong, found)
    assert not _matches({"c": 2, ELLIPSIS: ELLIPSIS}, found)
    assert not _matches(None, found)
