"""Sign-in by user name and password."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import User
from tests.accounts.codes import PASSWORD

LOGIN = "/accounts/login/"


def sign_in(client: Client, username: str = "amy", password: str = PASSWORD, **more: str) -> object:
    """Send the sign-in form."""
    return client.post(LOGIN, {"login": username, "password": password, **more})


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_the_right_password_opens_the_portal(client: Client, amy: User) -> None:
    response = client.post(LOGIN, {"login": "amy", "password": PASSWORD})
    assert response.status_code == 302
    assert response["Location"] == "/launch/"
    assert is_signed_in(client)


def test_the_session_key_changes_at_sign_in_so_that_a_planted_one_is_worth_nothing(
    client: Client, amy: User
) -> None:
    session = client.session
    session["planted"] = "yes"
    session.save()
    planted = session.session_key
    sign_in(client)
    assert is_signed_in(client)
    assert client.session.session_key != planted


def test_an_unknown_name_and_a_wrong_password_get_the_same_answer(client: Client, amy: User) -> None:
    wrong = client.post(LOGIN, {"login": "amy", "password": "not the password"})
    unknown = client.post(LOGIN, {"login": "nobody", "password": "not the password"})
    assert wrong.context["form"].errors == unknown.context["form"].errors
    assert wrong.context["form"].non_field_errors()
    assert not is_signed_in(client)


def test_a_deactivated_person_cannot_sign_in(client: Client, amy: User) -> None:
    User.objects.update(is_active=False)
    response = client.post(LOGIN, {"login": "amy", "password": PASSWORD})
    assert response["Location"] == "/accounts/inactive/"
    assert not is_signed_in(client)
    assert "switched off" in client.get("/accounts/inactive/").content.decode()


def test_deactivation_ends_an_open_session(client: Client, amy: User) -> None:
    sign_in(client)
    assert client.get("/accounts/password/change/").status_code == 200
    User.objects.update(is_active=False)
    assert client.get("/accounts/password/change/").status_code == 302


def test_a_session_ends_with_the_browser(client: Client, amy: User) -> None:
    response = client.post(LOGIN, {"login": "amy", "password": PASSWORD, "remember": "on"})
    [cookie] = [cookie for name, cookie in response.cookies.items() if name.endswith("_session")]
    assert cookie["max-age"] == ""
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_after_five_failures_even_the_right_password_waits(client: Client, amy: User) -> None:
    for _ in range(5):
        sign_in(client, password="not the password")
    response = client.post(LOGIN, {"login": "amy", "password": PASSWORD})
    assert "Please wait five minutes" in response.content.decode()
    assert not is_signed_in(client)


def test_an_address_that_tries_on_and_on_is_slowed_down_with_a_page(client: Client, amy: User) -> None:
    for number in range(30):
        sign_in(client, username=f"guess{number}", password="not the password")
    response = client.post(LOGIN, {"login": "amy", "password": PASSWORD})
    assert response.status_code == 429
    assert "Too many tries" in response.content.decode()
    assert not is_signed_in(client)


@pytest.mark.requirement("RFC 9700 https://datatracker.ietf.org/doc/html/rfc9700#section-4.11")
@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "http:evil.example",
        "http:///evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://testserver.evil.example/",
        "http://testserver@evil.example/",
        "http://testserver:8000/",
        " //evil.example/",
        "/\t/evil.example/",
        "\x1f//evil.example/",
    ],
)
def test_next_never_leads_to_another_site(client: Client, amy: User, target: str) -> None:
    response = client.post(LOGIN, {"login": "amy", "password": PASSWORD, "next": target})
    assert response["Location"] == "/launch/"


def test_next_does_not_follow_the_host_header(client: Client, amy: User, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["testserver", "other.example"]
    fields = {"login": "amy", "password": PASSWORD, "next": "http://other.example/"}
    response = client.post(LOGIN, fields, HTTP_HOST="other.example")
    assert response["Location"] == "/launch/"


@pytest.mark.parametrize("target", ["/oauth/authorize/abc?x=1", "http://testserver/accounts/logout/"])
def test_next_leads_to_a_page_of_ours(client: Client, amy: User, target: str) -> None:
    response = client.post(LOGIN, {"login": "amy", "password": PASSWORD, "next": target})
    assert response["Location"] == target


@pytest.mark.parametrize(
    "path",
    ["signup/", "password/reset/", "email/", "confirm-email/", "password/set/", "login/code/confirm/", ""],
)
def test_sign_up_and_mail_do_not_exist(client: Client, amy: User, path: str) -> None:
    client.force_login(amy)
    assert client.get(f"/accounts/{path}").status_code == 404


def test_sign_out_asks_first_and_kills_the_session(client: Client, amy: User) -> None:
    sign_in(client)
    before = {name: cookie.value for name, cookie in client.cookies.items()}
    assert client.get("/accounts/logout/").status_code == 200
    assert is_signed_in(client)
    response = client.post("/accounts/logout/")
    assert response["Location"] == LOGIN
    stolen = Client()
    for name, value in before.items():
        stolen.cookies[name] = value
    assert stolen.get("/accounts/password/change/").status_code == 302


def test_sign_out_does_not_follow_next_to_another_site(client: Client, amy: User) -> None:
    sign_in(client)
    assert client.post("/accounts/logout/", {"next": "https://evil.example/"})["Location"] == LOGIN


def test_a_form_from_elsewhere_is_refused_with_a_page(amy: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    response = strict.post(LOGIN, {"login": "amy", "password": PASSWORD})
    assert response.status_code == 403
    assert "This form has expired" in response.content.decode()
    assert not is_signed_in(strict)


def test_the_page_names_the_app_that_waits_and_only_for_the_page_that_said_so(
    client: Client, db: None
) -> None:
    session = client.session
    session["sign_in_for"] = {"next": "/oauth/authorize/abc", "app": "Lab <Viewer>"}
    session.save()
    assert "Lab &lt;Viewer&gt;" in client.get(LOGIN, {"next": "/oauth/authorize/abc"}).content.decode()
    assert "Lab" not in client.get(LOGIN, {"next": "/launch/"}).content.decode()
    assert "Lab" not in client.get(LOGIN).content.decode()


@pytest.mark.requirement(
    "OpenID Connect Core, login_hint https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest"
)
def test_the_hinted_user_name_is_filled_in(client: Client, db: None) -> None:
    session = client.session
    session["login_hint"] = 'amy"><b>'
    session.save()
    assert 'value="amy&quot;&gt;&lt;b&gt;"' in client.get(LOGIN).content.decode()


def test_the_start_page_leads_to_the_portal_and_from_there_to_sign_in(client: Client, db: None) -> None:
    response = client.get("/", follow=True)
    assert [path for path, _ in response.redirect_chain] == ["/launch/", f"{LOGIN}?next=/launch/"]


def test_the_page_that_asks_again_names_the_app_too(client: Client, amy: User) -> None:
    client.force_login(amy)
    session = client.session
    session["sign_in_for"] = {"next": "/oauth/authorize/abc", "app": "Lab Viewer"}
    session.save()
    page = "/accounts/reauthenticate/"
    assert "Lab Viewer" in client.get(page, {"next": "/oauth/authorize/abc"}).content.decode()
    assert "Lab Viewer" not in client.get(page, {"next": "/launch/"}).content.decode()


@pytest.mark.parametrize("header", ["203.0.113.9", "198.51.100.1, 203.0.113.9"])
def test_behind_a_proxy_people_are_slowed_down_one_by_one(
    client: Client, amy: User, settings: Settings, header: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(30):
        fields = {"login": f"guess{number}", "password": "not the password"}
        client.post(LOGIN, fields, headers={"X-Forwarded-For": header})
    fields = {"login": "amy", "password": PASSWORD}
    assert client.post(LOGIN, fields, headers={"X-Forwarded-For": header}).status_code == 429
    assert client.post(LOGIN, fields, headers={"X-Forwarded-For": "203.0.113.10"}).status_code == 302
