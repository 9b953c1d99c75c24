"""Which test says that it proves which requirement: by collecting all tests, without running one."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PREFIX = "SMART-"
# Tests with these marks do not run everywhere, or may fail: they prove nothing.
IDLE = {"skip", "skipif", "xfail"}


class _Marks:
    """A pytest plugin that looks at every test before one is left out for what this machine lacks."""

    def __init__(self) -> None:
        self.found: dict[str, set[str]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note the tests of each mark; the cases of a parametrized test are one."""
        # Not earlier: pytest rewrites the assertions of its plugins when it imports them itself.
        from tests.machine import needs

        idle = IDLE | {need.marker for need in needs()}
        for item in items:
            counts = not any(mark.name in idle for mark in item.iter_markers())
            for mark in item.iter_markers("requirement"):
                if str(mark.args[0]).startswith(PREFIX):
                    tests = self.found.setdefault(mark.args[0], set())
                    tests.update([item.nodeid.partition("[")[0]] if counts else [])


def collect() -> dict[str, list[str]]:
    """Mark (`SMART-77`) → the tests that bear it, as path::name, sorted. SystemExit if a test file is broken.

    For a process of its own: pytest is run in this one.
    """
    marks = _Marks()
    os.environ.pop("PYTEST_ADDOPTS", None)
    with contextlib.redirect_stdout(sys.stderr):
        status = pytest.main(
            ["--collect-only", "-qq", "-p", "no:cacheprovider", f"--rootdir={ROOT}", str(ROOT / "tests")],
            plugins=[marks],
        )
    if status != pytest.ExitCode.OK:
        raise SystemExit(f"The tests could not be collected: pytest ended with {status}.")
    return {mark: sorted(tests) for mark, tests in sorted(marks.found.items())}


def collected_elsewhere() -> dict[str, list[str]]:
    """The same from within a test: collected by another process."""
    command = [sys.executable, "-m", "tests.conformance", "--marks"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found
