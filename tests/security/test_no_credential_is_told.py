"""No column of the audit trail, no record of any log and no entry of the console's history holds what opens
anything, nor half of it: after whole flows, and after every mistake with credentials in the wrong places.
"""

import base64
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client as Browser
from pytest_django.fixtures import Settings

from audit.models import Chain, Event, Removal
from audit.recording import waiting
from launch.context import make_launch
from tests.oauth.console import act
from tests.oauth.developers import Developer, initial_token
from tests.oauth.flow import Flow, answer_of, basic, make_client, make_user, post_token
from tests.oauth.services import make_service, post

pytestmark = pytest.mark.django_db
SHORTEST_PART = 12
PASSWORDS = {
    "password": "correct horse battery",
    "mistyped": "Tr0ub4dor-and-three",
    "as a name": "hunter2-typed-as-name",
}


@pytest.fixture(autouse=True)
def fresh_rate_limits() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def signed_in(flow: Flow) -> dict[str, str]:
    """Somebody signs in at last: what opens their session, and what they typed."""
    name = flow.user.username if flow.user else ""
    for login, password in (
        (name, PASSWORDS["mistyped"]),
        (PASSWORDS["as a name"], name),
        (name, PASSWORDS["password"]),
    ):
        flow.browser.post("/accounts/login/", {"login": login, "password": password})
    return {
        **PASSWORDS,
        **{f"cookie {name}": morsel.value for name, morsel in flow.browser.cookies.items() if morsel.value},
    }


def everything_of_an_app() -> dict[str, str]:
    """A launch, a code and tokens, exchanged rightly and in every wrong way: all that opened anything."""
    app, secret = make_client(confidential=True, introspection="own")
    person = make_user("Practitioner/d1")
    flow = Flow(app, None, scope="openid launch user/*.rs offline_access", secret=secret)
    flow.user = person
    typed = signed_in(flow)
    launch = make_launch(app, person, patient="p1")
    code = answer_of(flow.decide(flow.authorize(launch=launch.pk, state="s" * 40, nonce="n" * 40)))["code"]
    flow.authorize(launch=launch.pk)
    flow.authorize(redirect_uri=f"{flow.redirect_uri}?code={code}")
    flow.authorize(client_id=secret)
    flow.authorize(aud=f"http://testserver/fhir?access_token={code}")
    shared = {"grant_type": "authorization_code", "redirect_uri": flow.redirect_uri}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({**shared, "code": code, "client_id": secret, "client_secret": app.client_id}, ""),
        ({**shared, "code": code, "client_secret": secret, "client_id": app.client_id}, ""),
        ({**shared, "code": code}, basic(secret, app.client_id)),
        ({**shared, "code": secret, "code_verifier": code}, basic(app.client_id, secret)),
        ({**shared, "code": code, "code_verifier": secret}, basic(app.client_id, secret + "x")),
        ({**shared, "code": code, "redirect_uri": f"https://x.example/?code={code}"}, f"Bearer {secret}"),
        ({**shared, "code": code, "scope": secret, "grant_type": secret}, basic(app.client_id, secret)),
        ({**shared, "code": code, "client_assertion": secret, "client_assertion_type": code}, ""),
        ({**shared, "code": code, "code_verifier": flow.verifier, "redirect_uri": code}, f"{secret} {code}"),
    ]
    for form, header in wrong:
        assert post_token(form, {"Authorization": header} if header else {}).status_code in (400, 401)
    tokens: Any = flow.exchange(code).json()  # type: ignore[attr-defined]
    refreshed: Any = flow.refresh(tokens["refresh_token"]).json()  # type: ignore[attr-defined]
    flow.refresh(refreshed["access_token"])
    flow.refresh(refreshed["refresh_token"], scope=refreshed["refresh_token"])
    for token in (refreshed["access_token"], refreshed["id_token"], secret, code):
        bearer = {"Authorization": f"Bearer {token}"}
        for path in ("/fhir/Patient", f"/fhir/Patient?access_token={token}"):
            Browser().get(path, headers=bearer)
        Browser().get("/oauth/userinfo", headers=bearer)
        for path in ("/oauth/introspect", "/oauth/token/introspect", "/oauth/revoke"):
            post(path, {"token": token}, bearer)
            post(path, {"token": token, "client_id": token[:200]})
            post(path, {"token": token}, {"Authorization": basic(app.client_id, secret)})
    flow.exchange(code)
    flow.browser.post("/accounts/logout/")
    return typed | {
        "launch": launch.pk,
        "code": code,
        "verifier": flow.verifier,
        "secret": secret,
        "basic": basic(app.client_id, secret).partition(" ")[2],
        "basic the other way": basic(secret, app.client_id).partition(" ")[2],
        **{f"first {name}": tokens[name] for name in ("access_token", "refresh_token", "id_token")},
        **{f"second {name}": refreshed[name] for name in ("access_token", "refresh_token", "id_token")},
        "from the console": secret_of_the_console(app),
    }


