"""A pytest plugin: tests of what this machine lacks are left out, and the end of the run says so.

In CI it is a failure instead: tests/test_machine.py.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings

from tests import postgres_server

CORPUS_VARIABLE = "SMARTCDR_TEST_CORPUS"


@dataclass(frozen=True)
class Need:
    """Something that tests with the marker of this name need."""

    marker: str
    present: bool
    remedy: str


def needs() -> list[Need]:
    """What the suite can use on a machine, whether it is there, and the command that brings it."""
    return [
        Need("browser", chromium() is not None, "Chromium: apt-get install chromium"),
        Need("npm", shutil.which("npm") is not None, "npm: apt-get install npm"),
        Need(
            "postgres",
            postgres_server.binaries() is not None or on_postgres(),
            "PostgreSQL's server: apt-get install postgresql",
        ),
        Need("corpus", corpus() is not None, f"example data: export {CORPUS_VARIABLE}=<their directory>"),
    ]


def lacks() -> list[Need]:
    """What the suite needs and does not find here."""
    return [need for need in needs() if not need.present]


def chromium() -> str | None:
    """The path of the Chromium that the browser tests drive, None without."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def corpus() -> Path | None:
    """The directory of published example data, None when the variable names none."""
    named = os.environ.get(CORPUS_VARIABLE)
    return Path(named) if named and Path(named).is_dir() else None


def on_postgres() -> bool:
    """Whether this run's database is PostgreSQL."""
    return "postgresql" in settings.DATABASES["default"]["ENGINE"]


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers that say what a test needs."""
    for need in needs():
        config.addinivalue_line("markers", f"{need.marker}: needs {need.remedy.partition(':')[0]}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot run here: tests of what is lacking, and PostgreSQL's own tests on SQLite."""
    lacking = {need.marker for need in lacks()}
    if not on_postgres():
        lacking.add("postgres")
    left_out = [item for item in items if any(item.get_closest_marker(marker) for marker in lacking)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what this machine lacks, each with the command that installs it."""
    lacking = lacks()
    if not lacking:
        return
    terminalreporter.section("not tested: this machine lacks", yellow=True)
    for need in lacking:
        terminalreporter.line(f"{need.remedy}   (tests marked {need.marker})")
