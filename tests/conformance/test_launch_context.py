"""https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html: context beside the token."""

from typing import Any

import pytest

from accounts.models import User
from launch.context import make_launch
from launch.models import LaunchContext
from launch.style import style_url
from oauth.models import Application, Scope
from tests.conformance.records import Api, write_records
from tests.oauth.ehr import make_ehr
from tests.oauth.flow import EVERYTHING, Flow, answer_of, make_client, make_user, run_authorization_code

pytestmark = pytest.mark.django_db
TOP_LEVEL, POINTS, ROLE = (pytest.mark.requirement(f"SMART-{number}") for number in (177, 178, 188))
STUDY = {"reference": "ImagingStudy/i1"}
WHOLE: dict[str, Any] = {
    "patient": "amy",
    "encounter": "amy-1",
    "fhir_context": [STUDY, {"identifier": {"system": "https://example.org/orders", "value": "7"}}],
    "need_patient_banner": False,
    "intent": "reconcile-medications",
    "smart_style_url": "http://testserver/launch/style/x.json",
    "tenant": "north-clinic",
}


@pytest.fixture(autouse=True)
def records() -> None:
    write_records()


@pytest.fixture
def clinician() -> User:
    return make_user("Practitioner/d1")


@pytest.fixture
def app() -> Application:
    return make_client()[0]


def launched(app: Application, user: User, scope: str = "launch openid", **context: Any) -> dict[str, Any]:
    """The token response of an app that was launched with this context."""
    return run_authorization_code(app, user, scope, launch=make_launch(app, user, **context)).tokens


@pytest.mark.requirement("SMART-149")
@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("launch/patient openid", {"patient"}),
        ("launch/patient launch/encounter openid", {"patient", "encounter"}),
        ("openid", set()),
    ],
)
def test_scopes_decide_which_context_a_standalone_app_is_told(
    app: Application, scope: str, told: set[str]
) -> None:
    flow = Flow(app, make_user("Patient/amy"), scope=scope)
    page: Any = flow.authorize()
    if page.request["PATH_INFO"].endswith("/encounter"):
        page = flow.follow(flow.browser.post(page.request["PATH_INFO"], {"encounter": "amy-1"}))
    tokens: Any = flow.exchange(answer_of(flow.decide(page))["code"])
    members = tokens.json()
    assert {name for name in ("patient", "encounter") if name in members} == told
    assert {name: members[name] for name in told} == {
        name: {"patient": "amy", "encounter": "amy-1"}[name] for name in told
    }


@pytest.mark.requirement("SMART-164")
@pytest.mark.parametrize("scope", ["launch patient/*.rs", "launch patient/Observation.rs openid"])
def test_a_launch_without_a_patient_gets_one_before_a_patient_scope_is_granted(
    app: Application, clinician: User, scope: str
) -> None:
    launch = make_launch(app, clinician)
    flow = Flow(app, clinician, scope=scope, extra={"launch": launch.pk})
    page: Any = flow.authorize()
    assert page.request["PATH_INFO"].endswith("/patient")
    answer: Any = flow.exchange(answer_of(flow.decide(flow.pick(page, "ben")))["code"])
    assert answer.json()["patient"] == "ben"
    assert Api(f"Bearer {answer.json()['access_token']}").ids("Observation") == [
        "ben-laboratory",
        "ben-vital-signs",
    ]


@pytest.mark.requirement("SMART-168")
@pytest.mark.requirement("SMART-169")
def test_all_context_of_a_launch_stands_beside_the_token_asked_or_not(
    app: Application, clinician: User
) -> None:
    tokens = launched(app, clinician, **WHOLE)
    assert tokens["access_token"]
    told = {name: tokens[name] for name in tokens if name in {*WHOLE, "fhirContext"}}
    assert told == {
        **{name: value for name, value in WHOLE.items() if name != "fhir_context"},
        "fhirContext": WHOLE["fhir_context"],
    }


@pytest.mark.requirement("SMART-170")
def test_patient_is_an_id_to_which_patient_scopes_are_limited(app: Application, clinician: User) -> None:
    tokens = launched(app, clinician, "launch patient/*.rs", patient="amy")
    assert tokens["patient"] == "amy"
    api = Api(f"Bearer {tokens['access_token']}")
    assert api.get("Patient/amy").status_code == 200
    assert api.ids("Patient") == ["amy"]
    assert api.get("Patient/ben").status_code == 404


