"""The table that compares runs with ever more data: what should stay as it was, and how far it did not."""

from collections.abc import Callable

from bench.report import Result, mark

MOST_SQL_GROWTH, MOST_SQL_MILLISECONDS, LEAST_TRANSACTION_SHARE = 3.0, 1.0, 0.45
WIDTH, _CELL = 44, 20
Value = Callable[[Result], float | None]


def growth(results: list[Result]) -> str:
    """Every figure of each run, and how many times that of the first. Goals stand where the last one is."""
    head = f"{'growth, ' + results[0].database:{WIDTH}}" + "".join(
        f"{each.amount:>{_CELL}}" for each in results
    )
    lines = [head]
    for line in results[0].lines:
        name, goal = line.row.name, _sql_goal if line.row.is_core else None
        lines.append(_line(f"{name}, SQL ms", results, _asked(name, "milliseconds"), 2, goal))
        lines.append(_line(f"{name}, pages", results, _asked(name, "pages"), 0))
    for line in results[0].lines:
        name = line.row.name
        lines.append(_line(f"{name}, of floor", results, _of_floor(name), 2))
        if line.row.resources:
            lines.append(_line("transactions, resources/s", results, _loaded(name), 0, _transaction_goal))
    lines.append(_line("export, resources/s", results, _exported, 0))
    lines.append(
        _line("loading, resources/s", results, lambda one: one.filled.loaded / one.filled.seconds, 0)
    )
    if results[0].rooms:
        lines.append(_line("bytes per resource", results, lambda one: one.bytes_per_resource, 0))
        for room in results[0].rooms:
            lines.append(_line(f"  {room.table}", results, _room(room.table), 0))
    return "\n".join([*(line for line in lines if line), ""])


def _line(
    name: str,
    results: list[Result],
    value: Value,
    digits: int,
    goal: Callable[[float, float], str] | None = None,
) -> str:
    values = [value(each) for each in results]
    first, last = values[0], values[-1]
    if not first or last is None:
        return ""
    text = f"{name:{WIDTH}}"
    for each in values:
        text += f"{_cell(each, first, digits):>{_CELL}}"
    return text + (f"   {goal(first, last)}" if goal and len(values) > 1 else "")


def _cell(value: float | None, first: float, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}  ×{value / first:.2f}"


def _sql_goal(first: float, last: float) -> str:
    reached = last <= MOST_SQL_GROWTH * first and last <= MOST_SQL_MILLISECONDS
    return f"goal at most ×{MOST_SQL_GROWTH:.0f} and {MOST_SQL_MILLISECONDS:.0f} ms {mark(reached)}"


def _transaction_goal(first: float, last: float) -> str:
    least = LEAST_TRANSACTION_SHARE
    return f"goal at least ×{least:.2f} {mark(last >= least * first)}"


def _asked(name: str, figure: str) -> Value:
    return lambda one: getattr(one.asked[name], figure) if name in one.asked else None


def _of_floor(name: str) -> Value:
    def value(one: Result) -> float | None:
        found = [line.of_floor for line in one.lines if line.row.name == name]
        return found[0] if found else None

    return value


def _loaded(name: str) -> Value:
    def value(one: Result) -> float | None:
        found = [line.resources_per_second for line in one.lines if line.row.name == name]
        return found[0] if found else None

    return value


def _exported(one: Result) -> float | None:
    return one.exported.per_second if one.exported else None


def _room(table: str) -> Value:
    def value(one: Result) -> float | None:
        found = [each.data + each.indexes for each in one.rooms if each.table == table]
        return found[0] if found else None

    return value
