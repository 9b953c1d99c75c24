"""The style document for apps."""

import hashlib
import re

import pytest
from django.test import Client

from launch.style import STYLE, style_document, style_hash, style_url


@pytest.mark.requirement(
    "SMART 2.2 styling: smart_style_url is public, with CORS, and changes with its content"
)
def test_the_style_is_public_for_any_origin_and_unchanging(client: Client) -> None:
    address = style_url()
    assert address == f"http://testserver/launch/style/{style_hash()}.json"
    response = client.get(address.removeprefix("http://testserver"), HTTP_ORIGIN="https://app.example")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response["Access-Control-Allow-Origin"] in ("*", "https://app.example")
    assert "immutable" in response["Cache-Control"]
    assert "Set-Cookie" not in response.headers
    assert response.json() == STYLE
    assert not client.cookies


def test_the_address_is_the_contents_hash() -> None:
    assert hashlib.sha256(style_document()).hexdigest().startswith(style_hash())


def test_another_hash_was_never_ours(client: Client, db: None) -> None:
    assert client.get("/launch/style/0123456789abcdef.json").status_code == 404


def test_only_keys_that_smart_defines_are_told() -> None:
    assert all(re.match(r"(color|dim|font)_[a-z_]+\Z", key) for key in STYLE)
    colors = [value for key, value in STYLE.items() if key.startswith("color_")]
    assert all(re.match(r"#[0-9a-f]{6}\Z", value) for value in colors)
