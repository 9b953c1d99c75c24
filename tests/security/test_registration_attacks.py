"""Attacks by way of dynamic registration, each of which must fail."""

import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.test import Client as Browser
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from pytest_django import Settings

from oauth.clients.registering import SAID_BY_APPS
from oauth.clients.secrets import verify
from oauth.management.commands import register_client
from oauth.models import Application, ClientRegistration, FetchedKeySet, InitialAccessToken
from oauth.tokens.checksum import token_checksum
from oauth.views.register import MAX_BYTES
from tests.oauth.developers import METADATA, Developer, bearer, initial_token, registered, send
from tests.oauth.flow import Flow, make_client, make_user
from tests.oauth.jwks_host import jwks_host
from tests.oauth.references import description_of
from tests.oauth.registering_at_once import at_once
from tests.oauth.services import Service, ec_key, jwk_of, jwks_of, post

pytestmark = pytest.mark.django_db

SCRIPT = "<script>alert(1)</script>"
URLS = ("client_uri", "logo_uri", "policy_uri", "tos_uri", "launch_url", "jwks_uri")
SIGNING = {"token_endpoint_auth_method": "private_key_jwt", "application_type": "web"}
REDIRECT_URI = METADATA["redirect_uris"][0]


@pytest.fixture(autouse=True)
def registration_is_on(settings: Settings) -> Iterator[None]:
    settings.DYNAMIC_REGISTRATION = True
    cache.clear()
    yield
    cache.clear()


@pytest.mark.django_db(transaction=True)
def test_of_registrations_at_the_same_moment_no_more_succeed_than_the_token_has_left(tmp_path: Path) -> None:
    token = initial_token(registrations_left=2)
    assert at_once("POST", "/oauth/register", METADATA, token, 5, tmp_path) == [*["201"] * 2, *["401"] * 3]


@pytest.mark.django_db(transaction=True)
def test_of_updates_at_the_same_moment_one_makes_the_change_and_its_secret(tmp_path: Path) -> None:
    developer = registered(application_type="web")
    developer.put_live()
    wanted = developer.known(token_endpoint_auth_method="client_secret_basic")
    token = developer.told["registration_access_token"]
    assert at_once("PUT", developer.path, wanted, token, 4, tmp_path) == ["200"] * 3 + ["200 secret"]


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "cut off": json.dumps(METADATA).encode()[:-5],
    "a list": b"[]",
    "a text": b'"x"',
    "NUL between": json.dumps(METADATA).encode() + b"\0",
    "NUL in a text": json.dumps({**METADATA, "client_name": "a\0b"}).encode(),
    "NUL in a list": json.dumps({**METADATA, "contacts": ["a\0b"]}).encode(),
    "NUL in a key set": json.dumps({**METADATA, **SIGNING, "jwks": {"keys": [{"kid": "\0"}]}}).encode(),
    "a name twice": b'{"client_name": "a", "client_name": "b", "redirect_uris": ["https://app.example.org/"]}',
    "not UTF-8": b'{"client_name": "\xff"}',
    "half a character": b'{"client_name": "\\ud800"}',
    "not a number": b'{"client_name": NaN}',
    "a deep nest": b'{"x": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "a number without end": b'{"x": ' + b"9" * 60_000 + b"}",
    "one byte too many": json.dumps({**METADATA, "x": "y" * MAX_BYTES}).encode(),
    "ten megabytes": b'{"client_name": "' + b"x" * 10_000_000 + b'"}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_body_that_is_no_plain_short_json_object_registers_and_changes_nothing(body: bytes) -> None:
    developer = registered()
    before = Application.objects.values().get()
    for answer in (send("POST", "/oauth/register", body, "from-staff-0"), developer.ask("PUT", body)):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
        assert answer.json()["error_description"].isascii()
        assert len(answer.content) < 2000
    assert Application.objects.values().get() == before


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""]
)
def test_a_body_of_another_type_is_refused(content_type: str) -> None:
    body = json.dumps(METADATA)
    answer = Browser().generic(
        "POST", "/oauth/register", body, content_type=content_type, headers=bearer(initial_token())
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert not Application.objects.exists()


@pytest.mark.parametrize(
    "client_id", ["%00", "a%00b", "%0d%0aSet-Cookie:x", "%ff", "..%2f..", "%F0%9F%92%A9"]
)
def test_a_strange_client_id_in_the_address_is_an_unknown_one(client_id: str) -> None:
    developer = registered()
    assert developer.ask("GET", path=f"/oauth/register/{client_id}").status_code in (401, 404)


def test_a_token_with_strange_characters_is_an_unknown_one() -> None:
    for token in ("\x00", "\xff\xfe", "a" * 100_000, "' OR 1=1 --"):
        assert send("POST", "/oauth/register", METADATA, token).status_code == 401


@pytest.mark.parametrize(
    ("member", "many"),
    [
        ("redirect_uris", [f"https://app.example.org/{number}" for number in range(21)]),
        ("contacts", [f"dev{number}@example.org" for number in range(21)]),
        ("allowed_origins", [f"https://app{number}.example.org" for number in range(21)]),
        ("grant_types", ["authorization_code"] * 21),
        ("redirect_uris", [f"https://app.example.org/{'x' * 500}"]),
        ("client_name", "x" * 256),
        ("description", "x" * 2001),
        ("publisher", "x" * 256),
        ("software_id", "x" * 256),
        ("logo_uri", f"https://app.example.org/{'x' * 200}"),
        ("scope", "openid " * 1000),
    ],
)
def test_nothing_may_be_longer_or_more_than_anybody_needs(member: str, many: Any) -> None:
    answer = Developer(initial_token()).register(**{member: many})
    assert answer.status_code == 400
    assert f"{member}: " in answer.json()["error_description"]
    assert not Application.objects.exists()


def test_thousands_of_faults_are_not_all_told() -> None:
    answer = Developer(initial_token()).register(scope=" ".join(f"x{number}" for number in range(600)))
    assert answer.status_code == 400
    assert answer.json()["error_description"].count("is not a scope.") == 20
    assert description_of(answer).endswith("And 580 more.")


@pytest.mark.parametrize("member", URLS)
@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "https://user:password@app.example.org/",
        "//app.example.org/x",
        "https://",
    ],
)
def test_no_member_takes_an_address_that_is_not_one_of_the_web(member: str, url: str) -> None:
    answer = Developer(initial_token()).register(**SIGNING, **{member: url})
    assert answer.status_code == 400
    assert f"{member}: " in answer.json()["error_description"]
    assert not Application.objects.exists()


