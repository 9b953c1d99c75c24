"""What the proof found, for the terminal."""

from __future__ import annotations

from statistics import median

from smartcdr.revocation_proof.ends import WAYS
from smartcdr.revocation_proof.proof import MOST_SECONDS, Outcome

_HEAD = ("revoked by", "tokens", "median ms", "longest ms", "reads after it", "served", "alive again")


def report(outcome: Outcome) -> str:
    """A line for each way, one for all, and the verdict."""
    rows = [_HEAD, *(_row(way, outcome) for way in WAYS), _row("", outcome)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "  ".join(
            text.rjust(width) if column else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines += [
        "",
        f"{outcome.reads} reads, {outcome.per_second:.0f} per second. Times are from the answer to the",
        "revocation to that of the last read that began later and was still served; 0 where no read was.",
        _verdict(outcome),
    ]
    return "\n".join(lines)


def _row(way: str, outcome: Outcome) -> tuple[str, ...]:
    """The figures of one way; of all of them without one."""
    tokens = [one for one in outcome.tokens if way in ("", one.way)]
    lasted = [1000 * one.lasted for one in tokens] or [0.0]
    return (
        f"the {way}" if way in ("client", "person") else way or "all",
        str(len(tokens)),
        f"{median(lasted):.0f}",
        f"{max(lasted):.0f}",
        str(sum(one.served + one.refused for one in tokens)),
        str(sum(one.served for one in tokens)),
        str(sum(one.revived for one in tokens)),
    )


def _verdict(outcome: Outcome) -> str:
    if outcome.holds:
        return f"Proven: no token was served longer than {MOST_SECONDS:g} s, and none after the restart."
    late = sum(one.lasted > MOST_SECONDS for one in outcome.tokens)
    unseen = sum(not one.refused for one in outcome.tokens)
    revived = sum(one.revived for one in outcome.tokens)
    return (
        f"NOT PROVEN: {late} tokens were served longer than {MOST_SECONDS:g} s, {unseen} were never refused, "
        f"{revived} were alive after the restart."
    )
