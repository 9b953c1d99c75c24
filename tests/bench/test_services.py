"""Assertions that are signed ahead: each is used once, and none that has waited too long."""

import itertools

from bench.services import GOOD_SECONDS, ahead


def test_what_is_made_ahead_is_given_out_once_and_made_anew_when_it_is_used_up() -> None:
    numbers = itertools.count()
    made = ahead(lambda: next(numbers), 3)
    assert next(numbers) == 0
    assert [next(made) for _ in range(7)] == [1, 2, 3, 4, 5, 6, 7]
    assert next(numbers) == 10


def test_what_has_waited_too_long_is_thrown_away() -> None:
    clock = [0.0]
    numbers = itertools.count()
    made = ahead(lambda: next(numbers), 3, lambda: clock[0])
    assert next(made) == 0
    clock[0] = GOOD_SECONDS + 1
    assert next(made) == 3
