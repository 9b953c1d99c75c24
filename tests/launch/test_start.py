"""Launching an app from the portal."""

import datetime as dt
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Proxy, User
from launch.models import LaunchContext
from launch.style import style_url
from tests.launch.conftest import make_app


def test_a_clinician_launches_an_app_for_a_patient_and_an_encounter(
    client: Client, clinician: User, app: Any, records: None, settings: Settings
) -> None:
    client.force_login(clinician)
    before = timezone.now()
    response = client.post(f"/launch/{app.pk}/amy/", {"encounter": "amy-2"})
    context = LaunchContext.objects.get()
    assert (context.application, context.user, context.created_by) == (app, clinician, clinician)
    assert (context.patient, context.encounter, context.claimed_by) == ("amy", "amy-2", "")
    assert context.smart_style_url == style_url()
    seconds = dt.timedelta(seconds=settings.LAUNCH_SECONDS)
    assert before + seconds <= context.expires <= timezone.now() + seconds
    target = urlsplit(response["Location"])
    assert response.status_code == 302
    assert f"{target.scheme}://{target.netloc}{target.path}" == app.launch_url
    assert parse_qs(target.query) == {"iss": ["http://testserver/fhir"], "launch": [context.pk]}


def test_an_encounter_is_not_needed(client: Client, clinician: User, app: Any, records: None) -> None:
    client.force_login(clinician)
    assert client.post(f"/launch/{app.pk}/ben/").status_code == 302
    assert LaunchContext.objects.get().encounter == ""


def test_two_launches_are_two_values_that_cannot_be_guessed(
    client: Client, clinician: User, app: Any, records: None
) -> None:
    client.force_login(clinician)
    for _ in range(2):
        client.post(f"/launch/{app.pk}/ben/")
    one, other = LaunchContext.objects.values_list("pk", flat=True)
    assert one != other
    assert min(len(one), len(other)) >= 32


def test_the_apps_own_query_is_kept_but_for_iss_and_launch(
    client: Client, clinician: User, records: None
) -> None:
    app = make_app("Own", launch_url="https://app.example/l?a=1&iss=https://evil.example&launch=old&b=#top")
    client.force_login(clinician)
    target = urlsplit(client.post(f"/launch/{app.pk}/ben/")["Location"])
    query = parse_qs(target.query, keep_blank_values=True)
    assert (query["a"], query["b"], target.fragment) == (["1"], [""], "top")
    assert (query["iss"], len(query["launch"])) == (["http://testserver/fhir"], 1)
    assert query["launch"] != ["old"]


def test_looking_at_the_page_makes_no_launch(
    client: Client, clinician: User, app: Any, records: None
) -> None:
    client.force_login(clinician)
    page = client.get(f"/launch/{app.pk}/amy/").content.decode()
    assert page.index("2025-06-07") < page.index("2024-01-05")
    assert "ben-1" not in page
    assert not LaunchContext.objects.exists()


@pytest.mark.parametrize(
    "encounter", ["ben-1", "nothing", "x" * 65, "../amy-1", "amy-1/_history/1", "Encounter/amy-1"]
)
def test_what_is_not_an_encounter_of_this_patient_is_refused(
    client: Client, clinician: User, app: Any, records: None, encounter: str
) -> None:
    client.force_login(clinician)
    assert client.post(f"/launch/{app.pk}/amy/", {"encounter": encounter}).status_code == 400
    assert not LaunchContext.objects.exists()


def test_a_patient_launches_for_themselves_and_for_nobody_else(
    client: Client, amy: User, app: Any, records: None
) -> None:
    client.force_login(amy)
    assert client.post(f"/launch/{app.pk}/amy/").status_code == 302
    assert LaunchContext.objects.get().patient == "amy"
    other, nobody = (client.post(f"/launch/{app.pk}/{name}/") for name in ("ben", "nobody"))
    assert (other.status_code, nobody.status_code) == (404, 404)
    assert words(other) == words(nobody)
    assert LaunchContext.objects.count() == 1


