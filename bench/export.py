"""The row of $export: from the kick-off to the complete manifest, carried out by one worker.

https://hl7.org/fhir/uv/bulkdata/STU2/export.html
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import requests

from bench.load import COMPARE_EVERY, WrongAnswerError
from bench.tokens import Token
from tests.person import SECONDS

POLL_SECONDS = 0.1
ACCEPTED, OK = 202, 200


@dataclass(frozen=True)
class Exported:
    """How many resources came out in how many seconds."""

    resources: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Resources per second."""
        return self.resources / self.seconds


def export(
    site: str, token: Token, directory: Path, expected: int, stored: Callable[[str], bytes]
) -> Exported:
    """Export everything, and see that it is all there and as it is stored.

    `directory` is where the files appear. A small export before it makes sure that the worker is up. Raises
    WrongAnswerError.
    """
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token.access_token}"
    _run(session, f"{site}/fhir/$export?_type=Organization")
    before = set(directory.rglob("*"))
    begun = time.perf_counter()
    manifest = _run(session, f"{site}/fhir/$export")
    seconds = time.perf_counter() - begun
    written = [path for path in directory.rglob("*") if path.is_file() and path not in before]
    resources = sum(_compared(path, stored) for path in written)
    if resources != expected or len(written) != len(manifest["output"]):
        raise WrongAnswerError(f"{resources} of {expected} resources were exported.")
    return Exported(resources, seconds)


def _run(session: requests.Session, url: str) -> Any:
    """The manifest."""
    started = session.get(url, headers={"Prefer": "respond-async"}, timeout=SECONDS)
    if started.status_code != ACCEPTED:
        raise WrongAnswerError(f"{url} got {started.status_code} {started.text[:1000]}")
    while (
        answer := session.get(started.headers["Content-Location"], timeout=SECONDS)
    ).status_code == ACCEPTED:
        # As a client of the API does: it is not told when the export is complete.
        time.sleep(POLL_SECONDS)
    if answer.status_code != OK:
        raise WrongAnswerError(f"The export ended with {answer.status_code} {answer.text[:1000]}")
    return answer.json()


def _compared(path: Path, stored: Callable[[str], bytes]) -> int:
    """How many lines a file has; every hundredth is compared with what is stored."""
    count = 0
    with path.open("rb") as lines:
        for count, line in enumerate(lines, 1):
            if count % COMPARE_EVERY != 1:
                continue
            resource = orjson.loads(line)
            if line.rstrip(b"\n") != stored(f"{resource['resourceType']}/{resource['id']}"):
                raise WrongAnswerError(f"{line[:300]!r} was exported otherwise than it is stored.")
    return count
