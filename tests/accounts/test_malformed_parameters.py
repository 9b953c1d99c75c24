"""Parameters that no page of ours sends get a page that says so, never an error of ours."""

from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import User
from tests.accounts.codes import PASSWORD

LOGIN = "/accounts/login/"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "query", ["next=%00", "n%00xt=/", "next=/a&next=/b", f"next=/{'a' * 5000}", f"{'n' * 5000}=1"]
)
@pytest.mark.parametrize("path", [LOGIN, "/accounts/logout/", "/launch/"])
def test_a_bad_query_is_400(client: Client, amy: User, path: str, query: str) -> None:
    client.force_login(amy)
    response = client.get(f"{path}?{query}")
    assert response.status_code == 400
    assert "We could not read that request" in response.content.decode()


@pytest.mark.parametrize(
    "fields",
    [
        [("login", "a\0my"), ("password", PASSWORD)],
        [("login", "amy"), ("password", f"{PASSWORD}\0")],
        [("login", "amy"), ("login", "bob"), ("password", PASSWORD)],
        [("login", "amy"), ("password", PASSWORD), ("password", PASSWORD)],
        [("login", "amy"), ("password", "x" * 5000)],
    ],
)
def test_a_bad_form_is_400_and_signs_nobody_in(
    client: Client, amy: User, fields: list[tuple[str, str]]
) -> None:
    response = client.post(LOGIN, urlencode(fields), content_type=FORM)
    assert response.status_code == 400
    assert "_auth_user_id" not in client.session


def test_a_name_longer_than_any_is_a_fault_of_the_form(client: Client, amy: User) -> None:
    response = client.post(LOGIN, {"login": "a" * 151, "password": PASSWORD})
    assert response.status_code == 200
    assert response.context["form"].errors["login"]


def test_a_cookie_with_nul_is_400(client: Client, amy: User) -> None:
    client.cookies["any"] = "x"
    response = client.get(LOGIN, HTTP_COOKIE='smartcdr_session="abcdefgh\\000abcdefgh"')
    assert response.status_code == 400


@pytest.mark.parametrize(
    "path", ["/admin/accounts/user/?q=%00", "/admin/accounts/user/?username=%00", "/admin/%00/"]
)
def test_nul_in_the_console_is_400(client: Client, chief: User, path: str) -> None:
    client.force_login(chief)
    assert client.get(path).status_code == 400


def test_the_console_may_repeat_a_parameter(client: Client, chief: User, amy: User) -> None:
    client.force_login(chief)
    ticked = [
        ("action", "delete_selected"),
        ("_selected_action", str(amy.pk)),
        ("_selected_action", str(chief.pk)),
    ]
    response = client.post("/admin/accounts/user/", urlencode(ticked), content_type=FORM)
    assert response.status_code == 200
    assert "Are you sure" in response.content.decode()