@pytest.mark.parametrize("member", URLS)
def test_in_production_every_address_is_https(settings: Settings, member: str) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = False
    answer = Developer(initial_token()).register(**SIGNING, **{member: "http://app.example.org/x"})
    assert f"{member}: must be https." in answer.json()["error_description"]


def test_html_in_a_name_is_text_on_the_pages_of_people() -> None:
    developer = registered(client_name=SCRIPT, description=SCRIPT, publisher=SCRIPT)
    flow = Flow(developer.put_live(), make_user(), "openid patient/Observation.rs", redirect_uri=REDIRECT_URI)
    page = flow.authorize().content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert SCRIPT not in page
    assert (
        Flow(developer.application, None, "openid", redirect_uri=REDIRECT_URI).authorize().status_code == 200
    )


@pytest.mark.parametrize("name", ["Lab\u202eweiV", "Lab\u200bViewer", "Lab\nViewer", "\u2066Lab"])
def test_a_name_with_characters_that_nobody_sees_is_refused(name: str) -> None:
    answer = Developer(initial_token()).register(client_name=name)
    assert "client_name: must be a text on one line." in answer.json()["error_description"]


def test_a_logo_is_loaded_for_live_apps_only_and_its_host_does_not_learn_where_from() -> None:
    logo = "https://logos.example.net/pixel.png?who"
    developer = registered(logo_uri=logo)
    flow = Flow(developer.application, make_user(), "openid", redirect_uri=REDIRECT_URI)
    assert logo not in flow.authorize().content.decode()
    developer.put_live()
    page = flow.authorize()
    [image] = [line for line in page.content.decode().splitlines() if "logos.example.net" in line]
    assert 'referrerpolicy="no-referrer"' in image
    assert "script-src 'self';" in f"{page['Content-Security-Policy']};"


def test_registering_an_address_of_keys_makes_nobody_call_it(settings: Settings) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    with jwks_host() as host:
        developer = registered(**SIGNING, jwks_uri=host.url)
        developer.ask("PUT", developer.known(client_name="Other"))
        service = Service(developer.application, ec_key(), "first", "ES384")
        refused = post(
            "/oauth/token", {"grant_type": "refresh_token", "refresh_token": "x", **service.proof()}
        )
        assert description_of(refused) == "There is no live client of this id."
        assert host.seen == []
    assert not FetchedKeySet.objects.exists()


