"""FHIR resources in the admin console: for those with the right, and to look at only."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from fhir.models import Resource
from tests.fhir.callers import Caller


@pytest.fixture
def console(db: None) -> Callable[..., Client]:
    """Signs a member of staff in, with these rights by their code names."""

    def sign_in(*rights: str) -> Client:
        user = User.objects.create_user(f"staff{User.objects.count()}", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=rights))
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def patient(api: Caller) -> Resource:
    """A Patient with two versions."""
    stored = api.create({"resourceType": "Patient", "name": [{"family": "First<b>"}]})
    place = f"Patient/{stored['id']}"
    api.send("PUT", place, {**stored, "name": [{"family": "Second"}]})
    return Resource.objects.get()


def _page(client: Client, path: str) -> Any:
    return client.get(f"/admin/fhir/resource/{path}")


def test_the_console_calls_the_repository_by_its_proper_name(
    console: Callable[..., Client], patient: Resource
) -> None:
    staff = console("view_resource")
    pages = [_page(staff, path).content.decode() for path in ("", f"{patient.pk}/change/")]
    for page in pages:
        assert '<a href="/admin/fhir/">FHIR</a>' in page
        assert "Fhir" not in page
    assert "FHIR id:" in pages[1]


def test_a_resource_is_shown_with_its_history(console: Callable[..., Client], patient: Resource) -> None:
    page = _page(console("view_resource"), f"{patient.pk}/change/").content.decode()
    assert "Second" in page
    assert "First&lt;b&gt;" in page
    assert "First<b>" not in page


def test_staff_without_the_right_see_nothing(console: Callable[..., Client], patient: Resource) -> None:
    client = console("view_user")
    assert _page(client, "").status_code == 403
    assert _page(client, f"{patient.pk}/change/").status_code == 403


def test_nobody_changes_a_resource_here(console: Callable[..., Client], patient: Resource) -> None:
    client = console("view_resource", "change_resource", "delete_resource", "add_resource")
    assert _page(client, "add/").status_code == 403
    assert client.post(f"/admin/fhir/resource/{patient.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"/admin/fhir/resource/{patient.pk}/change/", {"text": "{}"}).status_code == 403
    assert Resource.objects.get().text == patient.text


@pytest.mark.parametrize(
    ("words", "found"),
    [("Patient", 1), ("Observation", 0), ("{id}", 1), ("Patient/{id}", 1), ("Observation/{id}", 0), ("", 1)],
)
def test_resources_are_found_by_type_id_or_both(
    console: Callable[..., Client], patient: Resource, words: str, found: int
) -> None:
    page = _page(console("view_resource"), f"?q={words.format(id=patient.fhir_id)}").content.decode()
    assert page.count(f"/admin/fhir/resource/{patient.pk}/change/") == found


def test_a_deleted_resource_keeps_its_history(
    console: Callable[..., Client], api: Caller, patient: Resource
) -> None:
    api.send("DELETE", f"Patient/{patient.fhir_id}")
    page = _page(console("view_resource"), f"{patient.pk}/change/").content.decode()
    assert "Second" in page
    assert "DELETE" in page
