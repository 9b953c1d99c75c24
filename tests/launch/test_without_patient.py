"""Apps that want no patient: nobody has to pick one."""

from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import User
from launch.models import LaunchContext
from tests.launch.conftest import make_app
from tests.oauth.flow import run_authorization_code

POPULATION = "launch openid fhirUser user/*.rs"


@pytest.fixture
def population() -> Any:
    return make_app("Quality Board", scope=POPULATION)


def test_an_app_for_many_patients_opens_without_one(
    client: Client, clinician: User, population: Any, settings: Settings
) -> None:
    client.force_login(clinician)
    path = f"/launch/{population.pk}/without-patient"
    assert f'href="{path}"' in client.get("/launch/").content.decode()
    page = client.get(path)
    assert "Opens without a patient" in page.content.decode()
    assert page["Cache-Control"]
    assert "https://app.example" in page["Content-Security-Policy"]
    assert not LaunchContext.objects.exists()
    answer = client.post(path)
    assert (answer.status_code, answer["Location"][:26]) == (302, "https://app.example/launch")
    launch = LaunchContext.objects.get()
    assert (launch.patient, launch.encounter, launch.user) == ("", "", clinician)


@pytest.mark.requirement("SMART-173")
def test_its_tokens_name_no_patient_and_need_no_banner(clinician: User, population: Any) -> None:
    from tests.oauth.flow import ensure_keys

    ensure_keys()
    client = Client()
    client.force_login(clinician)
    client.post(f"/launch/{population.pk}/without-patient", {"intent": "board"})
    tokens = run_authorization_code(
        population, clinician, POPULATION, launch=LaunchContext.objects.get()
    ).tokens
    assert tokens["intent"] == "board"
    assert not {"patient", "encounter", "need_patient_banner", "fhirContext"} & set(tokens)


def test_an_app_that_can_do_both_is_offered_both_ways(client: Client, clinician: User, records: None) -> None:
    both = make_app("Both", scope="launch patient/*.rs user/*.rs")
    client.force_login(clinician)
    assert f'href="/launch/{both.pk}/"' in client.get("/launch/").content.decode()
    choice = client.get(f"/launch/{both.pk}/").content.decode()
    assert f'href="/launch/{both.pk}/without-patient"' in choice
    assert f'href="/launch/{both.pk}/amy/"' in choice


def test_an_app_about_one_patient_is_never_opened_without(
    client: Client, clinician: User, app: Any, records: None
) -> None:
    client.force_login(clinician)
    path = f"/launch/{app.pk}/without-patient"
    assert path not in client.get(f"/launch/{app.pk}/").content.decode()
    assert (client.get(path).status_code, client.post(path).status_code) == (404, 404)
    assert not LaunchContext.objects.exists()


def test_nobody_opens_it_without_signing_in_or_without_a_fhir_user(
    client: Client, staff: User, population: Any
) -> None:
    path = f"/launch/{population.pk}/without-patient"
    assert client.post(path)["Location"].startswith("/accounts/login/")
    client.force_login(staff)
    assert client.post(path)["Location"] == "/launch/"
    assert not LaunchContext.objects.exists()


def test_a_form_from_elsewhere_opens_nothing(clinician: User, population: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(clinician)
    assert strict.post(f"/launch/{population.pk}/without-patient").status_code == 403
    assert not LaunchContext.objects.exists()


def test_a_patient_opens_it_too(client: Client, amy: User, population: Any, records: None) -> None:
    client.force_login(amy)
    assert client.post(f"/launch/{population.pk}/without-patient").status_code == 302
    assert LaunchContext.objects.get().patient == ""
