"""The scope of external EHRs in the catalogue: an address of this site, which follows the site."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.test import Client as Browser
from pytest_django.fixtures import Settings

from oauth import catalogue
from oauth.clients.metadata import faults
from oauth.models import Scope
from oauth.own_scopes import LAUNCH_CONTEXT_WORDS, launch_context_scope
from tests.oauth.ehr import SCOPE
from tests.oauth.flow import make_client
from tests.oauth.services import make_service

pytestmark = pytest.mark.django_db
migration = import_module("oauth.migrations.0008_launch_context_scope")


def advertised() -> list[str]:
    """`scopes_supported`."""
    told: list[str] = Browser().get("/fhir/.well-known/smart-configuration").json()["scopes_supported"]
    return told


@pytest.mark.requirement("SMART-217")
def test_the_catalogue_has_a_line_for_it_with_words_that_is_not_offered_to_new_clients() -> None:
    line = Scope.objects.get(pattern=SCOPE)
    assert launch_context_scope().text == SCOPE
    assert line.description == LAUNCH_CONTEXT_WORDS
    assert (line.enabled, line.sensitive, line.default) == (True, True, False)
    assert SCOPE not in catalogue.offered_to_new_clients()


@pytest.mark.requirement("SMART-389")
def test_it_is_advertised_as_staff_choose() -> None:
    assert SCOPE in advertised()
    Scope.objects.filter(pattern=SCOPE).update(advertised=False)
    assert SCOPE not in advertised()
    Scope.objects.filter(pattern=SCOPE).update(advertised=True, enabled=False)
    assert SCOPE not in advertised()


def test_an_older_catalogue_gets_the_line_once_and_an_empty_one_with_all_others() -> None:
    editor = SimpleNamespace(connection=connection)
    written = Scope.objects.values().get(pattern=SCOPE)
    Scope.objects.filter(pattern=SCOPE).delete()
    for _ in range(2):
        migration.add_line(apps, editor)
    added = Scope.objects.values().get(pattern=SCOPE)
    assert {**added, "id": 0} == {**written, "id": 0}
    Scope.objects.all().delete()
    migration.add_line(apps, editor)
    assert not Scope.objects.exists()
    catalogue.seed()
    assert Scope.objects.filter(pattern=SCOPE).exists()


def test_a_line_that_staff_deleted_does_not_come_back() -> None:
    Scope.objects.filter(pattern=SCOPE).delete()
    call_command("migrate", verbosity=0)
    assert not Scope.objects.filter(pattern=SCOPE).exists()


def test_the_line_follows_a_site_that_moves_with_what_staff_have_set(settings: Settings) -> None:
    Scope.objects.filter(pattern=SCOPE).update(advertised=False, description="For our ward system")
    settings.SITE_URL = "https://cdr.example.org"
    call_command("migrate", verbosity=0)
    moved = Scope.objects.get(pattern="https://cdr.example.org/scopes/launch-context")
    assert (moved.advertised, moved.description) == (False, "For our ward system")
    assert not Scope.objects.filter(pattern=SCOPE).exists()


def test_only_backend_services_can_be_registered_for_it() -> None:
    service = make_service(SCOPE)
    assert list(faults(service.application)) == []
    app, _ = make_client(scope=f"openid {SCOPE}", confidential=True, application_type="web")
    assert [fault for fault in faults(app) if SCOPE in fault] == [
        f"scope: {SCOPE} is for backend services: it needs client_credentials."
    ]
