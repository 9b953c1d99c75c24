"""https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html: the registered keys."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client as Browser
from pytest_django import Settings

from oauth.models import Application
from tests.oauth.flow import ensure_keys
from tests.oauth.issuing import make_user
from tests.oauth.jwks_host import jwks_host
from tests.oauth.services import Private, Service, ec_key, jwk_of, jwks_of, rsa_key

pytestmark = pytest.mark.django_db
KEYS: dict[str, Private] = {"ES384": ec_key(), "RS384": rsa_key()}
Register = Callable[..., Service]


@pytest.fixture
def staff() -> Browser:
    """Somebody who may do everything in the console, signed in."""
    browser = Browser()
    browser.force_login(make_user("", username="root", is_staff=True, is_superuser=True))
    return browser


@pytest.fixture
def register(tmp_path: Path) -> Register:
    """Registers a backend service as an operator does, and returns it with the key of that algorithm."""

    def by_file(alg: str = "ES384", **metadata: Any) -> Service:
        ensure_keys()
        file, out = tmp_path / "client.json", io.StringIO()
        said = {
            "client_name": "Nightly export",
            "application_type": "backend",
            "token_endpoint_auth_method": "private_key_jwt",
            "scope": "system/*.rs",
            **metadata,
        }
        file.write_text(json.dumps(said), encoding="utf-8")
        call_command("register_client", str(file), stdout=out)
        client = Application.objects.get(client_id=json.loads(out.getvalue())["client_id"])
        return Service(client, KEYS[alg], "first", alg)

    return by_file


@pytest.mark.requirement("SMART-326")
@pytest.mark.requirement("SMART-296")
@pytest.mark.requirement("SMART-339")
def test_keys_are_registered_by_their_address_and_fetched_by_get(
    register: Register, settings: Settings
) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = True
    with jwks_host() as host:
        host.body = jwks_of(jwk_of(ec_key(), "first")).encode()
        service = register(jwks_uri=host.url)
        assert host.seen == []
        assert service.ask_token().status_code == 200
        assert host.seen == ["/jwks.json"]  # of GET requests: the host answers no others


@pytest.mark.requirement("SMART-326")
@pytest.mark.requirement("SMART-297")
@pytest.mark.requirement("SMART-310")
@pytest.mark.parametrize("alg", sorted(KEYS))
def test_keys_are_registered_as_a_set_and_signatures_of_both_kinds_are_validated(
    register: Register, alg: str
) -> None:
    service = register(alg, jwks={"keys": [jwk_of(KEYS[alg], "first")]})
    assert service.ask_token().status_code == 200
    service.private = ec_key(1) if alg == "ES384" else rsa_key(1)
    assert service.ask_token().status_code == 401


@pytest.mark.requirement("SMART-316")
def test_a_client_is_given_a_client_id(register: Register) -> None:
    jwks = {"keys": [jwk_of(ec_key(), "first")]}
    one, two = (register(client_name=name, jwks=jwks).application.client_id for name in ("One", "Two"))
    assert one
    assert two
    assert one != two


@pytest.mark.requirement("SMART-305")
def test_a_registered_set_stays_as_it_was_whatever_is_wrong_with_another(register: Register) -> None:
    good = {"keys": [jwk_of(ec_key(), "first"), jwk_of(rsa_key(), "second")]}
    service = register(jwks=good)
    half = jwk_of(ec_key(1), "first", x="AAAA")
    broken: list[dict[str, Any]] = [
        {},
        {"keys": []},
        {"keys": [half]},
        {"keys": [jwk_of(ec_key(1), "first", d="AQAB")]},
        {"keys": [jwk_of(ec_key(1), "first"), jwk_of(ec_key(2), "first")]},
    ]
    for bad in broken:
        with pytest.raises(CommandError, match="jwks"):
            register(jwks=bad)
        service.application.refresh_from_db()
        assert json.loads(service.application.client_jwks) == good
    assert service.ask_token().status_code == 200


@pytest.mark.requirement("SMART-305")
def test_only_who_may_change_clients_alters_a_registered_set(register: Register, staff: Browser) -> None:
    service = register(jwks={"keys": [jwk_of(ec_key(), "first")]})
    path = f"/admin/oauth/application/{service.application.pk}/change/"
    shown = staff.get(path).context["adminform"].form
    form = {name: shown[name].value() for name in shown.fields if shown[name].value() is not None}
    form |= {"secrets-TOTAL_FORMS": "0", "secrets-INITIAL_FORMS": "0"}
    form["client_jwks"] = jwks_of(jwk_of(ec_key(1), "first"))

    def is_altered() -> bool:
        now = Application.objects.get(pk=service.application.pk).client_jwks
        return bool(now != service.application.client_jwks)

    for person in (make_user("Practitioner/d1"), make_user("", is_staff=True), None):
        browser = Browser()
        if person is not None:
            browser.force_login(person)
        assert browser.post(path, form).status_code in (302, 403)
        assert not is_altered()
    assert Browser().post(path, form, headers=service.bearer()).status_code == 302
    assert not is_altered()
    assert service.ask_token().status_code == 200
    assert staff.post(path, form).status_code == 302
    assert is_altered()
