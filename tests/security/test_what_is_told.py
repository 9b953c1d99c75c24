"""What an attacker could read afterwards or find out by asking: logs, the database, answers that differ."""

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as configured
from django.core.cache import cache
from django.db import connection
from django.test import Client as Browser

from accounts.models import User
from launch.context import make_launch
from launch.models import LaunchContext
from oauth.models import Application
from tests.oauth.console import act
from tests.oauth.flow import Flow, answer_of, basic, make_client, make_user, run_authorization_code
from tests.oauth.references import plain
from tests.oauth.services import make_service, post

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
# A session is found by its key. State is the app's own, and a launch that was claimed is worth nothing.
KEPT_AS_THEY_ARE, KEPT_AS_WORTHLESS = {"django_session"}, {"state", "launch"}


@pytest.fixture(autouse=True)
def fresh_rate_limits() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def whole_story() -> dict[str, str]:
    """One of everything that can happen to a person, an app and a service; every secret that occurred."""
    app, secret = make_client(confidential=True, introspection="own", launch_url="https://app.example.org/go")
    person = make_user("Practitioner/d1")
    Browser().post("/accounts/login/", {"login": person.username, "password": "Tr0ub4dor-wrong"})
    browser = Browser()
    browser.post("/accounts/login/", {"login": person.username, "password": PASSWORD})
    browser.get("/accounts/reauthenticate/")
    csrf = re.search(
        r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get("/accounts/logout/").content.decode()
    )
    assert csrf is not None
    launch = make_launch(app, person, patient="p1")
    flow = Flow(app, None, scope="openid launch user/*.rs offline_access", secret=secret, browser=browser)
    page = flow.authorize(launch=launch.pk, nonce="a-nonce-of-the-app", state="a-state-of-the-app")
    code = answer_of(flow.decide(page))["code"]
    flow.authorize(launch=launch.pk)
    flow.exchange(code, code_verifier="a-verifier-that-is-wrong-but-of-the-right-length")
    tokens: Any = flow.exchange(code).json()  # type: ignore[attr-defined]
    refreshed: Any = flow.refresh(tokens["refresh_token"]).json()  # type: ignore[attr-defined]
    flow.refresh(tokens["refresh_token"])
    flow.refresh("x" + refreshed["refresh_token"])
    headers = {"Authorization": basic(app.client_id, secret)}
    for path in ("/oauth/introspect", "/oauth/token/introspect", "/oauth/revoke"):
        post(path, {"token": refreshed["access_token"]}, headers)
        post(path, {"token": refreshed["access_token"], "client_secret": secret}, headers)
        post(path, {"token": refreshed["access_token"]}, {"Authorization": f"Bearer {secret}"})
    for bearer in (tokens["access_token"], refreshed["access_token"], tokens["id_token"]):
        for path in ("/fhir/Patient", f"/fhir/Patient?access_token={bearer}", "/oauth/userinfo"):
            Browser().get(path, headers={"Authorization": f"Bearer {bearer}"})
    service = make_service()
    assertion = service.assertion()
    token = service.ask_token(client_assertion=assertion).json()["access_token"]
    service.ask_token(client_assertion=assertion)
    service.ask_token(client_assertion=assertion[:-4] + "AAAA")
    Browser().get("/fhir/Patient", headers={"Authorization": f"Bearer {token}"})
    story = {
        "password": PASSWORD,
        "wrong password": "Tr0ub4dor-wrong",
        "session": browser.cookies[configured.SESSION_COOKIE_NAME].value,
        "csrf token": csrf[1],
        "csrf cookie": browser.cookies[configured.CSRF_COOKIE_NAME].value,
        "launch": launch.pk,
        "state": "a-state-of-the-app",
        "code": code,
        "verifier": flow.verifier,
        "wrong verifier": "a-verifier-that-is-wrong-but-of-the-right-length",
        "secret": secret,
        "basic": basic(app.client_id, secret).partition(" ")[2],
        "assertion": assertion,
        "token of the service": token,
        **{f"first {name}": tokens[name] for name in ("access_token", "refresh_token", "id_token")},
        **{f"second {name}": refreshed[name] for name in ("access_token", "refresh_token", "id_token")},
    }
    browser.post("/accounts/logout/")
    return story | codes_on_a_page(app, person) | secrets_on_a_page(app)


def codes_on_a_page(app: Application, person: User) -> dict[str, str]:
    """The code of somebody who signed in for an app with a remembered consent: a page leads back to it."""
    flow = Flow(app, None, scope="openid user/*.rs")
    Flow(app, person, scope="openid user/*.rs").code()
    flow.authorize()
    form = {
        "login": person.username,
        "password": PASSWORD,
        "next": flow.browser.session["sign_in_for"]["next"],
    }
    back = flow.follow(flow.browser.post("/accounts/login/", form))
    assert back.status_code == 200
    return {"code on a page": answer_of(back)["code"]}


def secrets_on_a_page(app: Application) -> dict[str, str]:
    """A secret that the console shows once."""
    console = Browser()
    console.force_login(make_user("", is_staff=True, is_superuser=True))
    page = act(console, "application", "make_secret", app.pk)
    found = re.search(r"\b[A-Za-z0-9]{43}\b", page.content.decode())
    assert found is not None
    return {"secret on a page": found[0]}


