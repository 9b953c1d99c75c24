"""`manage.py check --deploy` refuses set-ups that are not safe."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SAFE = {
    "SITE_URL": "https://cdr.example.org",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_",
    "KEY_ENCRYPTION_KEYS": "ZGV2ZWxvcG1lbnQtb25seS1ub3Qtc2VjcmV0LWtleSE=",
    "DATABASE_URL": "postgres://cdr@db.example.org/cdr",
    "CACHE_URL": "redis://cache.example.org/0",
}


def check(**changes: str) -> subprocess.CompletedProcess[str]:
    """The command's outcome in an environment that is safe but for these changes."""
    command = [sys.executable, "manage.py", "check", "--deploy", "--tag", "security"]
    environment = {"PATH": os.environ["PATH"]} | SAFE | changes
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_a_safe_set_up_passes_without_a_word() -> None:
    found = check(JWKS_URI_NETWORKS="10.20.0.0/16,fd00:20::/32")
    assert (found.returncode, "no issues" in found.stdout) == (0, True), found.stderr


@pytest.mark.parametrize(
    ("fault", "changes"),
    [
        ("smartcdr.E001", {"SITE_URL": "http://cdr.example.org"}),
        ("smartcdr.E002", {"ALLOW_INSECURE_CLIENT_URLS": "1"}),
        ("smartcdr.E003", {"DATABASE_URL": "sqlite://:memory:"}),
        ("smartcdr.E004", {"DEVELOPMENT": "1"}),
        ("smartcdr.E005", {"CACHE_URL": "locmemcache://"}),
        ("smartcdr.E006", {"JWKS_URI_NETWORKS": "10.20.0.0/16,127.0.0.1/32"}),
        ("smartcdr.E006", {"JWKS_URI_NETWORKS": "0.0.0.0/0"}),
        ("smartcdr.E006", {"JWKS_URI_NETWORKS": "fe80::/64"}),
    ],
)
def test_each_unsafe_setting_is_refused_by_name(fault: str, changes: dict[str, str]) -> None:
    found = check(**changes)
    assert found.returncode == 1
    assert fault in found.stderr


@pytest.mark.parametrize("needed", ["SITE_URL", "SECRET_KEY", "KEY_ENCRYPTION_KEYS"])
def test_production_does_not_start_without_what_only_its_operator_can_know(needed: str) -> None:
    command = [sys.executable, "manage.py", "check"]
    environment = {"PATH": os.environ["PATH"]} | {
        name: value for name, value in SAFE.items() if name != needed
    }
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode != 0
    assert needed in found.stderr