def secret_of_the_console(app: Any) -> str:
    """A secret that staff made."""
    console = Browser()
    console.force_login(make_user("", is_staff=True, is_superuser=True))
    page = act(console, "application", "make_secret", app.pk)
    found = re.search(r"\b[A-Za-z0-9]{43}\b", page.content.decode())
    assert found is not None
    return found[0]


def everything_of_a_service() -> dict[str, str]:
    """Assertions, good and bad, and the tokens for them."""
    service = make_service(introspection="any")
    good, late, forged = service.assertion(), service.assertion(exp=1), service.assertion()[:-6] + "AAAAAA"
    token = service.ask_token(client_assertion=good).json()["access_token"]
    for bad in (good, late, forged, good.partition(".")[0]):
        service.ask_token(client_assertion=bad)
        service.ask_token(client_assertion=bad, client_assertion_type=bad, scope=bad, grant_type=bad)
        service.ask_token(client_assertion=bad, client_id=bad)
    return {"assertion": good, "late assertion": late, "forged assertion": forged, "service token": token}


def everything_of_a_developer() -> dict[str, str]:
    """Registration by its tokens, also shown in the wrong places."""
    initial = initial_token("an-initial-access-token-of-this-staff")
    developer = Developer(initial)
    developer.register(token_endpoint_auth_method="client_secret_basic", application_type="web")
    own, secret = developer.told["registration_access_token"], developer.told["client_secret"]
    developer.ask("GET", token=secret)
    developer.ask("PUT", developer.known(client_secret=f"{secret}x"))
    developer.ask("PUT", developer.known(client_name="Other", client_secret=secret))
    Developer(own).register()
    developer.ask("GET", token=initial)
    return {"initial access token": initial, "registration access token": own, "registered secret": secret}


def everything_that_is_told(caplog: pytest.LogCaptureFixture) -> str:
    waiting.write()
    kept = [list(model._default_manager.values_list()) for model in (Event, Chain, Removal, LogEntry)]
    logged = [str({**record.__dict__, "request": None}) for record in caplog.records]
    return str(kept) + "".join(logged) + caplog.text


def parts(text: str) -> Iterator[str]:
    """A credential, its halves, the parts of a JWT with theirs, and what base64 makes of it."""
    yield text
    for piece in {text, *(piece for piece in text.split(".") if not piece.startswith("eyJhbGciOi"))}:
        middle = len(piece) // 2
        yield from (half for half in (piece[:middle], piece[middle:]) if len(half) >= SHORTEST_PART)
    yield base64.b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.requirement("no stored record or log holds a code, token, secret or password")
def test_no_credential_nor_half_of_one_is_in_the_audit_trail_or_any_log(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], settings: Settings
) -> None:
    settings.DYNAMIC_REGISTRATION = True
    caplog.set_level(logging.NOTSET)
    for name in list(logging.root.manager.loggerDict):
        if not name.startswith(("oauthlib", "django.template")):  # which no level brings out
            caplog.set_level(logging.NOTSET, name)
    story = everything_of_an_app() | everything_of_a_service() | everything_of_a_developer()
    call_command("verify_audit")
    told = everything_that_is_told(caplog) + "".join(capfd.readouterr())
    assert Event.objects.filter(outcome="refused").count() > 40
    assert {"token", "refresh", "service-token", "revocation", "registration", "sign-in", "code"} <= set(
        Event.objects.values_list("kind", flat=True)
    )
    assert {(name, part) for name, text in story.items() for part in parts(text) if part in told} == set()
