"""`manage.py verify_audit` finds what was changed, taken out or put in, wherever it stands."""

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from audit.chain import NUMBERS
from audit.events import Event as Told
from audit.models import Event
from audit.recording import record
from tests.audit.other_writer import in_another_chain
from tests.audit.tampering import without_triggers

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _events() -> None:
    for number in range(1, 6):
        record(Told("read", "allowed", 200, what=f"Patient/{number}"))
    with in_another_chain():
        record(Told("sign-in", "allowed"), Told("sign-out", "allowed"))


def verified(*words: str) -> str:
    out = StringIO()
    call_command("verify_audit", *words, stdout=out, stderr=out)
    return out.getvalue()


def faults(*words: str) -> str:
    out = StringIO()
    with pytest.raises(CommandError, match="not whole"):
        call_command("verify_audit", *words, stdout=out, stderr=out)
    return out.getvalue()


def chains() -> list[int]:
    """The two chains with events; tests before may have left others."""
    return sorted({number // NUMBERS for number in Event.objects.values_list("id", flat=True)})


def test_a_whole_trail_is_said_to_be_whole() -> None:
    assert re.fullmatch(r"7 events in \d+ chains are all as they were written.\n", verified())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("time", 1),
        ("kind", "x"),
        ("outcome", "x"),
        ("status", 1),
        ("person", "x"),
        ("client", "x"),
        ("patient", "x"),
        ("type", "x"),
        ("what", "x"),
        ("address", "x"),
        ("attempt", "x"),
        ("detail", "x"),
        ("hash", b"x" * 32),
    ],
)
@pytest.mark.requirement("audit: an altered row is found")
def test_an_altered_column_is_found(column: str, value: object) -> None:
    chain = chains()[0]
    with without_triggers() as cursor:
        cursor.execute(
            f"UPDATE audit_event SET {column} = %s WHERE id = %s",  # noqa: S608  # a name from the list above
            (value, chain * NUMBERS + 3),
        )
    assert f"event {chain}.3 was altered" in faults()


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((1,), ".1 is missing"),
        ((2, 3), ".2 to {}.3 are missing"),
        ((5,), ".5 is missing"),
        ((4, 5), ".5 are missing"),
    ],
)
@pytest.mark.requirement("audit: a missing row is found")
def test_a_missing_event_is_found_at_the_end_too(numbers: tuple[int, ...], words: str) -> None:
    chain = chains()[0]
    with without_triggers() as cursor:
        for number in numbers:
            cursor.execute("DELETE FROM audit_event WHERE id = %s", (chain * NUMBERS + number,))
    assert words.format(chain) in faults()


def test_an_event_that_was_put_in_is_found() -> None:
    for number in (chains()[0] * NUMBERS + 6, (chains()[1] + 7) * NUMBERS + 1):
        Event.objects.create(
            **{field: 0 if field in ("time", "status") else "" for field in _fields()}, id=number, hash=b""
        )
    assert faults().count("no chain accounts for") == 2


def _fields() -> list[str]:
    return [field.name for field in Event._meta.fields if field.name not in ("id", "hash")]


def test_two_events_that_changed_places_are_found() -> None:
    first = chains()[0] * NUMBERS
    with without_triggers() as cursor:
        for was, becomes in ((first + 2, 1), (first + 3, first + 2), (1, first + 3)):
            cursor.execute("UPDATE audit_event SET id = %s WHERE id = %s", (becomes, was))
    assert "was altered" in faults()


def test_a_chain_that_was_taken_out_is_found() -> None:
    first, second = chains()
    with without_triggers() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE id < %s", (second * NUMBERS,))
        cursor.execute("DELETE FROM audit_chain WHERE id = %s", (first,))
    assert re.search(r"chain \d+ does not follow", faults())


@pytest.mark.requirement("audit: what was cut off at the end is found by heads that were kept elsewhere")
@pytest.mark.parametrize("whole", [False, True])
def test_a_cut_end_is_found_by_the_heads_that_were_kept_elsewhere(whole: bool, tmp_path: Path) -> None:
    file = tmp_path / "heads.json"
    verified("--keep", str(file))
    record(Told("read", "allowed", 200))
    assert "8 events" in verified("--against", str(file))
    last = chains()[1]
    with without_triggers() as cursor:
        if whole:
            cursor.execute("DELETE FROM audit_event WHERE id > %s", (last * NUMBERS,))
            cursor.execute("DELETE FROM audit_chain WHERE id = %s", (last,))
        else:
            cursor.execute("DELETE FROM audit_event WHERE id = %s", (last * NUMBERS + 2,))
            cursor.execute(
                "UPDATE audit_chain SET number = 1, hash = (SELECT hash FROM audit_event WHERE id = %s)"
                " WHERE id = %s",
                (last * NUMBERS + 1, last),
            )
    assert "as they were written" in verified()
    assert f"chain {last}" in faults("--against", str(file))


@pytest.mark.parametrize("text", ["", "[]", '{"a": [1, "x"]}', '{"1": 2}'])
def test_a_file_without_heads_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "heads.json"
    file.write_text(text)
    with pytest.raises(CommandError, match="holds no heads"):
        verified("--against", str(file))


def test_heads_are_plain_to_read(tmp_path: Path) -> None:
    file = tmp_path / "heads.json"
    verified("--keep", str(file))
    found = json.loads(file.read_text())
    assert [found[str(chain)][0] for chain in chains()] == [5, 2]