def test_a_registered_address_of_keys_in_our_own_network_is_never_called(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with jwks_host() as host:
        settings.ALLOW_INSECURE_CLIENT_URLS = False
        inside = [(0, 0, 0, "", ("127.0.0.1", urlsplit(host.url).port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: inside)
        url = host.url.replace("http://127.0.0.1", "https://keys.example.org")
        developer = registered(**SIGNING, jwks_uri=url)
        service = Service(developer.put_live(), ec_key(), "first", "ES384")
        refused = post(
            "/oauth/token", {"grant_type": "refresh_token", "refresh_token": "x", **service.proof()}
        )
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")  # type: ignore[attr-defined]
        assert "127.0.0.1" not in refused.content.decode()
        assert host.seen == []
    assert "127.0.0.1 is not a public one" in FetchedKeySet.objects.get().failure


def test_a_key_set_with_a_private_part_is_refused_and_not_repeated() -> None:
    private = {**jwk_of(ec_key(), "first"), "d": "this-is-private"}
    answer = Developer(initial_token()).register(**SIGNING, jwks=json.loads(jwks_of(private)))
    assert answer.status_code == 400
    assert "this-is-private" not in answer.content.decode()


def test_whoever_registers_too_often_is_told_to_wait(settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"register_client": "2/h/key", "register_client_openly": "1/h/ip"}
    developer, other = Developer(initial_token()), Developer(initial_token("other"))
    assert [developer.register().status_code for _ in range(3)] == [201, 201, 429]
    assert developer.register().json()["error"] == "temporarily_unavailable"
    assert other.register().status_code == 201
    settings.DYNAMIC_REGISTRATION_OPEN = True
    assert [Developer().register().status_code for _ in range(2)] == [201, 429]


def test_a_refused_registration_counts_as_a_try(settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"register_client": "2/h/key"}
    developer = Developer(initial_token())
    assert [developer.register(client_name="").status_code for _ in range(3)] == [400, 400, 429]


def test_whoever_changes_too_often_is_told_to_wait_and_may_still_look(settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"change_registration": "2/h/key"}
    developer, other = registered(), registered()
    assert [developer.ask("PUT", developer.known()).status_code for _ in range(3)] == [200, 200, 429]
    assert developer.ask("DELETE").status_code == 429
    assert developer.ask("GET").status_code == 200
    assert other.ask("PUT", other.known()).status_code == 200


def test_no_page_of_any_origin_may_read_a_registration() -> None:
    make_client(allowed_origins="https://app.example.org")
    developer = registered()
    origin = {"Origin": "https://app.example.org"}
    answer = Browser().get(
        developer.path, headers={**bearer(developer.told["registration_access_token"]), **origin}
    )
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer
    preflight = Browser().options(
        "/oauth/register", headers={**origin, "Access-Control-Request-Method": "POST"}
    )
    assert "Access-Control-Allow-Origin" not in preflight


def test_a_person_who_is_signed_in_as_staff_registers_nothing_by_a_cookie(staff_browser: Browser) -> None:
    answer = staff_browser.post("/oauth/register", METADATA, content_type="application/json")
    assert answer.status_code == 401
    assert not Application.objects.exists()


@pytest.fixture
def staff_browser() -> Browser:
    browser = Browser()
    browser.force_login(make_user("", is_staff=True, is_superuser=True))
    return browser


def test_no_token_and_no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        developer = registered(token_endpoint_auth_method="client_secret_basic")
        developer.ask("PUT", developer.known(client_name="Other"))
        developer.ask("PUT", developer.known(client_name=""))
        developer.ask("GET", token="made-up-token")
        developer.ask("DELETE")
    told = (
        developer.told["registration_access_token"],
        developer.told["client_secret"],
        "from-staff-0",
        "made-up",
    )
    assert caplog.text
    assert not [text for text in told if text in caplog.text]


def test_an_app_that_takes_anothers_name_beforehand_does_not_become_it() -> None:
    taken = {"software_id": "growth-chart", "client_name": "Growth Chart", "application_type": "web"}
    squatter = registered(**taken, token_endpoint_auth_method="client_secret_basic")
    metadata = {**METADATA, **taken, "token_endpoint_auth_method": "client_secret_basic"}
    by_staff = register_client.register(metadata)
    assert by_staff["client_id"] != squatter.client_id
    real = Application.objects.get(client_id=by_staff["client_id"])
    assert not verify(real, squatter.told["client_secret"])
    renewed = register_client.register({**metadata, "description": "Plots growth."})
    assert renewed == {"client_id": by_staff["client_id"]}
    assert squatter.application.description == ""
    assert squatter.application.status == "draft"
    register_client.register({"client_id": squatter.client_id, "description": "Meant by its id."})
    assert squatter.application.description == "Meant by its id."


def test_nothing_that_was_sent_begins_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    forged = "https://app.example.org/\nClient Lab Viewer registered itself\x1b[2J"
    answer = Developer(initial_token()).register(redirect_uris=[forged], contacts=[forged], scope=forged)
    assert answer.status_code == 400
    assert answer.json()["error_description"].isprintable()
    assert all(record.getMessage().isprintable() for record in caplog.records)
    assert caplog.records


def test_the_token_of_an_ended_registration_opens_no_client_that_comes_later() -> None:
    ended = registered()
    ended.ask("DELETE")
    later = registered()
    token = ended.told["registration_access_token"]
    for path in (ended.path, later.path):
        assert later.ask("GET", token=token, path=path).status_code == 401
    assert ClientRegistration.objects.filter(digest=token_checksum(token)).count() == 1


_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=20),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=6,
)


class AnyMetadata(TestCase):
    """Whatever stands in the members, the answer is one of the two that the specification has."""

    @hypothesis_settings(max_examples=80)
    @given(st.dictionaries(st.sampled_from(sorted(SAID_BY_APPS)), _ANY_JSON, max_size=4))
    def test_metadata_of_any_shape_are_registered_or_refused(self, strange: dict[str, Any]) -> None:
        cache.clear()
        token = initial_token("any", registrations_left=1)
        answer = send("POST", "/oauth/register", {**METADATA, **strange}, token)
        assert answer.status_code in (201, 400), answer.content
        left = InitialAccessToken.objects.get().registrations_left
        assert left == (0 if answer.status_code == 201 else 1)
        assert not Application.objects.exclude(status="draft").exists()
