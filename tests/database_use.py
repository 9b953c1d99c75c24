"""A pytest plugin: what no database has a say in is tested once, not once per database.

A test that uses the run's database says so, by a fixture or a mark. While any other runs, DATABASE_URL leads
nowhere, and pytest-django refuses its queries, so that none can use the database unseen. With
`--other-database`, as `make test` runs the suite for the second time, those others are left out, and so are
tests marked `any_database`: they look at what comes of the database's answers, whichever gave them.
"""

import os
from collections.abc import Generator
from unittest import mock

import pytest

FIXTURES = {"db", "transactional_db", "django_db_setup", "live_server", "demo_site"}
MARKS = ("django_db", "postgres")
NOWHERE = "sqlite:////dev"
"""A directory, which no database can be."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption(
        "--other-database",
        action="store_true",
        help="leave out what the database has no say in: for a run after one on another database",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", "any_database: looks at pages, which others get from each")


def uses_database(item: pytest.Item) -> bool:
    """Whether a test may use the database that the run is about."""
    return bool(FIXTURES & set(getattr(item, "fixturenames", ()))) or any(
        item.get_closest_marker(mark) for mark in MARKS
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what ran before, if the option says that there was a run before."""
    if not config.getoption("other_database"):
        return
    again = [item for item in items if uses_database(item) and not item.get_closest_marker("any_database")]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(again)])
    items[:] = again


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Lead nowhere whoever has not said that they use the database, and the processes that they start."""
    if uses_database(item):
        return (yield)
    with mock.patch.dict(os.environ, DATABASE_URL=NOWHERE):
        return (yield)
