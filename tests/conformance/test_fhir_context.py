"""fhirContext, from the EHR that tells it to the app that reads it.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#fhircontext-exp
"""

from typing import Any

import pytest

from tests.oauth.ehr import Ehr, make_ehr
from tests.oauth.flow import make_client, make_user, run_authorization_code

pytestmark = pytest.mark.django_db
STUDY = {"reference": "ImagingStudy/123"}
OWN_ROLE = "https://ehr.example.org/roles/comparison"


@pytest.fixture
def ehr(clinic: None) -> Ehr:
    """An EHR that may launch an app for a clinician."""
    make_user("Practitioner/d1")
    return make_ehr(make_client(launch_url="https://app.example.org/launch")[0])


@pytest.mark.requirement("SMART-177")
@pytest.mark.requirement("SMART-178")
@pytest.mark.requirement("SMART-188")
def test_what_the_ehr_says_of_other_types_arrives_with_the_token(ehr: Ehr) -> None:
    told: list[dict[str, Any]] = [
        STUDY,
        {"canonical": "https://example.org/fhir/Questionnaire/7|2", "type": "Questionnaire"},
        {"identifier": {"system": "https://example.org/orders", "value": "7"}, "type": "ServiceRequest"},
        {"reference": "Patient/ben", "role": OWN_ROLE},
    ]
    launch = ehr.launch(patient="amy", encounter="amy-1", fhirContext=told)
    assert launch.user is not None
    tokens = run_authorization_code(ehr.app, launch.user, "launch patient/*.rs", launch=launch).tokens
    assert tokens["fhirContext"] == told
    assert (tokens["patient"], tokens["encounter"]) == ("amy", "amy-1")


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"reference": "Patient/amy"}, marks=pytest.mark.requirement("SMART-177")),
        pytest.param(
            {"reference": "Encounter/amy-1", "role": "launch"}, marks=pytest.mark.requirement("SMART-177")
        ),
        pytest.param({"type": "ImagingStudy"}, marks=pytest.mark.requirement("SMART-178")),
        pytest.param({"role": OWN_ROLE}, marks=pytest.mark.requirement("SMART-178")),
        pytest.param({**STUDY, "role": "comparison"}, marks=pytest.mark.requirement("SMART-188")),
        pytest.param({**STUDY, "role": "/comparison"}, marks=pytest.mark.requirement("SMART-188")),
    ],
)
def test_what_smart_does_not_allow_never_gets_as_far(ehr: Ehr, entry: dict[str, str]) -> None:
    assert ehr.ask(patient="amy", fhirContext=[STUDY]).status_code == 201
    refused = ehr.ask(patient="amy", fhirContext=[STUDY, entry])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    assert refused.json()["error_description"].startswith("fhirContext[1]")