def test_a_patient_reads_of_visits_where_a_clinician_reads_of_encounters(
    client: Client, amy: User, clinician: User, app: Any, records: None
) -> None:
    """What a page calls the same list, for a lay person and for a professional."""
    pages = {}
    for user in (amy, clinician):
        client.force_login(user)
        pages[user] = client.get(f"/launch/{app.pk}/amy/").content.decode()
    assert "Visit (optional)" in pages[amy]
    assert "The latest visits, newest first." in pages[amy]
    assert "No particular visit" in pages[amy]
    assert "Encounter (optional)" in pages[clinician]
    assert "No particular encounter" in pages[clinician]


def words(page: Any) -> str:
    """A page that refuses, but for its reference code, which is another one each time."""
    text, number = re.subn(r'(?<=<p class="code">)[2-9A-Z]{8}(?=</p>)', "", page.content.decode())
    assert number == 1
    return text


def test_a_patients_list_never_names_others(client: Client, amy: User, app: Any, records: None) -> None:
    client.force_login(amy)
    response = client.get(f"/launch/{app.pk}/", {"q": "s"})
    assert [one.id for one in response.context["found"].patients] == ["amy"]


def test_a_relative_launches_while_the_proxy_is_in_force(
    client: Client, relative: User, app: Any, records: None
) -> None:
    proxy = Proxy.objects.create(user=relative, patient="amy")
    client.force_login(relative)
    assert client.post(f"/launch/{app.pk}/amy/").status_code == 302
    assert client.post(f"/launch/{app.pk}/ben/").status_code == 404
    proxy.ends = timezone.now()
    proxy.save()
    assert client.post(f"/launch/{app.pk}/amy/").status_code == 404
    assert LaunchContext.objects.count() == 1


@pytest.mark.requirement("Being staff opens the console and gives no launch")
def test_staff_launch_nothing(client: Client, staff: User, app: Any, records: None) -> None:
    client.force_login(staff)
    for path in (f"/launch/{app.pk}/", f"/launch/{app.pk}/amy/"):
        assert client.get(path)["Location"] == "/launch/"
    assert client.post(f"/launch/{app.pk}/amy/")["Location"] == "/launch/"
    assert not LaunchContext.objects.exists()


def test_nobody_launches_without_signing_in(client: Client, app: Any, records: None) -> None:
    assert client.post(f"/launch/{app.pk}/amy/")["Location"].startswith("/accounts/login/")
    assert not LaunchContext.objects.exists()


def test_under_careteam_access_a_stranger_is_404(
    client: Client, clinician: User, app: Any, records: None, settings: Settings
) -> None:
    settings.CLINICIAN_ACCESS = "careteam"
    client.force_login(clinician)
    assert client.post(f"/launch/{app.pk}/amy/").status_code == 404
    assert client.post(f"/launch/{app.pk}/cleo/").status_code == 302


@pytest.mark.parametrize("status", ["draft", "suspended", "retired"])
def test_an_app_that_is_not_live_cannot_be_launched(
    client: Client, clinician: User, app: Any, records: None, status: str
) -> None:
    type(app).objects.update(status=status)
    client.force_login(clinician)
    assert client.post(f"/launch/{app.pk}/amy/").status_code == 404


def test_a_form_from_elsewhere_launches_nothing(clinician: User, app: Any, records: None) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(clinician)
    assert strict.post(f"/launch/{app.pk}/amy/").status_code == 403
    assert not LaunchContext.objects.exists()


def test_the_form_may_lead_to_this_app_and_nowhere_else(
    client: Client, clinician: User, app: Any, records: None
) -> None:
    client.force_login(clinician)
    policies = [
        dict(part.strip().split(" ", 1) for part in client.get(path)["Content-Security-Policy"].split(";"))
        for path in (f"/launch/{app.pk}/amy/", "/launch/")
    ]
    assert [policy["form-action"] for policy in policies] == ["'self' https://app.example", "'self'"]
