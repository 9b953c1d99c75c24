"""docs/clients.md: each file that it shows can be imported, and the preview is the one that it shows."""

import json
import re
from pathlib import Path

import pytest

from oauth.client_exchange.definition_form import _TRANSLATED, _WITHOUT_COUNTERPART
from oauth.client_exchange.planning import plan
from oauth.client_exchange.words import told
from oauth.clients.metadata import LIFETIME_LIMITS, LISTS, TEXTS
from oauth.management.commands.register_client import register
from oauth.models import Application

pytestmark = pytest.mark.django_db
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
ONE, SEVERAL, DEFINITION = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_client_that_the_page_registers_is_a_web_app_with_a_secret() -> None:
    answer = register(json.loads(ONE))
    assert set(answer) == {"client_id", "client_secret"}
    assert f"manage.py client_secrets {answer['client_id']} " in PAGE
    assert Application.objects.get().application_type == "web"


def test_the_file_that_the_page_imports_is_taken() -> None:
    found = plan(SEVERAL)
    assert not found.has_faults
    assert [entry.kind for entry in found.entries] == ["new", "new"]
    assert [entry.application.application_type for entry in found.entries if entry.application] == [
        "backend",
        "web",
    ]
    assert len(found.entries[1].secrets) == 1


def test_the_preview_of_the_definition_is_the_one_that_the_page_shows() -> None:
    [shown] = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert told(plan(DEFINITION)) + "\n" == shown


def test_the_page_tells_of_every_member_and_every_property() -> None:
    members = {*TEXTS, *LISTS, *LIFETIME_LIMITS, "jwks", *_TRANSLATED, *_WITHOUT_COUNTERPART}
    assert [name for name in sorted(members) if f"`{name}`" not in PAGE] == []
