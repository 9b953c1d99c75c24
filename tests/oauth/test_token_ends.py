"""Every way in which a token dies, tried at every door that it opens; and what is undone later revives none.

Each door has seen the token alive before, and says that it is dead at the very next request.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from io import StringIO
from typing import Any, NamedTuple

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Proxy, User
from launch.models import LaunchContext
from oauth.key_rotation import replace_compromised
from oauth.models import AccessToken, Application, Consent, RefreshToken, Scope, SigningKey
from tests.oauth.clock import Clock
from tests.oauth.console import act
from tests.oauth.doors import (
    ACCESS_DOORS,
    EVERY_DOOR,
    REFRESH_DOORS,
    World,
    credentials,
    make_world,
    unnoticed,
)
from tests.oauth.services import make_service, post

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
NEW = "staple battery horse correct"
ONLINE = "openid fhirUser patient/*.rs online_access"
PREDICATE = pytest.mark.requirement("CONTRACT: one predicate says that a token is alive; dead stays dead")


@pytest.fixture(autouse=True)
def fresh_rate_limits() -> Iterator[None]:
    """Changes of passwords are counted in the cache."""
    cache.clear()
    yield
    cache.clear()


class Way(NamedTuple):
    """How tokens end, and how the cause is undone. `world` and a member of staff's browser are given."""

    end: Callable[[World, Browser], Any]
    undo: Callable[[World, Browser], Any] | None = None
    shut: frozenset[str] = EVERY_DOOR
    scope: str = "openid fhirUser patient/*.rs offline_access"


def past() -> datetime:
    """Some moment ago."""
    return timezone.now() - timedelta(minutes=1)


def update_client(**fields: Any) -> Callable[[World, Browser], Any]:
    """A change by a query, as a command or a shell makes it."""
    return lambda world, _: Application.objects.filter(pk=world.client.pk).update(**fields)


def save_client(status: str) -> Callable[[World, Browser], Any]:
    """A change as a form makes it."""

    def save(world: World, _: Browser) -> None:
        application = Application.objects.get(pk=world.client.pk)
        application.status = status
        application.save()

    return save


def update_user(**fields: Any) -> Callable[[World, Browser], Any]:
    """As update_client."""
    return lambda world, _: User.objects.filter(pk=world.user.pk).update(**fields)


def update_consent(**fields: Any) -> Callable[[World, Browser], Any]:
    """As update_client; a callable gives its value when it is needed."""
    return lambda world, _: Consent.objects.filter(user=world.user).update(**_now(fields))


def update_proxy(**fields: Any) -> Callable[[World, Browser], Any]:
    """As update_consent."""
    return lambda world, _: Proxy.objects.filter(user=world.user).update(**_now(fields))


def _now(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value() if callable(value) else value for name, value in fields.items()}


def as_time_does(table: str, change: Callable[[World, Browser], Any]) -> Callable[[World, Browser], Any]:
    """The change without anybody's doing."""

    def let_pass(world: World, staff: Browser) -> None:
        with unnoticed(table):
            change(world, staff)

    return let_pass


def staff_act(model: str, action: str, rows: Callable[[World], Any]) -> Callable[[World, Browser], Any]:
    """An action in the console."""
    return lambda world, staff: act(staff, model, action, *rows(world).values_list("pk", flat=True))


def of_client(model: Any) -> Callable[[World], Any]:
    """The rows that belong to the app."""
    return lambda world: model.objects.filter(application=world.client)


def the_client(world: World) -> Any:
    """The app's own row."""
    return Application.objects.filter(pk=world.client.pk)


def revoke(which: str) -> Callable[[World, Browser], Any]:
    """RFC 7009, by the client itself."""

    def post_it(world: World, _: Browser) -> None:
        headers = credentials(world.flow)
        assert post("/oauth/revoke", {"token": world.tokens[which]}, headers).status_code == 200

    return post_it


def set_password_by_staff(world: World, staff: Browser) -> None:
    fields = {"usable_password": "true", "password1": NEW, "password2": NEW, "set-password": "1"}
    answer = staff.post(f"/admin/accounts/user/{world.user.pk}/password/", fields)
    assert answer.status_code == 302


def withdraw_in_person(world: World, _: Browser) -> None:
    answer = world.flow.browser.post("/oauth/manage/revoke", {"client_id": world.client.client_id})
    assert answer.status_code == 302


