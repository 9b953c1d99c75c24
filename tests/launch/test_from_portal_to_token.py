"""What is chosen in the portal arrives with the app's token; the sign-in page names the app that asks."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.models import User
from launch.style import style_url
from tests.oauth.flow import Flow, make_client, make_user

LAUNCH_URL = "https://app.example.org/launch"


@pytest.mark.requirement(
    "SMART 2.2 EHR launch https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch"
)
def test_the_chosen_patient_and_encounter_arrive_with_the_token(records: None, clinician: User) -> None:
    app, secret = make_client(launch_url=LAUNCH_URL)
    flow = Flow(app, clinician, scope="launch patient/Observation.rs", secret=secret)
    gone = flow.browser.post(f"/launch/{app.pk}/amy/", {"encounter": "amy-2"})["Location"]
    [launch] = parse_qs(urlsplit(gone).query)["launch"]
    tokens = json.loads(flow.exchange(flow.code(launch=launch)).content)
    assert (tokens["patient"], tokens["encounter"]) == ("amy", "amy-2")
    assert tokens["smart_style_url"] == style_url()
    assert tokens["need_patient_banner"] is True


def test_a_launch_from_the_portal_is_of_no_use_to_another_person_or_app(
    records: None, clinician: User
) -> None:
    app, _ = make_client(launch_url=LAUNCH_URL)
    stranger, _ = make_client(launch_url=LAUNCH_URL)
    browser = Flow(app, clinician).browser
    for person, client in ((make_user("Practitioner/other"), app), (clinician, stranger)):
        gone = browser.post(f"/launch/{app.pk}/amy/")["Location"]
        [launch] = parse_qs(urlsplit(gone).query)["launch"]
        answer = Flow(client, person, scope="launch patient/Observation.rs").authorize(launch=launch)
        assert parse_qs(urlsplit(answer["Location"]).query)["error"] == ["invalid_request"]


def test_the_sign_in_page_names_the_app_that_asks(db: None) -> None:
    app, _ = make_client(name="Growth Chart")
    page = Flow(app, None).authorize()
    assert page.request["PATH_INFO"] == "/accounts/login/"  # type: ignore[attr-defined]
    assert "to continue to <strong>Growth Chart</strong>" in page.content.decode()
