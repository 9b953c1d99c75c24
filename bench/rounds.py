"""Measures rows in rounds, one after the other in each, so that a busy moment does not hit one row only."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.load import Measured, WrongAnswerError, measure
from bench.rows.floors import DJANGO_SELECT, ONE_SELECT
from bench.rows.row import Row

LEAST_SECONDS_FOR_TRANSACTIONS = 20


@dataclass
class Line:
    """A row as it was measured in each round, with the floors of the same rounds (requests per second)."""

    row: Row
    rounds: list[Measured] = field(default_factory=list)
    floors: list[float] = field(default_factory=list)
    django_floors: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return statistics.median(each.per_second for each in self.rounds)

    @property
    def resources_per_second(self) -> float:
        """For rows that load resources: how many."""
        return self.per_second * self.row.resources

    def percentile(self, share: float) -> float:
        """The latency in milliseconds that this share of the answers did not exceed."""
        return statistics.median(each.percentile(share) for each in self.rounds)

    @property
    def busy(self) -> float:
        """The load generator's share of a core."""
        return statistics.median(each.busy for each in self.rounds)

    @property
    def of_floor(self) -> float:
        """The ratio to the floor, each time to that of the same round."""
        return self._ratio(self.floors)

    @property
    def of_django_floor(self) -> float:
        """The ratio to the same SELECT through Django."""
        return self._ratio(self.django_floors)

    @property
    def spread(self) -> float | None:
        """How far apart the rounds lie, as a share of their median; None for a single one."""
        rates = [each.per_second for each in self.rounds]
        return (max(rates) - min(rates)) / self.per_second if len(rates) > 1 else None

    def _ratio(self, floors: list[float]) -> float:
        pairs = zip(self.rounds, floors, strict=True)
        return statistics.median(each.per_second / floor for each, floor in pairs)


def in_rounds(port: int, rows: Sequence[Row], count: int, seconds: float) -> list[Line]:
    """Measure all rows, `count` times, each for so many seconds. The floors must be among them."""
    lines = [Line(row) for row in rows]
    for number in range(count):
        print(f"  round {number + 1} of {count}", flush=True)
        # There and back: what a row leaves behind for the next one is not always the same one's burden.
        for line in lines if number % 2 == 0 else reversed(lines):
            line.rounds.append(_measured(line.row, port, seconds, count))
        floors = {line.row.name: line.rounds[-1].per_second for line in lines}
        for line in lines:
            line.floors.append(floors[ONE_SELECT])
            line.django_floors.append(floors[DJANGO_SELECT])
    return lines


def _measured(row: Row, port: int, seconds: float, count: int) -> Measured:
    # A transaction takes seconds where sixteen share two cores: only a longer look sees enough of them.
    least = LEAST_SECONDS_FOR_TRANSACTIONS / count if row.resources else 0
    seconds = max(seconds, least)
    measured = measure(port, row.sources, seconds, min(1.5, seconds / 2), row.answered)
    for exchange, body in measured.samples:
        if not row.judge(exchange, body):
            raise WrongAnswerError(f"{row.name}: {exchange.request[:300]!r} got {body[:3000]!r}")
    return measured
