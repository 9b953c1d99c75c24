"""docs/dynamic-registration.md: its commands are carried out in their order, and do what the page says."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client as Browser
from pytest_django import Settings

from oauth.models import Application
from tests.oauth.developers import initial_token

pytestmark = pytest.mark.django_db

PAGE = Path(__file__).parents[2] / "docs" / "dynamic-registration.md"
ELSEWHERE = "https://cdr.example.org"


def commands() -> list[str]:
    """The page's commands."""
    return re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def carry_out(command: str, **variables: str) -> Any:
    """What curl would send, sent to this server."""
    for name, value in variables.items():
        command = command.replace(f"${name}", value)
    words = shlex.split(command.replace("\\\n", " "))
    assert words.pop(0) == "curl"
    method, url, headers, body = "", "", {}, ""
    while words:
        match words.pop(0):
            case "-X":
                method = words.pop(0)
            case "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name] = value
            case "-d":
                body = words.pop(0)
            case word:
                url = word
    content_type = headers.pop("Content-Type", "")
    path = url.removeprefix(ELSEWHERE)
    verb = method or ("POST" if body else "GET")
    return Browser().generic(verb, path, body, content_type=content_type, headers=headers)


def test_the_commands_of_the_page_do_what_it_says(settings: Settings) -> None:
    settings.DYNAMIC_REGISTRATION = True
    settings.ALLOW_INSECURE_CLIENT_URLS = False
    cache.clear()
    register, look, change, end = commands()
    made = carry_out(register, INITIAL_ACCESS_TOKEN=initial_token(registrations_left=1))
    assert made.status_code == 201
    told = made.json()
    assert told["status"] == "draft"
    sent = json.loads(shlex.split(register)[-1])
    assert {name: told[name] for name in sent} == sent
    own = {"CLIENT_ID": told["client_id"], "REGISTRATION_ACCESS_TOKEN": told["registration_access_token"]}
    assert carry_out(look, **own).json() == told
    Application.objects.update(status="live")
    changed = carry_out(change, **own).json()
    assert len(changed["redirect_uris"]) == 2
    assert "contacts" not in changed
    assert changed["status"] == "draft"
    assert carry_out(end, **own).status_code == 204
    assert carry_out(look, **own).status_code == 401
    assert Application.objects.get().status == "retired"