def delete_and_give_anew(world: World, _: Browser) -> None:
    Proxy.objects.filter(user=world.user).delete()
    Proxy.objects.create(user=world.user, patient="p1")


def reuse_the_code(world: World, _: Browser) -> None:
    assert world.flow.exchange(world.code).status_code == 400


def reuse_a_refresh_token(world: World, _: Browser) -> None:
    old = world.tokens["refresh_token"]
    world.tokens = world.flow.refresh(old).json()  # type: ignore[attr-defined]
    assert world.open_access_doors() == ACCESS_DOORS
    RefreshToken.objects.filter(revoked__isnull=False).update(revoked=past())
    assert world.flow.refresh(old).status_code == 400


def expire(world: World, _: Browser) -> None:
    for model in (AccessToken, RefreshToken):
        model.objects.update(expires=past())


def sign_out(world: World, _: Browser) -> None:
    assert world.flow.browser.post("/accounts/logout/").status_code == 302


def own_session(world: World) -> Session:
    return Session.objects.get(pk=world.flow.browser.session.session_key)


def change_own_password(browser: Browser) -> None:
    fields = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert browser.post("/accounts/password/change/", fields).status_code == 302


def change_password_elsewhere(world: World, _: Browser) -> None:
    elsewhere = Browser()
    elsewhere.force_login(world.user)
    change_own_password(elsewhere)


def clear_sessions(world: World, _: Browser) -> None:
    Session.objects.update(expire_date=past())
    call_command("clearsessions")


def clear_expired(world: World, _: Browser) -> None:
    Session.objects.update(expire_date=past())
    call_command("clear_expired", "--days", "0", stdout=StringIO())


def compromise(world: World, _: Browser) -> None:
    replace_compromised(SigningKey.objects.get(algorithm="ES256"))


WAYS = {
    "expired": Way(expire),
    "the client revokes its refresh token": Way(revoke("refresh_token")),
    "the client revokes its access token": Way(revoke("access_token"), shut=ACCESS_DOORS),
    "the person takes it back": Way(withdraw_in_person, update_consent(withdrawn=None)),
    "staff revoke the access token": Way(staff_act("accesstoken", "revoke_selected", of_client(AccessToken))),
    "staff revoke the refresh token": Way(
        staff_act("refreshtoken", "revoke_selected", of_client(RefreshToken))
    ),
    "staff revoke all of the client": Way(
        staff_act("accesstoken", "revoke_of_clients", of_client(AccessToken))
    ),
    "staff revoke all of the client, at the client": Way(
        staff_act("application", "revoke_tokens", the_client)
    ),
    "staff revoke all of the person": Way(
        staff_act("refreshtoken", "revoke_of_users", of_client(RefreshToken))
    ),
    "staff suspend the client": Way(
        staff_act("application", "suspend", the_client), staff_act("application", "make_live", the_client)
    ),
    "the client is suspended": Way(save_client("suspended"), save_client("live")),
    "the client is suspended by a query": Way(
        update_client(status="suspended"), update_client(status="live")
    ),
    "the client is retired": Way(save_client("retired"), update_client(status="live")),
    "the client is a draft again": Way(update_client(status="draft"), save_client("live")),
    "the client is deleted": Way(lambda world, _: the_client(world).delete()),
    "the person is deactivated": Way(update_user(is_active=False), update_user(is_active=True)),
    "the person is deleted": Way(lambda world, _: User.objects.get(pk=world.user.pk).delete()),
    "staff set a password": Way(set_password_by_staff, update_user(credentials_reset_at=None)),
    "staff reset credentials": Way(
        lambda world, _: update_user(credentials_reset_at=timezone.now())(world, _),
        update_user(credentials_reset_at=None),
    ),
    "staff withdraw the consent": Way(
        staff_act("consent", "withdraw_selected", of_client(Consent)), update_consent(withdrawn=None)
    ),
    "the consent is withdrawn by a query": Way(
        update_consent(withdrawn=timezone.now), update_consent(withdrawn=None)
    ),
    "the consent runs out by hand": Way(update_consent(expires=past), update_consent(expires=None)),
    "the consent runs out": Way(
        as_time_does("oauth_consent", update_consent(expires=past)), update_consent(expires=None)
    ),
    "the consent is deleted": Way(lambda world, _: Consent.objects.all().delete()),
    "the proxy is ended": Way(update_proxy(ends=past), update_proxy(ends=None)),
    "the proxy ends": Way(as_time_does("accounts_proxy", update_proxy(ends=past)), update_proxy(ends=None)),
    "the proxy is switched off": Way(update_proxy(active=False), update_proxy(active=True)),
    "the proxy is for somebody else": Way(update_proxy(patient="p2"), update_proxy(patient="p1")),
    "the proxy is put off": Way(
        update_proxy(starts=lambda: timezone.now() + timedelta(days=1)), update_proxy(starts=None)
    ),
    "the proxy is deleted": Way(lambda world, _: Proxy.objects.all().delete(), delete_and_give_anew),
    "the patient in context is another": Way(
        lambda world, _: LaunchContext.objects.filter(user=world.user).update(patient="p2"),
        lambda world, _: LaunchContext.objects.filter(user=world.user).update(patient="p1"),
    ),
    "the person is another one in FHIR": Way(
        update_user(fhir_user="RelatedPerson/r2"), update_user(fhir_user="RelatedPerson/r1")
    ),
    "the person is nobody in FHIR": Way(update_user(fhir_user=""), update_user(fhir_user="RelatedPerson/r1")),
    "the code is used again": Way(reuse_the_code),
    "a refresh token is used again": Way(reuse_a_refresh_token),
    "the key is withdrawn": Way(
        compromise,
        lambda world, _: SigningKey.objects.filter(status="withdrawn").update(status="retired"),
        shut=ACCESS_DOORS,
    ),
    "signed out": Way(sign_out, scope=ONLINE),
    "the session is deleted": Way(lambda world, _: Session.objects.all().delete(), scope=ONLINE),
    "the session is deleted alone": Way(lambda world, _: own_session(world).delete(), scope=ONLINE),
    "ended sessions are cleared": Way(clear_sessions, scope=ONLINE),
    "what has run out is cleared": Way(clear_expired, scope=ONLINE),
    "a new password": Way(lambda world, _: change_own_password(world.flow.browser), scope=ONLINE),
    "a new password in another browser": Way(change_password_elsewhere, scope=ONLINE),
}


