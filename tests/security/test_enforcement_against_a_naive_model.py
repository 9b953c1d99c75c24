"""Random requests of random people in random clinics are answered as a naive model says, and the model
notices when enforcement breaks."""

from __future__ import annotations

import ast
import logging
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings
from django.db import transaction

from tests.fhir.test_export import directory
from tests.security.naive import (
    cases,
    clinics,
    exports,
    generator,
    looking,
    matching,
    past,
    people,
    requests,
    rights,
)
from tests.security.naive.cases import Case, Outcome
from tests.security.naive.faults import FAULTS, Fault
from tests.security.naive.further_faults import FURTHER_FAULTS
from tests.security.naive.generator import CHANGING, LOOKING, Generator
from tests.security.naive.product import Desk, Moments, expected_state, fill, state
from tests.security.naive.requests import Oracle
from tests.security.naive.rights import Judge, Person, World

__all__ = ["directory"]

pytestmark = pytest.mark.django_db

WORLDS = 60
CASES = 40
ASKING = (*LOOKING, "search", "search", "system_search", "chain", "everything", "export", "export")
KINDS = (*ASKING, *CHANGING, "batch", "batch", "transaction", "transaction")
ALL_FAULTS = FAULTS | FURTHER_FAULTS
OF_THE_DEAD = tuple(kind for kind in (*ASKING, *CHANGING) if kind not in ("chain", "system_search"))


@pytest.fixture(autouse=True)
def base(directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Tell the model under which address the resources are; keep hundreds of refusals out of the report."""
    caplog.set_level(logging.CRITICAL, "fhir.export.running")
    caplog.set_level(logging.CRITICAL, "django_tasks")
    monkeypatch.setattr(matching, "BASE", settings.FHIR_BASE)
    caplog.set_level(logging.CRITICAL, "django.request")


def differences(seeds: Sequence[int], kinds: tuple[str, ...] = KINDS) -> Iterator[str]:
    """A report for each case that is answered otherwise than the model says."""
    for seed in seeds:
        chance = Generator(seed, settings.FHIR_BASE)
        world = chance.world()
        with transaction.atomic():
            moments = fill(world)
            assert state() == expected_state(world)
            for _ in range(CASES):
                person = chance.person()
                case = chance.case(kinds if person.alive else OF_THE_DEAD, person)
                yield from _difference(seed, world, moments, person, case)
            transaction.set_rollback(True)


def _difference(seed: int, world: World, moments: Moments, person: Person, case: Case) -> Iterator[str]:
    oracle = Oracle(Judge(world, person))
    expected = oracle.answer(case)
    with transaction.atomic():
        found = Desk(person, moments).send(case)
        same = _same(expected, found)
        if case.kind in (*CHANGING, "batch", "transaction"):
            same = same and state() == expected_state(oracle.world)
        transaction.set_rollback(True)
    if not same:
        yield f"seed {seed}\n{person}\n{case}\nexpected {expected}\nfound    {found}"


def _same(expected: Outcome, found: Outcome) -> bool:
    if found.status != expected.status and found.status not in expected.either:
        return False
    if found.shown != expected.shown or len(found.parts) != len(expected.parts):
        return False
    return found.total == expected.total and all(
        _same(*pair) for pair in zip(expected.parts, found.parts, strict=True)
    )


def test_two_thousand_requests_are_answered_as_the_model_says() -> None:
    found = list(differences(range(WORLDS)))
    assert not found, f"{len(found)} differences, the first:\n{found[0]}"


@cache
def first_difference_of_the_product(kinds: tuple[str, ...]) -> str:
    """A report from the first clinic, or nothing; asked once for all faults that show in the same kinds."""
    return next(differences(range(1), kinds), "")


@pytest.mark.parametrize("fault", ALL_FAULTS, ids=lambda fault: fault.__name__)
def test_the_model_notices_a_planted_fault(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    assert first_difference_of_the_product(ALL_FAULTS[fault] or KINDS) == ""
    fault(monkeypatch.setattr)
    found = next(differences(range(WORLDS), ALL_FAULTS[fault] or KINDS), "")
    assert found, f"{fault.__doc__} — and no request shows it"


@pytest.mark.parametrize(
    "module", [matching, rights, looking, past, exports, requests, cases, clinics, people, generator]
)
def test_the_model_shares_nothing_with_the_product(module: ModuleType) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
    others = {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names}
    assert not {name for name in others if not name.startswith("tests.security.naive.")}
