"""A second writer, without a second thread: threads of tests do not share the test's transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

from audit import chain


@contextmanager
def in_another_chain() -> Iterator[None]:
    """What is recorded within is recorded by a thread that never recorded anything before."""
    mine = chain._mine
    kept, mine.end = mine.end, chain._End()
    yield
    mine.end = kept
