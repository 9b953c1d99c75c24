"""Conditions in SQL: what the index of each kind of parameter, and every right, is in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Condition:
    """A boolean SQL expression with %s placeholders, and their values."""

    sql: str
    params: tuple[Any, ...] = ()


ALWAYS = Condition("1 = 1")
NEVER = Condition("1 = 0")
