"""The benchmark's tables, and whether a run counts."""

import platform
import statistics
from dataclasses import dataclass, field

from bench.databases import Filled
from bench.export import Exported
from bench.rounds import Line
from bench.rows.floors import CONSTANT_BYTES, ONE_SELECT
from bench.rows.reading import READ, UNTOLD_READ
from bench.storage import Room

LEAST_FLOOR = 0.2
EXPORT_GOAL = 20_000
MOST_FOR_AUDIT = 0.1
ENOUGH_FOR_HALF = 4
WIDTH = 32
COLUMNS = (
    ("per s", 9), ("p50 ms", 9), ("p99 ms", 9), ("spread", 8), ("of floor", 10), ("of Django", 11),
    ("goal", 9), ("SQL", 6), ("SQL ms", 8), ("slowest", 9), ("pages", 7), ("most", 7), ("load gen.", 11),
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What a row's requests ask of the database: statements for one request, the fewest and the most. Of rows
    that only read, for all statements of a request together, the milliseconds (the median and the slowest
    request's) and the pages of PostgreSQL's that they look at (the same)."""

    fewest: int
    most: int
    milliseconds: float | None
    slowest: float | None
    pages: float | None = None
    most_pages: float | None = None


@dataclass
class Result:
    """One run: on which database, with how much data."""

    database: str
    amount: str
    resources: int
    filled: Filled
    lines: list[Line]
    asked: dict[str, Asked]
    exported: Exported | None = None
    rooms: list[Room] = field(default_factory=list)
    empty: float = 0.0

    @property
    def bytes_per_resource(self) -> float:
        """All tables of the repository with their indexes."""
        return sum(each.data + each.indexes for each in self.rooms)


def table(result: Result) -> str:
    """The table of one run. The goals are PostgreSQL's: elsewhere they are shown for comparison."""
    filled = result.filled
    title = (
        f"{result.database} · {result.amount} · {result.resources:,} resources, loaded at "
        f"{filled.loaded / filled.seconds:,.0f} per second by {filled.processes} process(es) · "
        f"Python {platform.python_version()} · goals are for PostgreSQL"
    )
    head = " " * WIDTH + "".join(f"{name:>{width}}" for name, width in COLUMNS)
    rows = [_text(line, result.asked.get(line.row.name)) for line in result.lines]
    return "\n".join([title, head, *rows, *_export(result), *_audit(result), *_rooms(result), ""])


def fault(result: Result) -> str:
    """Why the run is void, or nothing: a floor far below constant bytes measures the database alone."""
    rates = {line.row.name: line.per_second for line in result.lines}
    share = rates[ONE_SELECT] / rates[CONSTANT_BYTES]
    if share >= LEAST_FLOOR:
        return ""
    return f"VOID: on {result.database}, {result.amount}, the floor is only {share:.2f} of constant bytes."


def asked_of(row: dict[str, list[float]]) -> Asked:
    """What bench/statements.py found out about a row."""
    counts = [int(each) for each in row["counts"]]
    return Asked(
        min(counts), max(counts), *_middle_and_most(row, "milliseconds"), *_middle_and_most(row, "pages")
    )


def _middle_and_most(row: dict[str, list[float]], name: str) -> tuple[float | None, float | None]:
    values = row.get(name)
    return (statistics.median(values), max(values)) if values else (None, None)


def _text(line: Line, asked: Asked | None) -> str:
    cells = [
        f"{line.per_second:,.0f}",
        f"{line.percentile(0.5):.1f}",
        f"{line.percentile(0.99):.1f}",
        "" if line.spread is None else f"{line.spread:.0%}",
        f"{line.of_floor:.2f}",
        f"{line.of_django_floor:.2f}",
        _goal(line),
        *_statements(asked),
        f"{line.busy:.0%}",
    ]
    text = f"{line.row.name:{WIDTH}}"
    text += "".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, COLUMNS, strict=True))
    return text + (f"   {line.resources_per_second:,.0f} resources per second" if line.row.resources else "")


def _statements(asked: Asked | None) -> list[str]:
    if asked is None:
        return [""] * 5
    count = str(asked.most) if asked.most == asked.fewest else f"{asked.fewest}–{asked.most}"
    times = ["" if each is None else f"{each:.2f}" for each in (asked.milliseconds, asked.slowest)]
    pages = ["" if each is None else f"{each:,.0f}" for each in (asked.pages, asked.most_pages)]
    return [count, *times, *pages]


def _goal(line: Line) -> str:
    goal = line.row.goal
    if goal is None:
        return ""
    if line.row.resources:
        return f"{goal:,.0f} {mark(line.resources_per_second >= goal)}"
    return f"{goal:.2f} {mark(line.of_floor >= goal)}"


def mark(reached: bool) -> str:
    """Whether a goal is reached, as one sign."""
    return "✓" if reached else "✗"


def _export(result: Result) -> list[str]:
    exported = result.exported
    if exported is None:
        return []
    rate = exported.per_second
    return [
        f"{'$export':{WIDTH}}{exported.resources:,} resources in {exported.seconds:.1f} s: {rate:,.0f} "
        f"resources per second, goal {EXPORT_GOAL:,} {mark(rate >= EXPORT_GOAL)}"
    ]


def _audit(result: Result) -> list[str]:
    """What reads give up for the audit trail: each round's beside those of the same round without it."""
    lines = {line.row.name: line for line in result.lines}
    if not {READ, UNTOLD_READ} <= lines.keys():
        return []
    pairs = zip(lines[READ].rounds, lines[UNTOLD_READ].rounds, strict=True)
    costs = [1 - told.per_second / untold.per_second for told, untold in pairs]
    cost = statistics.median(costs)
    return [
        f"{'audit':{WIDTH}}{cost:.1%} of the throughput of reads{_half(costs)}, "
        f"goal at most {MOST_FOR_AUDIT:.0%} {mark(cost <= MOST_FOR_AUDIT)}"
    ]


def _half(costs: list[float]) -> str:
    """Between which two the middle half of the rounds lies, where there are enough: how sure one can be."""
    if len(costs) < ENOUGH_FOR_HALF:
        return ""
    low, _, high = statistics.quantiles(costs, n=4)
    return f" (half of the {len(costs)} rounds: {low:.1%} to {high:.1%})"


def _rooms(result: Result) -> list[str]:
    if not result.rooms:
        return []
    parts = [
        f"{each.table.removeprefix('fhir_')} {each.data:,.0f}+{each.indexes:,.0f}" for each in result.rooms
    ]
    return [
        f"an empty statement takes {result.empty:.2f} ms there and back",
        f"bytes for each resource, data+indexes: {', '.join(parts)}; all {result.bytes_per_resource:,.0f}",
    ]
