"""The text of docs/conformance.md."""

from collections.abc import Iterator
from itertools import groupby

from tests.conformance.marks import ROOT
from tests.conformance.requirements import OPTIONAL, PAGES, SPECIFICATION, Requirement

PAGE = ROOT / "docs" / "conformance.md"
HEAD = """# Conformance to SMART App Launch 2.2.0

Every SHALL and SHALL NOT that the specification puts on a server, and the tests that prove it. This page is
written by `make conformance` from [the list of requirements](../tests/conformance/requirements.csv) and the
marks on the tests, and a test fails when it is out of date: [how that works](../tests/conformance/README.md).
Summaries are ours; the specification decides.

"""


TABLE = "| {0} | What it {1} | Proven by |\n|---|---|---|\n"


def page(listed: list[Requirement], marks: dict[str, list[str]]) -> str:
    """The whole page; `marks` leads from a requirement's mark to the tests, as path::name."""
    demanded = [one for one in listed if one.is_demanded]
    others = [one for one in listed if not one.is_demanded]
    proven = [one for one in demanded if marks.get(one.mark)]
    spared = [one for one in demanded if one.needs and one not in proven]
    count = f"{len(demanded)} requirements: {len(proven)} proven by tests, {len(spared)} that do not apply"
    missing = len(demanded) - len(proven) - len(spared)
    count += f", {missing} unproven.\n" if missing else ".\n"
    return HEAD + count + "".join([*_sections(demanded, marks), *_recommendations(others, marks)])


def _sections(demanded: list[Requirement], marks: dict[str, list[str]]) -> Iterator[str]:
    for name, members in groupby(demanded, key=lambda one: one.page):
        yield f"\n## {PAGES[name]}\n\n[{name}]({SPECIFICATION}{name})\n\n"
        yield TABLE.format("Requirement", "demands")
        yield from (_line(one, marks, "**Unproven**") for one in members)


def _recommendations(others: list[Requirement], marks: dict[str, list[str]]) -> Iterator[str]:
    if others:
        yield "\n## Recommendations and options\n\nSHOULD and MAY, of all pages. None needs a test.\n\n"
        yield TABLE.format("Recommendation", "recommends or allows")
        yield from (_line(one, marks, "No test") for one in others)


def _line(one: Requirement, marks: dict[str, list[str]], without: str) -> str:
    """A line of a table; `without` stands where neither test nor reason is."""
    tests = marks.get(one.mark, [])
    proof = "<br>".join(f"[`{test}`](../{test.partition('::')[0]})" for test in tests)
    reason = f"Does not apply: {OPTIONAL[one.needs]}" if one.needs else without
    return f"| [{one.mark}]({SPECIFICATION}{one.anchor}) {one.rule} | {one.summary} | {proof or reason} |\n"
