"""Files that nobody would write, and imports that meet: refused or previewed, never a failure."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth.client_exchange.planning import plan
from oauth.client_exchange.reading import LARGEST, BadFile
from oauth.client_exchange.words import told
from oauth.models import Application
from tests.oauth.parallel import shared_database
from tests.oauth.test_admin_import import confirm, upload
from tests.oauth.test_client_exchange import faults, file_of
from tests.oauth.test_client_metadata import GOOD, SERVICE
from tests.oauth.test_definition_form import EVERY

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
OURS = [
    *GOOD,
    *SERVICE,
    "client_id",
    "client_secrets",
    "may_launch",
    "required_scope",
    "refresh_token_seconds",
    "status",
]


@settings(deadline=None, max_examples=150)
@given(
    base=st.sampled_from([{**GOOD, "client_id": "x"}, {**SERVICE, "client_id": "x"}, EVERY]),
    changes=st.dictionaries(st.sampled_from([*OURS, *EVERY]) | st.text(max_size=10), VALUES, max_size=4),
    with_status=st.booleans(),
)
def test_whatever_a_member_holds_it_is_taken_noted_or_a_fault(
    base: dict[str, Any], changes: dict[str, Any], with_status: bool
) -> None:
    text = json.dumps([{**base, **changes}])
    found = plan(text, with_status=with_status)
    shown = told(found)
    assert shown.encode()
    assert all(line.isprintable() for line in shown.split("\n"))
    assert found.fingerprint == plan(text, with_status=with_status).fingerprint


def test_half_a_character_is_refused_with_the_whole_file() -> None:
    for text in ('{"client_id": "x", "\\ud800": 1}', '{"client_id": "x", "publisher": "\\udfff"}'):
        with pytest.raises(BadFile, match="surrogates"):
            plan(text)


def test_no_file_moves_the_cursor_of_a_terminal() -> None:
    shown = told(plan(file_of({**GOOD, "client_id": "x", "\x1b[2J\u202e": 1})))
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_what_a_file_says_is_escaped_on_the_page(staff: Client) -> None:
    script = "<script>alert(1)</script>"
    page = upload(
        staff, file_of({**GOOD, "client_id": "x", "client_name": script, script: 1}, {**EVERY, script: 1})
    )
    assert script not in page.content.decode()


def test_a_file_as_large_as_may_be_comes_through(staff: Client) -> None:
    many = [{**GOOD, "client_id": f"client-{number}", "description": "ü" * 600} for number in range(500)]
    text = json.dumps(many, ensure_ascii=False)
    page = upload(staff, text)
    confirm(staff, page)
    assert Application.objects.count() == 500
    assert upload(staff, text + " " * LARGEST).context["form"].errors


def test_many_faults_of_one_file_are_all_told() -> None:
    broken = [{**GOOD, "client_id": f"client-{number}", "scope": ""} for number in range(500)]
    assert faults(plan(json.dumps(broken))).count("scope: is missing") == 500


@pytest.mark.django_db(transaction=True)
def test_of_imports_at_the_same_moment_one_makes_the_client_and_none_fails(tmp_path: Path) -> None:
    file = tmp_path / "clients.json"
    file.write_text(file_of({**GOOD, "client_id": "one"}), encoding="utf-8")
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": shared_database(tmp_path),
    }
    command = [sys.executable, str(ROOT / "manage.py"), "import_clients", str(file), "--yes"]
    started = [
        subprocess.Popen(
            command, env=environment, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    answers = [process.communicate() for process in started]
    assert sum("Imported: 1 new" in out for out, _ in answers) == 1
    assert [err for _, err in answers if "Traceback" in err] == []
