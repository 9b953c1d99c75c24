"""Tests that no database has a say in run once, and cannot use one unseen."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.database_use import NOWHERE

pytest_plugins = ["pytester"]
ROOT = Path(__file__).resolve().parent.parent
# Plugins, where installed, that do not bear being started twice in one process.
WITHOUT = ["-p", "no:django", "-p", "no:playwright", "-p", "no:cacheprovider"]
SUITE = """
import os
import pytest

@pytest.fixture
def db():
    pass

@pytest.fixture
def rows(db):
    pass

def test_of_words_alone():
    assert os.environ["DATABASE_URL"] == {nowhere!r}

def test_of_rows(rows):
    assert os.environ["DATABASE_URL"] == "the run's own"

@pytest.mark.django_db
def test_of_rows_by_a_mark():
    assert os.environ["DATABASE_URL"] == "the run's own"

@pytest.mark.any_database
def test_of_the_looks_of_a_page(db):
    assert os.environ["DATABASE_URL"] == "the run's own"
"""


@pytest.mark.parametrize(("words", "passed"), [([], 4), (["--other-database"], 2)])
def test_the_run_on_the_other_database_has_only_what_uses_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, words: list[str], passed: int
) -> None:
    monkeypatch.setenv("DATABASE_URL", "the run's own")
    pytester.makepyfile(SUITE.format(nowhere=NOWHERE))
    pytester.makeini("[pytest]\nmarkers =\n    django_db: as the plugin has it")
    result = pytester.runpytest_inprocess("-p", "tests.database_use", *WITHOUT, *words)
    result.assert_outcomes(passed=passed, deselected=4 - passed)
    assert os.environ["DATABASE_URL"] == "the run's own"


def test_a_process_of_a_test_that_did_not_ask_for_the_database_has_none() -> None:
    program = (
        "import django; django.setup(); from django.db import connection; connection.ensure_connection()"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "unable to open database file" in done.stderr
