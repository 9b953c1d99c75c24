"""A machine that lacks something may run the rest of the suite, but CI may not pass without all of it."""

import os

import pytest

from tests import machine

pytest_plugins = ["pytester"]
# Plugins, where installed, that do not bear being started twice in one process.
WITHOUT = ["-p", "no:django", "-p", "no:playwright", "-p", "no:cacheprovider"]


def test_ci_runs_on_a_machine_that_lacks_nothing() -> None:
    lacking = [need.remedy for need in machine.lacks()]
    assert os.environ.get("CI") != "true" or not lacking


def test_what_the_machine_lacks_is_left_out_and_named_with_its_remedy(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(machine.CORPUS_VARIABLE, raising=False)
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.corpus
        def test_published_examples():
            assert False

        def test_the_rest():
            assert True
        """
    )
    result = pytester.runpytest_inprocess("-p", "tests.machine", *WITHOUT)
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.fnmatch_lines([f"*{machine.CORPUS_VARIABLE}=*marked corpus*"])


def test_a_directory_of_examples_is_believed_only_if_it_exists(
    monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]
) -> None:
    monkeypatch.setenv(machine.CORPUS_VARIABLE, os.fspath(tmp_path))
    assert machine.corpus() == tmp_path
    monkeypatch.setenv(machine.CORPUS_VARIABLE, os.path.join(tmp_path, "gone"))
    assert machine.corpus() is None
