"""manage.py register_client: register, update, refuse."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from oauth.clients.secrets import verify
from oauth.models import AccessToken, Application, ClientSecret
from oauth.tokens.liveness import alive
from tests.oauth.issuing import issue, make_key, make_user
from tests.oauth.test_client_metadata import GOOD, SERVICE

pytestmark = pytest.mark.django_db

CONFIDENTIAL = {
    **GOOD,
    "client_name": "Growth Chart",
    "application_type": "web",
    "token_endpoint_auth_method": "client_secret_basic",
}


def register(tmp_path: Path, metadata: Any, *options: str) -> dict[str, str]:
    file = tmp_path / "client.json"
    file.write_text(metadata if isinstance(metadata, str) else json.dumps(metadata), encoding="utf-8")
    out = io.StringIO()
    call_command("register_client", str(file), *options, stdout=out)
    answer: dict[str, str] = json.loads(out.getvalue())
    return answer


def test_a_public_client_is_registered_live_without_a_secret(tmp_path: Path) -> None:
    answer = register(tmp_path, GOOD)
    assert set(answer) == {"client_id"}
    application = Application.objects.get(client_id=answer["client_id"])
    assert application.is_live
    assert application.is_public


def test_a_confidential_client_gets_a_secret_that_works_and_is_kept_as_a_digest(tmp_path: Path) -> None:
    answer = register(tmp_path, CONFIDENTIAL)
    application = Application.objects.get(client_id=answer["client_id"])
    assert verify(application, answer["client_secret"])
    assert not verify(application, answer["client_secret"] + "x")
    assert answer["client_secret"] not in ClientSecret.objects.get().digest


def test_a_backend_service_is_registered_with_its_public_keys_and_gets_no_secret(tmp_path: Path) -> None:
    answer = register(tmp_path, SERVICE)
    assert set(answer) == {"client_id"}
    application = Application.objects.get(client_id=answer["client_id"])
    assert json.loads(application.client_jwks) == SERVICE["jwks"]
    assert set(register(tmp_path, SERVICE, "--new-secret")) == {"client_id"}
    assert not ClientSecret.objects.exists()


@pytest.mark.parametrize("known_by", ["client_id", "software_id", "client_name"])
def test_a_known_client_is_updated_and_shows_no_secret(tmp_path: Path, known_by: str) -> None:
    metadata = {**CONFIDENTIAL, "client_id": "growth", "software_id": "org.example.growth"}
    register(tmp_path, metadata)
    names = {"client_id": 0, "software_id": 1, "client_name": 2}
    left_out = {name for name, rank in names.items() if rank < names[known_by]}
    again = {name: value for name, value in metadata.items() if name not in left_out}
    answer = register(tmp_path, {**again, "description": "Shows growth."})
    assert answer == {"client_id": "growth"}
    assert Application.objects.get().description == "Shows growth."
    assert ClientSecret.objects.count() == 1


def test_a_new_secret_is_made_beside_the_old_one_when_asked_for(tmp_path: Path) -> None:
    first = register(tmp_path, CONFIDENTIAL)
    second = register(tmp_path, CONFIDENTIAL, "--new-secret")
    application = Application.objects.get()
    assert verify(application, first["client_secret"])
    assert verify(application, second["client_secret"])


def test_another_client_id_is_another_client_even_under_the_same_name(tmp_path: Path) -> None:
    register(tmp_path, {**GOOD, "client_id": "one"})
    register(tmp_path, {**GOOD, "client_id": "two"})
    assert Application.objects.count() == 2
    with pytest.raises(CommandError, match="several clients"):
        register(tmp_path, GOOD)


def test_bad_metadata_name_each_fault_and_save_nothing(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as error:
        register(tmp_path, {**GOOD, "scope": "nonsense", "redirect_uris": ["ftp://x/"], "colour": "blue"})
    assert "colour" in str(error.value)
    with pytest.raises(CommandError) as error:
        register(tmp_path, {**GOOD, "scope": "nonsense", "redirect_uris": ["ftp://x/"]})
    assert "scope: nonsense" in str(error.value)
    assert "redirect_uris: ftp://x/" in str(error.value)
    assert error.value.returncode == 1
    assert not Application.objects.exists()


def test_a_bad_update_changes_nothing(tmp_path: Path) -> None:
    register(tmp_path, {**GOOD, "client_id": "one"})
    with pytest.raises(CommandError):
        register(tmp_path, {**GOOD, "client_id": "one", "client_name": "Other", "scope": ""})
    assert Application.objects.get().name == "Lab Viewer"


@pytest.mark.parametrize("text", ["", "[]", "{", '"x"', "null", "[" * 100_000])
def test_what_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CommandError):
        register(tmp_path, text)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(CommandError, match="nowhere"):
        call_command("register_client", "/nowhere.json")


def test_a_secret_alone_makes_a_web_app(tmp_path: Path) -> None:
    silent = {name: value for name, value in CONFIDENTIAL.items() if name != "application_type"}
    answer = register(tmp_path, silent)
    application = Application.objects.get(client_id=answer["client_id"])
    assert application.application_type == "web"
    assert verify(application, answer["client_secret"])


def test_the_apps_that_a_client_may_launch_are_kept_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    register(tmp_path, {**GOOD, "client_id": "app"})
    register(tmp_path, {**SERVICE, "client_id": "ehr", "may_launch": ["app"]})
    launched = Application.objects.get(client_id="ehr").may_launch
    assert [app.client_id for app in launched.all()] == ["app"]
    with pytest.raises(CommandError, match="there is no client nobody"):
        register(tmp_path, {"client_id": "ehr", "client_name": "Changed", "may_launch": ["nobody"]})
    assert not Application.objects.filter(name="Changed").exists()
    assert launched.count() == 1
    with pytest.raises(CommandError, match="only a client with client_credentials"):
        register(tmp_path, {"client_id": "app", "may_launch": ["ehr"]})


@pytest.mark.parametrize("status", ["draft", "suspended", "retired"])
def test_another_status_from_a_file_ends_the_tokens_for_good(tmp_path: Path, status: str) -> None:
    register(tmp_path, {**GOOD, "client_id": "app"})
    issued = issue(make_key(), make_user(), Application.objects.get(), scope="user/*.rs")
    register(tmp_path, {"client_id": "app", "status": status})
    Application.objects.update(status="live")
    assert not alive(AccessToken.objects.filter(pk=issued.row.pk)).exists()