@pytest.mark.requirement("SMART-171")
def test_encounter_is_the_id_of_an_encounter(app: Application, clinician: User) -> None:
    tokens = launched(app, clinician, "launch patient/*.rs", patient="amy", encounter="amy-1")
    assert tokens["encounter"] == "amy-1"
    found = Api(f"Bearer {tokens['access_token']}").get(f"Encounter/{tokens['encounter']}").json()
    assert (found["resourceType"], found["subject"]) == ("Encounter", {"reference": "Patient/amy"})


@pytest.mark.requirement("SMART-172")
def test_fhir_context_is_an_array_of_objects_about_other_types(app: Application, clinician: User) -> None:
    tokens = launched(app, clinician, patient="amy", encounter="amy-1", fhir_context=[STUDY])
    assert tokens["fhirContext"] == [STUDY]
    assert (tokens["patient"], tokens["encounter"]) == ("amy", "amy-1")
    assert "fhirContext" not in launched(app, clinician, patient="amy", encounter="amy-1")


@pytest.mark.requirement("SMART-177")
@pytest.mark.requirement("SMART-178")
@pytest.mark.requirement("SMART-188")
def test_what_an_ehr_says_as_fhir_context_comes_to_the_app_as_it_is(clinician: User) -> None:
    said = [
        STUDY,
        {"canonical": "https://example.org/Questionnaire/q|1"},
        {"identifier": {"system": "https://example.org/orders", "value": "7"}, "type": "ServiceRequest"},
        {"reference": "Patient/ben", "role": "https://example.org/roles/sibling"},
        {"reference": "Encounter/amy-1", "role": "https://example.org/roles/earlier"},
    ]
    Scope.objects.create(pattern="launch/imagingstudy")
    client, _ = make_client(f"{EVERYTHING} launch/imagingstudy", launch_url="https://app.example.org/launch")
    launch = make_ehr(client).launch(patient="amy", fhirContext=said)
    scope = "launch launch/imagingstudy openid"
    assert run_authorization_code(client, clinician, scope, launch=launch).tokens["fhirContext"] == said


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"reference": "Patient/ben"}, marks=pytest.mark.requirement("SMART-177")),
        pytest.param(
            {"reference": "Encounter/amy-1", "role": "launch"}, marks=pytest.mark.requirement("SMART-177")
        ),
        pytest.param({"type": "ImagingStudy", "role": "launch"}, marks=pytest.mark.requirement("SMART-178")),
        pytest.param({**STUDY, "role": "prior"}, marks=pytest.mark.requirement("SMART-188")),
        pytest.param({**STUDY, "role": "//example.org/prior"}, marks=pytest.mark.requirement("SMART-188")),
    ],
)
def test_a_fhir_context_that_smart_does_not_allow_makes_no_launch(
    clinician: User, entry: dict[str, Any]
) -> None:
    client, _ = make_client(launch_url="https://app.example.org/launch")
    answer = make_ehr(client).ask(patient="amy", fhirContext=[STUDY, entry])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "fhirContext[1]" in answer.json()["error_description"]
    assert not LaunchContext.objects.exists()


@pytest.mark.requirement("SMART-173")
@pytest.mark.parametrize("needed", [True, False])
def test_need_patient_banner_is_what_the_launch_says(app: Application, clinician: User, needed: bool) -> None:
    tokens = launched(app, clinician, patient="amy", need_patient_banner=needed)
    assert tokens["need_patient_banner"] is needed


@pytest.mark.requirement("SMART-174")
@pytest.mark.requirement("SMART-194")
@pytest.mark.parametrize("intent", ["reconcile-medications", "https://ehr.example/intents/7", "ärztlich: ja"])
def test_an_intent_goes_on_to_the_app_as_it_is_whatever_it_means(
    app: Application, clinician: User, intent: str
) -> None:
    with_intent = launched(app, clinician, patient="amy", intent=intent)
    without = launched(app, clinician, patient="amy")
    assert with_intent["intent"] == intent
    assert "intent" not in without
    assert with_intent["scope"] == without["scope"]


@pytest.mark.requirement("SMART-175")
def test_smart_style_url_is_where_the_style_is(app: Application, clinician: User) -> None:
    tokens = launched(app, clinician, patient="amy", smart_style_url=style_url())
    answer = Api().browser.get(tokens["smart_style_url"], headers={"Origin": "https://app.example.org"})
    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] in ("*", "https://app.example.org")
    assert answer.json()["color_background"]


@pytest.mark.requirement("SMART-176")
def test_tenant_is_the_launching_organizations_own_text(app: Application, clinician: User) -> None:
    assert launched(app, clinician, patient="amy", tenant="a|b 7")["tenant"] == "a|b 7"
    assert "tenant" not in launched(app, clinician, patient="amy")
