"""Where a form may lead, in the words of a Content Security Policy."""

import pytest

from launch.form_action import form_action_sources


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://app.example/launch?x=1", "https://app.example"),
        ("https://app.example:8443/cb", "https://app.example:8443"),
        ("http://localhost:9001/", "http://localhost:9001"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:*"),
        ("http://127.0.0.1:555/cb", "http://127.0.0.1:*"),
        ("com.example.app:/cb", "com.example.app:"),
    ],
)
def test_an_address_becomes_its_origin(url: str, source: str) -> None:
    assert form_action_sources([url]) == [source]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/relative",
        "https:///x",
        "https://a.example;script-src *",
        "https://a.example *",
        "https://u:p@a.example/",
    ],
)
def test_what_a_policy_cannot_say_is_left_out(url: str) -> None:
    assert form_action_sources([url]) == []


def test_each_source_comes_once() -> None:
    urls = ["https://b.example/1", "https://a.example/", "https://b.example/2"]
    assert form_action_sources(urls) == ["https://a.example", "https://b.example"]
