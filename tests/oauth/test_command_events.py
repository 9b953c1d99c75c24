"""Commands that change clients and keys tell the audit trail who ran them."""

import getpass
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.models import Event
from oauth import operators
from oauth.models import Application, SigningKey
from tests.oauth.flow import ensure_keys, make_client

pytestmark = pytest.mark.django_db
METADATA = {
    "client_name": "Growth Chart",
    "redirect_uris": ["https://app.example.org/cb"],
    "scope": "openid",
    "token_endpoint_auth_method": "client_secret_basic",
    "application_type": "web",
}


def told() -> list[tuple[str, str]]:
    """Command and cause of each change, all by the account that runs this."""
    details: list[dict[str, Any]] = [
        json.loads(event.detail) for event in Event.objects.filter(kind="console-change").order_by("pk")
    ]
    assert {detail["operator"] for detail in details} <= {getpass.getuser()}
    return [(detail["command"], detail["cause"]) for detail in details]


def test_a_client_that_is_registered_or_imported_by_a_command_is_told_of(tmp_path: Path) -> None:
    file = tmp_path / "client.json"
    file.write_text(json.dumps(METADATA))
    call_command("register_client", str(file))
    client = Application.objects.get()
    file.write_text(json.dumps({"clients": [{**METADATA, "client_id": "imported"}]}))
    call_command("import_clients", str(file), "--yes")
    call_command("import_clients", str(file), "--yes")
    assert told() == [
        ("register_client", "Saved the client from a file and made it a secret."),
        ("import_clients", "Imported the client from a file: new."),
    ]
    names = Event.objects.filter(kind="console-change").order_by("pk").values_list("client", flat=True)
    assert list(names) == [client.client_id, "imported"]


def test_secrets_made_and_ended_by_a_command_are_told_of_and_nothing_else() -> None:
    client, secret = make_client(confidential=True)
    number = client.secrets.get().pk
    call_command("client_secrets", client.client_id)
    call_command("client_secrets", client.client_id, "--new")
    call_command("client_secrets", client.client_id, "--end", str(number))
    with pytest.raises(CommandError):
        call_command("client_secrets", client.client_id, "--end", "0")
    assert told() == [
        ("client_secrets", "Made the client one more secret."),
        ("client_secrets", f"Ended the client's secret number {number}."),
    ]
    assert secret not in str(list(Event.objects.values()))


def test_steps_of_the_signing_keys_are_told_of_and_a_run_without_one_is_not() -> None:
    ensure_keys()
    call_command("ensure_signing_key")
    call_command("rotate_signing_key")
    assert told() == []
    key = SigningKey.objects.filter(algorithm="ES256", status="active").get()
    call_command("rotate_signing_key", "--compromised", key.kid)
    [(command, cause)] = told()
    assert command == "rotate_signing_key"
    assert f"{key} is withdrawn for good." in cause


def test_an_account_without_a_name_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nameless)
    monkeypatch.setattr("os.getuid", lambda: 4711)
    assert operators.operator() == "uid 4711"
