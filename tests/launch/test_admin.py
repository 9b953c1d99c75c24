"""Launches in the admin console."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import User
from launch.context import make_launch
from launch.models import LaunchContext
from tests.launch.conftest import make_app

LIST = "/admin/launch/launchcontext/"


@pytest.fixture
def launches(app: Any, clinician: User) -> list[LaunchContext]:
    """One waiting, one claimed, one expired."""
    now = timezone.now()
    waiting = make_launch(app, clinician, patient="is-waiting", intent="reconcile")
    claimed = make_launch(app, clinician, patient="is-claimed", claimed_by="request", claimed_at=now)
    expired = make_launch(app, clinician, patient="is-expired")
    LaunchContext.objects.filter(pk=expired.pk).update(expires=now - dt.timedelta(seconds=1))
    return [waiting, claimed, expired]


@pytest.mark.parametrize(
    "query", ["", "?q=is-", "?state=waiting", "?state=claimed", "?state=expired", "?state=x"]
)
def test_the_list_never_shows_a_launch_id(
    client: Client, staff: User, launches: list[LaunchContext], query: str
) -> None:
    client.force_login(staff)
    response = client.get(LIST + query)
    assert response.status_code == 200
    assert not [launch for launch in launches if launch.pk in response.content.decode()]


@pytest.mark.parametrize("state", ["waiting", "claimed", "expired"])
def test_the_list_can_be_narrowed_to_a_state(
    client: Client, staff: User, launches: list[LaunchContext], state: str
) -> None:
    client.force_login(staff)
    response = client.get(LIST, {"state": state})
    assert [launch.patient for launch in response.context["cl"].result_list] == [f"is-{state}"]


def test_there_is_no_page_for_a_single_launch_and_no_way_to_make_change_or_delete_one(
    client: Client, staff: User, launches: list[LaunchContext]
) -> None:
    client.force_login(staff)
    for path in ("add/", *(f"{launches[0].pk}/{page}/" for page in ("change", "delete", "history"))):
        assert client.get(LIST + path).status_code == 404
        assert client.post(LIST + path, {"post": "yes"}).status_code == 404
    client.post(LIST, {"action": "delete_selected", "_selected_action": launches[0].pk, "post": "yes"})
    assert LaunchContext.objects.count() == 3


def test_the_list_needs_its_permission(client: Client, launches: list[LaunchContext]) -> None:
    guard = User.objects.create_user("guard", is_staff=True)
    client.force_login(guard)
    assert client.get(LIST).status_code == 403
    guard.user_permissions.add(Permission.objects.get(codename="view_launchcontext"))
    assert client.get(LIST).status_code == 200


def test_the_list_says_who_made_a_launch_and_can_be_narrowed_to_an_external_ehr(
    client: Client, staff: User, launches: list[LaunchContext], app: Any, clinician: User
) -> None:
    ehr = make_app("Ward System", launch_url="")
    make_launch(app, clinician, made_by=ehr, patient="is-of-the-ward")
    LaunchContext.objects.filter(pk=launches[0].pk).update(created_by=None)
    client.force_login(staff)
    page = client.get(LIST).content.decode()
    assert "Ward System (external EHR)" in page
    assert "a client that was deleted" in page
    narrowed = client.get(LIST, {"made_by__id__exact": ehr.pk})
    assert [launch.patient for launch in narrowed.context["cl"].result_list] == ["is-of-the-ward"]
