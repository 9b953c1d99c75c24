"""What a clinician may tell the app beside patient and encounter, and what the portal tells by itself."""

from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import User
from launch.models import LaunchContext
from launch.style import style_url
from tests.launch.conftest import put


@pytest.fixture
def reports(records: None) -> None:
    """A report of Amy's, one of Ben's, and an organization."""
    for fhir_id, of in (("amy-r", "amy"), ("ben-r", "ben")):
        put(
            {
                "resourceType": "DiagnosticReport",
                "id": fhir_id,
                "status": "final",
                "code": {"text": "Lipids"},
                "subject": {"reference": f"Patient/{of}"},
            }
        )
    put({"resourceType": "Organization", "id": "lab", "name": "Lab"})


@pytest.fixture
def path(client: Client, clinician: User, app: Any, reports: None) -> str:
    """The page on which the clinician launches the app for Amy."""
    client.force_login(clinician)
    return f"/launch/{app.pk}/amy/"


@pytest.mark.requirement("SMART-174")
@pytest.mark.requirement("SMART-194")
def test_intent_and_further_records_become_the_context(client: Client, path: str) -> None:
    page = client.get(path).content.decode()
    assert 'name="intent"' in page
    assert 'name="records"' in page
    written = {
        "intent": " reconcile ",
        "records": "DiagnosticReport/amy-r  Organization/lab DiagnosticReport/amy-r",
    }
    assert client.post(path, written).status_code == 302
    launch = LaunchContext.objects.get()
    assert launch.intent == "reconcile"
    assert launch.fhir_context == [
        {"reference": "DiagnosticReport/amy-r"},
        {"reference": "Organization/lab"},
    ]


@pytest.mark.requirement("SMART-359")
@pytest.mark.requirement("SMART-360")
def test_the_portal_tells_banner_style_and_tenant_by_itself(
    client: Client, path: str, settings: Settings
) -> None:
    client.post(path)
    settings.LAUNCH_TENANT = "clinic-7"
    client.post(path, {"need_patient_banner": "", "smart_style_url": "https://evil.example", "tenant": "x"})
    first, second = LaunchContext.objects.order_by("created")
    assert (first.need_patient_banner, first.smart_style_url, first.tenant) == (True, style_url(), "")
    assert (second.need_patient_banner, second.smart_style_url, second.tenant) == (
        True,
        style_url(),
        "clinic-7",
    )


@pytest.mark.parametrize(
    "written",
    [
        "DiagnosticReport/ben-r",
        "DiagnosticReport/nothing",
        "DiagnosticReport/amy-r DiagnosticReport/ben-r",
        "Patient/amy",
        "Patient/ben",
        "Encounter/amy-1",
        "Encounter/ben-1",
        "amy-r",
        "https://elsewhere.example/DiagnosticReport/amy-r",
        "DiagnosticReport/amy-r/_history/9 Nothing/1",
    ],
)
def test_a_record_that_does_not_belong_here_is_refused_on_the_page(
    client: Client, path: str, written: str
) -> None:
    answer = client.post(path, {"records": written, "intent": "<b>look</b>", "encounter": "amy-1"})
    assert answer.status_code == 400
    page = answer.content.decode()
    assert 'role="alert"' in page
    assert "&lt;b&gt;look&lt;/b&gt;" in page
    assert '<option value="amy-1" selected>' in page
    assert not LaunchContext.objects.exists()


def test_a_record_of_another_patient_is_refused_like_one_that_does_not_exist(
    client: Client, path: str
) -> None:
    unseen, unknown = (
        client.post(path, {"records": f"DiagnosticReport/{one}"}).context["fault"].replace(one, "")
        for one in ("ben-r", "nothing")
    )
    assert unseen == unknown


@pytest.mark.parametrize("intent", ["x" * 256, "a\nb", "a\x01b"])
def test_an_intent_is_one_line(client: Client, path: str, intent: str) -> None:
    assert client.post(path, {"intent": intent}).status_code == 400
    assert not LaunchContext.objects.exists()


def test_nul_and_doubled_fields_never_get_as_far_as_the_database(client: Client, path: str) -> None:
    for written in ({"records": "DiagnosticReport/\x00"}, {"intent": "\x00"}, {"intent": ["a", "b"]}):
        assert client.post(path, written).status_code == 400
    assert not LaunchContext.objects.exists()


def test_without_a_patient_a_record_is_one_that_the_person_may_read(
    client: Client, reports: None, amy: User
) -> None:
    from tests.launch.conftest import make_app

    board = make_app("Board", scope="launch user/*.rs")
    client.force_login(amy)
    path = f"/launch/{board.pk}/without-patient"
    assert client.post(path, {"records": "DiagnosticReport/ben-r"}).status_code == 400
    assert client.post(path, {"records": "DiagnosticReport/amy-r"}).status_code == 302


def test_patients_are_not_troubled_with_it(client: Client, amy: User, app: Any, records: None) -> None:
    client.force_login(amy)
    assert 'name="intent"' not in client.get(f"/launch/{app.pk}/amy/").content.decode()
