"""The scope catalogue: what is granted at all, and what is told."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection
from oauth2_provider.scopes import get_scopes_backend

from oauth import catalogue
from oauth.models import Scope
from oauth.scopes import parse_scopes, to_text
from tests.oauth.issuing import make_client

pytestmark = pytest.mark.django_db


def granted(asked: str, allowed: str) -> str:
    return to_text(catalogue.grantable(parse_scopes(asked) or (), parse_scopes(allowed) or ()))


@pytest.mark.parametrize(
    ("asked", "allowed", "expected"),
    [
        ("patient/*.cruds", "patient/*.cruds", "patient/*.cruds"),
        ("patient/Observation.read", "patient/*.rs", "patient/Observation.read"),
        ("openid fhirUser", "openid", "openid"),
        ("system/*.rs", "system/*.rs", "system/*.rs"),
        ("system/*.rs", "user/*.rs", ""),
        ("patient/Observation.rs?category=a", "patient/*.rs", "patient/Observation.rs?category=a"),
        ("patient/Observation.rs?category=a", "patient/Observation.rs?category=b", ""),
        ("patient/*.rs?_tag=a", "patient/*.rs", ""),
        ("patient/*.rs?category=a", "patient/Observation.rs", "patient/Observation.rs?category=a"),
        ("patient/Observation.rs?categories=a", "patient/*.rs", ""),
        ("patient/Observation.rs?category=a&categories=b", "patient/*.rs", ""),
        ("patient/Observation.rs?category:sideways=a", "patient/*.rs", ""),
        ("patient/Observation.rs?date=yesterday", "patient/*.rs", ""),
        ("patient/Observation.rs?_count=5", "patient/*.rs", ""),
        ("patient/Observation.rs?category=a&_count=5", "patient/*.rs", ""),
        ("patient/Observation.rs?category=a&_format=json", "patient/*.rs", ""),
        ("patient/Observation.rs?subject:Patient.name=a", "patient/*.rs", ""),
        ("patient/Patient.rs?_has:Observation:subject:code=a", "patient/*.rs", ""),
        ("patient/Observation.rs?_list=1", "patient/*.rs", ""),
        ("launch/list", "launch/list", ""),
        ("https://a.example/scopes/x", "https://a.example/scopes/x", ""),
    ],
)
def test_a_scope_is_granted_as_far_as_client_and_catalogue_cover_it(
    asked: str, allowed: str, expected: str
) -> None:
    assert granted(asked, allowed) == expected


def test_a_line_switched_off_takes_only_its_part() -> None:
    Scope.objects.filter(pattern="patient/*.cud").update(enabled=False)
    assert granted("patient/*.cruds", "patient/*.cruds") == "patient/*.rs"
    assert granted("patient/*.*", "patient/*.cruds") == "patient/*.read"
    assert granted("patient/*.write", "patient/*.cruds") == ""


def test_a_line_that_is_no_scope_grants_nothing() -> None:
    Scope.objects.all().delete()
    Scope.objects.create(pattern="patient/*.sr")
    assert granted("patient/*.rs", "patient/*.rs") == ""
    assert catalogue.advertised() == []


def test_an_empty_catalogue_grants_nothing_and_is_filled_again_only_while_it_is_empty() -> None:
    Scope.objects.all().delete()
    assert granted("openid patient/*.rs", "openid patient/*.rs") == ""
    catalogue.seed()
    assert granted("openid", "openid") == "openid"
    Scope.objects.filter(pattern="openid").delete()
    catalogue.seed()
    assert granted("openid", "openid") == ""


def test_everything_advertised_is_granted_to_a_client_that_may_ask_for_it() -> None:
    texts = catalogue.advertised()
    assert granted(" ".join(texts), " ".join(texts)) == " ".join(texts)


def test_new_clients_are_offered_reading_and_no_lasting_access() -> None:
    offered = catalogue.offered_to_new_clients().split()
    assert "patient/*.rs" in offered
    assert "offline_access" not in offered
    assert "patient/*.cud" not in offered


def test_the_scopes_backend_describes_any_scope_and_defaults_to_none() -> None:
    backend = get_scopes_backend()
    words = backend.get_all_scopes()
    assert words["patient/Goal.r"] == "Read health goals of the patient"
    with pytest.raises(KeyError):
        words["patient/Goal."]
    client = make_client(scope="openid launch")
    assert backend.get_available_scopes(application=client) == ["openid", "launch"]
    assert "openid" in backend.get_available_scopes()
    assert backend.get_default_scopes(application=client) == []


def test_a_catalogue_from_before_gets_the_lines_for_backend_services_once() -> None:
    migration = import_module("oauth.migrations.0003_system_scopes")
    editor = SimpleNamespace(connection=connection)
    Scope.objects.filter(pattern__startswith="system/").delete()
    before = Scope.objects.count()
    for _ in range(2):
        migration.add_lines(apps, editor)
        assert Scope.objects.count() == before + 2
    added = Scope.objects.filter(pattern__in=["system/*.rs", "system/*.cud"])
    assert set(added.values_list("enabled", "sensitive", "default")) == {(True, True, False)}
    Scope.objects.all().delete()
    migration.add_lines(apps, editor)
    assert not Scope.objects.exists()
