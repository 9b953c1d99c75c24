"""manage.py export_clients, import_clients and client_secrets."""

import io
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from oauth.client_exchange.describing import describe, export
from oauth.clients.secrets import add_secret, verify
from oauth.models import Application, ClientSecret
from tests.oauth.test_client_exchange import WEB, file_of, make
from tests.oauth.test_client_metadata import GOOD, SERVICE

pytestmark = pytest.mark.django_db


def run(command: str, *words: str, **options: Any) -> str:
    out = io.StringIO()
    call_command(command, *words, stdout=out, **options)
    return out.getvalue()


def saved(tmp_path: Path, text: str) -> str:
    file = tmp_path / "clients.json"
    file.write_text(text, encoding="utf-8")
    return str(file)


def answer(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: words)


def test_all_clients_or_the_named_ones_are_exported() -> None:
    one, two = make("one", GOOD), make("two", SERVICE)
    assert run("export_clients") == export([one, two])
    assert run("export_clients", "two") == export([two])
    with pytest.raises(CommandError, match="There is no client nobody"):
        run("export_clients", "one", "nobody")


def test_what_one_server_exports_another_imports(tmp_path: Path) -> None:
    made = [make("one", WEB), make("two", {**SERVICE, "may_launch": ["one"]})]
    before = [describe(client) for client in made]
    file = saved(tmp_path, run("export_clients"))
    assert "Nothing was changed." in run("import_clients", file, "--yes", "--with-status")
    Application.objects.all().delete()
    told = run("import_clients", file, "--yes", "--with-status")
    assert "Imported: 2 new, 0 changed." in told
    assert [describe(client) for client in Application.objects.order_by("client_id")] == before


def test_a_dry_run_shows_each_change_and_makes_none(tmp_path: Path) -> None:
    make("growth", WEB)
    change = {"client_id": "growth", "publisher": "Other"}
    file = saved(tmp_path, file_of(change, {**GOOD, "client_id": "new"}))
    told = run("import_clients", file, "--dry-run")
    assert "growth: would change\n    publisher: – → Other\n" in told
    assert "new: new\n" in told
    assert "    client_name: Lab Viewer\n" in told
    assert "taken otherwise" not in told
    assert Application.objects.get().publisher == ""


def test_each_fault_is_named_and_nothing_is_saved(tmp_path: Path) -> None:
    file = saved(tmp_path, file_of({**GOOD, "client_id": "good"}, {**GOOD, "client_id": "bad", "scope": ""}))
    out = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command("import_clients", file, "--yes", stdout=out)
    assert error.value.returncode == 1
    assert "FAULT scope: is missing" in out.getvalue()
    assert not Application.objects.exists()


def test_the_operator_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(tmp_path, file_of({**GOOD, "client_id": "new"}))
    answer(monkeypatch, "n")
    with pytest.raises(CommandError, match="Nothing was changed"):
        run("import_clients", file)
    assert not Application.objects.exists()
    answer(monkeypatch, "y")
    run("import_clients", file)
    assert Application.objects.get().status == "draft"


def test_what_changes_while_the_operator_thinks_is_shown_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("growth", WEB)
    file = saved(tmp_path, file_of({"client_id": "growth", "publisher": "Other"}))

    def meanwhile(_: str) -> str:
        Application.objects.update(publisher="Meanwhile")
        return "y"

    answer(monkeypatch, "")
    monkeypatch.setattr("builtins.input", meanwhile)
    out = io.StringIO()
    with pytest.raises(CommandError, match="have changed since the preview"):
        call_command("import_clients", file, stdout=out)
    assert "publisher: Meanwhile → Other" in out.getvalue()
    assert Application.objects.get().publisher == "Meanwhile"


def test_where_nobody_can_be_asked_nothing_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = file_of({**GOOD, "client_id": "new"})
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    with pytest.raises(CommandError, match="--yes"):
        run("import_clients", saved(tmp_path, text))
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    with pytest.raises(CommandError, match="--yes"):
        run("import_clients", "-")
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    run("import_clients", "-", "--yes")
    assert Application.objects.exists()


@pytest.mark.parametrize("content", [b"\xff", b"", b"nonsense", b"[]"])
def test_what_is_no_file_of_clients_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "clients.json"
    file.write_bytes(content)
    with pytest.raises(CommandError):
        run("import_clients", str(file), "--yes")
    with pytest.raises(CommandError, match="cannot be read"):
        run("import_clients", str(tmp_path / "nowhere.json"))


def secrets_of(client: Application, *options: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run("client_secrets", client.client_id, *options))
    return told


def test_a_secret_is_made_shown_once_and_ended_by_the_command() -> None:
    client = make("growth", WEB)
    made = secrets_of(client, "--new", "--description", "Second server", "--ends", "2999-01-01")
    assert verify(client, made["client_secret"])
    told = secrets_of(client)
    assert "client_secret" not in told
    assert made["client_secret"] not in json.dumps(told)
    [line] = told["secrets"]
    assert line["description"] == "Second server"
    assert line["ends"] == "2999-01-01T00:00:00+00:00"
    assert line["last_used"] is not None
    assert line["in_force"] is True
    [ended] = secrets_of(client, "--end", str(line["number"]))["secrets"]
    assert ended["in_force"] is False
    assert not verify(client, made["client_secret"])


def test_two_secrets_overlap_and_the_end_of_one_leaves_the_other() -> None:
    client = make("growth", WEB)
    first, second = (secrets_of(client, "--new")["client_secret"] for _ in range(2))
    assert verify(client, first)
    assert verify(client, second)
    secrets_of(client, "--end", str(secrets_of(client)["secrets"][0]["number"]))
    assert not verify(client, first)
    assert verify(client, second)


def test_a_secret_may_begin_later() -> None:
    client = make("growth", WEB)
    secret = secrets_of(client, "--new", "--starts", "2998-01-01")["client_secret"]
    assert not verify(client, secret)
    ClientSecret.objects.update(starts=timezone.now() - timedelta(seconds=1))
    assert verify(client, secret)


def test_an_end_that_is_over_is_not_moved() -> None:
    client = make("growth", WEB)
    add_secret(client, ends=timezone.now() - timedelta(days=1))
    ended = ClientSecret.objects.get()
    secrets_of(client, "--end", str(ended.pk))
    assert ClientSecret.objects.get().ends == ended.ends


def test_what_the_command_cannot_do_it_refuses() -> None:
    make("public", GOOD)
    client, other = make("growth", WEB), make("other", WEB)
    add_secret(other)
    for words in (
        ["nobody"],
        ["public", "--new"],
        ["growth", "--end", "0"],
        ["growth", "--end", str(other.secrets.get().pk)],
        ["growth", "--new", "--ends", "2020-01-01"],
        ["growth", "--new", "--ends", "soon"],
        ["growth", "--new", "--starts", "2999-01-01", "--ends", "2998-01-01"],
    ):
        with pytest.raises(CommandError):
            run("client_secrets", *words)
    assert not client.secrets.exists()
    assert other.secrets.get().ends is None
