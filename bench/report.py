"""The benchmark's table, and whether the run counts."""

import platform
from dataclasses import dataclass

from bench.load import Measured
from bench.rows import Row

LEAST_FLOOR = 0.2
HEAD = f"{'':30}{'per s':>10}{'p50 ms':>9}{'p99 ms':>9}{'of floor':>10}{'goal':>9}{'load gen.':>11}"


@dataclass
class Line:
    """One row as it was measured."""

    row: Row
    measured: Measured

    @property
    def resources_per_second(self) -> float:
        """For rows that load resources: how many."""
        return self.measured.per_second * self.row.resources


def table(database: str, facts: str, lines: list[Line]) -> str:
    """The table of one database. The goals are PostgreSQL's: elsewhere they are shown for comparison."""
    floor = next(line for line in lines if line.row.name.startswith("floor")).measured.per_second
    title = f"{database} · {facts} · Python {platform.python_version()} · goals are for PostgreSQL"
    return "\n".join([title, HEAD, *(_text(line, floor) for line in lines), ""])


def fault(lines: list[Line]) -> str:
    """Why the run is void, or nothing: a floor far below constant bytes measures the database alone."""
    rates = {line.row.name: line.measured.per_second for line in lines}
    share = rates["floor: one SELECT"] / rates["constant bytes"]
    return "" if share >= LEAST_FLOOR else f"VOID: the floor is only {share:.2f} of constant bytes."


def _text(line: Line, floor: float) -> str:
    measured, row = line.measured, line.row
    text = f"{row.name:30}{measured.per_second:>10,.0f}"
    text += f"{measured.percentile(0.5):>9.1f}{measured.percentile(0.99):>9.1f}"
    text += f"{measured.per_second / floor:>10.2f}{_goal(line, floor):>9}{measured.busy:>10.0%}"
    return text + (f"   {line.resources_per_second:,.0f} resources per second" if row.resources else "")


def _goal(line: Line, floor: float) -> str:
    if line.row.goal is None:
        return ""
    if line.row.resources:
        return f"{line.row.goal:,.0f}/s " + ("✓" if line.resources_per_second >= line.row.goal else "✗")
    return f"{line.row.goal:.2f} " + ("✓" if line.measured.per_second / floor >= line.row.goal else "✗")