@PREDICATE
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_token_is_dead_at_every_door_at_the_next_request_and_stays_dead(way: Way) -> None:
    world = make_world(way.scope)
    staff = Browser()
    staff.force_login(User.objects.create_superuser("root"))
    way.end(world, staff)
    left = EVERY_DOOR - way.shut
    assert world.open_access_doors() == left & ACCESS_DOORS
    assert world.open_refresh_doors() == left & REFRESH_DOORS - {"refresh"}
    if way.undo:
        way.undo(world, staff)
    assert world.open_doors() == left


LASTING = [name for name, way in WAYS.items() if way.scope == ONLINE]


@pytest.mark.requirement("SMART-101")
@pytest.mark.parametrize("name", LASTING)
@pytest.mark.parametrize("scope", [WAYS["expired"].scope, f"{ONLINE} offline_access"])
def test_offline_access_survives_the_end_of_the_session_also_beside_online_access(
    name: str, scope: str
) -> None:
    world = make_world(scope)
    staff = Browser()
    staff.force_login(User.objects.create_superuser("root"))
    WAYS[name].end(world, staff)
    assert world.open_doors() == EVERY_DOOR


@pytest.mark.requirement("SMART-100")
def test_online_access_lasts_as_long_as_its_own_session() -> None:
    world = make_world(ONLINE)
    elsewhere = Browser()
    elsewhere.force_login(world.user)
    elsewhere.post("/accounts/logout/")
    other = make_world(ONLINE, username="somebody-else")
    other.flow.browser.post("/accounts/logout/")
    answer = world.flow.browser.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": "/launch/"})
    assert answer["Location"] == "/launch/"
    assert world.open_doors() == EVERY_DOOR


TIMES: dict[str, tuple[str, frozenset[str], Callable[[World, datetime], Any]]] = {
    "a proxy": (
        WAYS["expired"].scope,
        EVERY_DOOR,
        lambda world, end: Proxy.objects.filter(user=world.user).update(ends=end),
    ),
    "a consent": (
        WAYS["expired"].scope,
        EVERY_DOOR,
        lambda world, end: Consent.objects.filter(user=world.user).update(expires=end),
    ),
    "a session": (ONLINE, EVERY_DOOR, lambda world, end: None),
    "an access token": (WAYS["expired"].scope, ACCESS_DOORS, lambda world, end: None),
}


