"""The gallery: who sees which apps, and why somebody sees none."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Proxy, User
from tests.launch.conftest import make_app

PORTAL = "/launch/"


def body(client: Client, path: str = PORTAL) -> str:
    """The text of a page that is there."""
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_the_portal_asks_for_sign_in(client: Client, db: None) -> None:
    assert client.get(PORTAL)["Location"] == "/accounts/login/?next=/launch/"


def test_pages_about_people_are_kept_in_no_cache(
    client: Client, clinician: User, app: Any, records: None
) -> None:
    client.force_login(clinician)
    for path in (PORTAL, f"/launch/{app.pk}/", f"/launch/{app.pk}/amy/"):
        assert "no-store" in client.get(path)["Cache-Control"]


@pytest.mark.requirement("SMART-18")
def test_only_live_apps_with_a_launch_url_are_shown(client: Client, clinician: User, app: Any) -> None:
    for status in ("draft", "suspended", "retired"):
        make_app(f"Is {status}", status=status)
    make_app("Standalone only", launch_url="")
    client.force_login(clinician)
    page = body(client)
    assert "Lab Viewer" in page
    assert "Is " not in page
    assert "Standalone only" not in page


def test_what_apps_say_about_themselves_is_escaped(client: Client, clinician: User) -> None:
    make_app(
        "<script>alert(1)</script>",
        description="<img src=x>",
        publisher='"><b>',
        logo_uri='https://a.example/"x',
    )
    client.force_login(clinician)
    page = body(client)
    assert "<script>alert" not in page
    assert "<img src=x>" not in page
    assert "<b>" not in page
    assert 'src="https://a.example/&quot;x"' in page


@pytest.mark.requirement("Being staff opens the console and gives no launch")
def test_staff_without_a_fhir_user_read_why_there_is_nothing(client: Client, staff: User, app: Any) -> None:
    client.force_login(staff)
    page = body(client)
    assert "There is nothing for you to open" in page
    assert "Lab Viewer" not in page


def test_a_patient_is_offered_the_own_record(client: Client, amy: User, app: Any, records: None) -> None:
    client.force_login(amy)
    assert f'href="/launch/{app.pk}/amy/"' in body(client)


def test_a_patient_whose_record_is_missing_is_told_so(client: Client, amy: User, app: Any) -> None:
    client.force_login(amy)
    assert "We could not find your record" in body(client)


def test_a_relative_of_one_goes_straight_and_of_several_chooses(
    client: Client, relative: User, app: Any, records: None
) -> None:
    client.force_login(relative)
    assert "You act for nobody at present" in body(client)
    Proxy.objects.create(user=relative, patient="amy")
    assert f'href="/launch/{app.pk}/amy/"' in body(client)
    Proxy.objects.create(user=relative, patient="ben")
    assert f'href="/launch/{app.pk}/"' in body(client)
    choice = body(client, f"/launch/{app.pk}/")
    assert "Amy Shaw" in choice
    assert "Ben Stone" in choice
    assert "Cleo" not in choice


def test_a_proxy_that_ended_shows_nobody(client: Client, relative: User, app: Any, records: None) -> None:
    Proxy.objects.create(user=relative, patient="amy", ends=timezone.now() - dt.timedelta(seconds=1))
    client.force_login(relative)
    assert "You act for nobody at present" in body(client)
    assert "Amy" not in body(client, f"/launch/{app.pk}/")