@pytest.mark.requirement(
    "https://www.rfc-editor.org/rfc/rfc6819#section-5.1.4.1.3 (no credentials in clear text)"
)
def test_no_credential_reaches_a_log_in_anything_that_can_happen(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.NOTSET)
    kept_from_every_level = ("oauthlib", "django.template")
    for name in list(logging.root.manager.loggerDict):
        if not name.startswith(kept_from_every_level):
            caplog.set_level(logging.NOTSET, name)
    story = whole_story()
    said = "".join(capfd.readouterr()) + caplog.text
    said += "".join(str(record.__dict__) for record in caplog.records if "request" not in record.__dict__)
    assert "refused" in said
    assert {name for name, text in story.items() if text in said or text[:24] in said} == set()


@pytest.mark.parametrize("name", ["oauthlib", "oauthlib.oauth2", "django.template"])
def test_no_log_level_brings_out_what_the_libraries_beneath_write(name: str) -> None:
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.NOTSET)
    try:
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)
    finally:
        root.setLevel(before)


def texts_of_the_database() -> Iterator[tuple[str, str]]:
    """Every table with everything in it, as text."""
    for model in apps.get_models(include_auto_created=True):
        table = connection.ops.quote_name(model._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table}")  # noqa: S608  # our own tables
            yield model._meta.db_table, str(cursor.fetchall())


def test_no_credential_is_kept_in_the_database_in_a_form_that_opens_anything() -> None:
    story = whole_story()
    kept = {
        (table, name)
        for table, rows in texts_of_the_database()
        for name, text in story.items()
        if text in rows and table not in KEPT_AS_THEY_ARE and name not in KEPT_AS_WORTHLESS
    }
    assert kept == set()


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7662#section-4 (scanning for tokens)")
def test_scanning_tells_nothing_about_tokens_of_others() -> None:
    owner, _ = make_client()
    theirs = run_authorization_code(
        owner, make_user("Patient/p1"), "openid patient/*.rs offline_access"
    ).tokens
    asker, secret = make_client(confidential=True, introspection="own")
    headers = {"Authorization": basic(asker.client_id, secret)}
    for path in ("/oauth/introspect", "/oauth/token/introspect", "/oauth/revoke"):
        answers: list[Any] = [
            post(path, {"token": token, "token_type_hint": hint}, headers)
            for token in (theirs["access_token"], theirs["refresh_token"], theirs["id_token"], "x", "a.b.c")
            for hint in ("access_token", "refresh_token", "x")
        ]
        assert len({(answer.status_code, answer.content, str(answer.headers)) for answer in answers}) == 1
    introspected = Browser().get(
        "/fhir/Patient", headers={"Authorization": f"Bearer {theirs['access_token']}"}
    )
    assert introspected.status_code == 200


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7662#section-4 (scanning for tokens)")
@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/token/introspect"])
@pytest.mark.parametrize("header", ["", "Basic Og==", "Basic eDp5", "Bearer x", "Negotiate x", "Bearer"])
def test_scanning_without_a_client_is_refused_alike_whatever_the_token(path: str, header: str) -> None:
    app, _ = make_client()
    token = run_authorization_code(app, make_user("Patient/p1"), "patient/*.rs").access_token
    sent = {"Authorization": header} if header else {}
    answers: list[Any] = [post(path, {"token": text}, sent) for text in (token, "x")]
    assert answers[0].status_code == 401
    assert plain(answers[0].content) == plain(answers[1].content)


def test_a_refused_code_or_refresh_token_is_refused_in_the_same_words_for_every_reason() -> None:
    app, _ = make_client()
    other, _ = make_client()
    person = make_user("Patient/p1")
    flow = Flow(app, person, scope="patient/*.rs offline_access")
    thief = Flow(other, None, verifier=flow.verifier)
    code = flow.code()
    codes: list[Any] = [thief.exchange(code), flow.exchange("x"), flow.exchange("y" * 43)]
    tokens: Any = flow.exchange(code).json()  # type: ignore[attr-defined]
    codes.append(flow.exchange(code))
    assert len({(answer.status_code, plain(answer.content)) for answer in codes}) == 1
    refreshes: list[Any] = [thief.refresh(tokens["refresh_token"]), flow.refresh("x")]
    assert len({(answer.status_code, plain(answer.content)) for answer in refreshes}) == 1


def test_a_launch_value_is_refused_in_the_same_words_for_every_reason() -> None:
    app, _ = make_client()
    other, _ = make_client()
    doctor = make_user("Practitioner/d1")
    launches = [
        make_launch(other, doctor, patient="p1").pk,
        make_launch(app, doctor, patient="p1").pk,
        make_launch(app, doctor, claimed_by="x").pk,
        make_launch(app, make_user("Practitioner/d2")).pk,
        "unknown",
        "x" * 500,
    ]
    LaunchContext.objects.filter(pk=launches[1]).update(expires="2001-01-01T00:00:00Z")
    flow = Flow(app, doctor, scope="launch user/*.rs")
    told = {
        (answer["error"], answer["error_description"].partition(" (reference")[0])
        for answer in (answer_of(flow.authorize(launch=launch)) for launch in launches)
    }
    assert len(told) == 1


def test_nothing_of_a_client_that_is_not_live_is_told() -> None:
    for status in (Application.Status.DRAFT, Application.Status.SUSPENDED, Application.Status.RETIRED):
        secretive, _ = make_client(name="Secretive Software", status=status)
        flow = Flow(secretive, None)
        answers = [
            flow.browser.get("/oauth/authorize", flow.parameters(client_id=client_id))
            for client_id in (secretive.client_id, "unknown")
        ]
        texts = [re.sub(r"[2-9A-Z]{8}", "", answer.content.decode()) for answer in answers]
        assert texts[0] == texts[1]
        assert "Secretive" not in texts[0]