@PREDICATE
@pytest.mark.parametrize("what", TIMES)
def test_time_alone_ends_tokens_at_every_door(clock: Clock, settings: Settings, what: str) -> None:
    scope, shut, begin = TIMES[what]
    if what == "a session":
        settings.SESSION_COOKIE_AGE = 1200
    if what == "an access token":
        settings.ACCESS_TOKEN_SECONDS = 1200
    world = make_world(scope)
    begin(world, clock.now() + timedelta(minutes=20))
    clock.forward(timedelta(minutes=19))
    assert world.open_access_doors() == ACCESS_DOORS
    assert world.open_refresh_doors() == REFRESH_DOORS - {"refresh"}
    clock.forward(timedelta(minutes=2))
    assert world.open_doors() == EVERY_DOOR - shut


@PREDICATE
def test_what_is_no_scope_any_more_is_taken_from_living_tokens_at_every_door() -> None:
    for narrow in (
        lambda world: Scope.objects.filter(pattern="patient/*.rs").update(enabled=False),
        lambda world: Application.objects.filter(pk=world.client.pk).update(
            scope="openid fhirUser offline_access"
        ),
    ):
        world = make_world()
        narrow(world)
        _has_lost_its_patient_scope(world)
        Scope.objects.update(enabled=True)


def _has_lost_its_patient_scope(world: World) -> None:
    bearer = {"Authorization": f"Bearer {world.tokens['access_token']}"}
    for path in ("/fhir/Patient/p1", "/fhir/Observation?patient=p1"):
        assert Browser().get(path, headers=bearer).status_code == 403
    assert Browser().get("/oauth/userinfo", headers=bearer).status_code == 200
    headers = credentials(world.resource_server)
    for path in ("/oauth/introspect", "/oauth/token/introspect"):
        for token in (world.tokens["access_token"], world.tokens["refresh_token"]):
            told = post(path, {"token": token}, headers).json()  # type: ignore[attr-defined]
            assert told["scope"] == "openid fhirUser offline_access"
    again = world.flow.refresh(world.tokens["refresh_token"]).json()  # type: ignore[attr-defined]
    assert again["scope"] == "openid fhirUser offline_access"


def test_without_openid_userinfo_is_closed_to_living_tokens() -> None:
    world = make_world()
    Application.objects.filter(pk=world.client.pk).update(scope="patient/*.rs offline_access")
    bearer = {"Authorization": f"Bearer {world.tokens['access_token']}"}
    assert Browser().get("/oauth/userinfo", headers=bearer).status_code == 403


SERVICE_ENDS: dict[str, Callable[[Application], Any]] = {
    "suspended": lambda app: Application.objects.filter(pk=app.pk).update(status="suspended"),
    "retired": lambda app: Application.objects.filter(pk=app.pk).update(status="retired"),
    "deleted": lambda app: app.delete(),
    "revoked": lambda app: AccessToken.objects.get(application=app).revoke(),
    "key": lambda app: replace_compromised(SigningKey.objects.get(algorithm="ES256")),
}


@PREDICATE
@pytest.mark.parametrize("name", SERVICE_ENDS)
def test_a_services_token_is_dead_at_the_next_request_and_stays_dead(name: str) -> None:
    service = make_service("system/*.rs")
    asker = make_service("introspection", introspection="any")
    bearer, asking = service.bearer(), asker.bearer("introspection")
    token = bearer["Authorization"].removeprefix("Bearer ")
    assert Browser().get("/fhir/Patient", headers=bearer).status_code == 200
    assert post("/oauth/introspect", {"token": token}, asking).json()["active"]  # type: ignore[attr-defined]
    SERVICE_ENDS[name](Application.objects.get(pk=service.application.pk))
    asking = asker.bearer("introspection")
    for _ in range(2):
        assert Browser().get("/fhir/Patient", headers=bearer).status_code == 401
        assert post("/oauth/introspect", {"token": token}, asking).json() == {"active": False}  # type: ignore[attr-defined]
        Application.objects.update(status="live")
