"""Forms that take long to take apart, from somebody of whom nothing is known yet."""

from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client as Browser

from smartcdr.plain_parameters import LONGEST_CONSOLE_FILE, LONGEST_CONSOLE_FORM, LONGEST_FORM
from tests.security.test_forged_requests import addresses

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a form of a body is taken apart; those of URLs are short."""
    plain = QueryDict.__init__

    def checked(self: QueryDict, query_string: Any = None, *args: Any, **kwargs: Any) -> None:
        if len(query_string or "") > LONGEST_FORM:
            raise AssertionError("A long form was read.")
        plain(self, query_string, *args, **kwargs)

    monkeypatch.setattr(QueryDict, "__init__", checked)


def long_form(longest: int) -> str:
    return "login=" + "%41" * (longest // 3)


@pytest.mark.parametrize("path", sorted(path for path, _ in addresses() if not path.startswith("/admin/")))
def test_no_page_and_no_endpoint_takes_a_long_form_apart(path: str, nothing_is_read: None) -> None:
    browser = Browser(enforce_csrf_checks=True)
    browser.get("/accounts/login/")
    assert browser.post(path, long_form(LONGEST_FORM), content_type=FORM).status_code >= 400


@pytest.mark.parametrize("path", ["/nowhere", "/static/nothing.css", "/admin/nowhere/"])
def test_nor_does_an_address_that_is_none(path: str, nothing_is_read: None) -> None:
    form = long_form(LONGEST_CONSOLE_FORM)
    assert Browser().post(path, form, content_type=FORM).status_code in (400, 404, 405)


def test_the_console_takes_longer_forms_and_no_endless_ones() -> None:
    browser = Browser()
    path = "/admin/login/"
    assert browser.post(path, "a=" + "b" * LONGEST_FORM, content_type=FORM).status_code == 302
    for longest, content_type in (
        (LONGEST_CONSOLE_FORM, FORM),
        (LONGEST_CONSOLE_FILE, "multipart/form-data; boundary=x"),
    ):
        assert browser.post(path, "a" * (longest + 1), content_type=content_type).status_code == 400
