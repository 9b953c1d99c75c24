"""POST /launch/contexts: who may make a launch, for which app, person, patient and encounter."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.http import HttpResponse
from django.test import Client as Browser
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Proxy, User
from launch.models import LaunchContext
from oauth.front import straight_to_endpoints
from oauth.models import AccessToken, Application, Scope
from tests.launch.conftest import encounter, patient, put
from tests.oauth.ehr import CONTEXTS, SCOPE, Ehr, make_ehr, post, refusal, words
from tests.oauth.flow import make_client, make_user, run_authorization_code
from tests.oauth.services import make_service
from tests.wsgi import THE_COMMON_WAY, Told, asked, common_way

pytestmark = pytest.mark.django_db
CONTEXT = "https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html"


@pytest.fixture(autouse=True)
def _records() -> None:
    put(patient("amy", "Shaw", "Amy", birthDate="1987-05-23"))
    put(patient("ben", "Stone", "Ben"))
    put(encounter("amy-1", "amy", "2024-01-05"))
    put(encounter("ben-1", "ben", "2024-02-01"))


@pytest.fixture
def clinician() -> User:
    return make_user("Practitioner/d1", username="doc")


@pytest.fixture
def app() -> Application:
    return make_client(launch_url="https://app.example.org/launch")[0]


@pytest.fixture
def ehr(app: Application, clinician: User) -> Ehr:
    return make_ehr(app)


EVERYTHING: dict[str, Any] = {
    "patient": "amy",
    "encounter": "amy-1",
    "fhirContext": [
        {"reference": "ImagingStudy/7", "type": "ImagingStudy", "role": "https://ward.example/role/shown"},
        {"canonical": "https://ward.example/Questionnaire/intake|2", "type": "Questionnaire"},
    ],
    "need_patient_banner": False,
    "intent": "reconcile-medications",
    "smart_style_url": "https://ward.example/style/1.json",
    "tenant": "ward-7",
}


@pytest.mark.requirement("SMART-352")
def test_an_external_ehr_makes_a_launch_and_is_told_where_to_send_the_browser(
    ehr: Ehr, app: Application, clinician: User, settings: Settings
) -> None:
    before = timezone.now()
    answer = ehr.ask(**EVERYTHING)
    assert (answer.status_code, answer["Content-Type"]) == (201, "application/json")
    assert (answer["Cache-Control"], answer["Pragma"]) == ("no-store", "no-cache")
    told = answer.json()
    assert set(told) == {"launch", "url"}
    target = urlsplit(told["url"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == app.launch_url
    assert parse_qs(target.query) == {"iss": [settings.FHIR_BASE], "launch": [told["launch"]]}
    launch = LaunchContext.objects.get(pk=told["launch"])
    assert (launch.application, launch.user) == (app, clinician)
    assert (launch.made_by, launch.created_by, launch.claimed_by) == (ehr.service.application, None, "")
    assert launch.expires >= before + timedelta(seconds=settings.LAUNCH_SECONDS)
    kept = {
        "patient": launch.patient,
        "encounter": launch.encounter,
        "fhirContext": launch.fhir_context,
        "need_patient_banner": launch.need_patient_banner,
        "intent": launch.intent,
        "smart_style_url": launch.smart_style_url,
        "tenant": launch.tenant,
    }
    assert kept == EVERYTHING


@pytest.mark.requirement("SMART-361")
@pytest.mark.requirement("SMART-362")
@pytest.mark.requirement("SMART-169")
def test_the_launch_becomes_the_context_of_the_tokens(ehr: Ehr, app: Application, clinician: User) -> None:
    launch = ehr.launch(**EVERYTHING)
    tokens = run_authorization_code(app, clinician, "launch openid patient/*.rs", launch=launch).tokens
    assert {name: tokens[name] for name in EVERYTHING} == EVERYTHING


def test_client_and_user_are_enough(ehr: Ehr, app: Application, clinician: User) -> None:
    launch = ehr.launch()
    assert (launch.patient, launch.fhir_context, launch.need_patient_banner) == ("", [], True)
    tokens = run_authorization_code(app, clinician, "launch openid user/*.rs", launch=launch).tokens
    assert not set(tokens) & set(EVERYTHING)


@pytest.mark.parametrize("name", ["Practitioner/d1", "http://testserver/fhir/Practitioner/d1", "doc", "sub"])
def test_a_person_is_named_by_fhir_user_user_name_or_sub(ehr: Ehr, clinician: User, name: str) -> None:
    launch = ehr.launch(user=str(clinician.uid) if name == "sub" else name)
    assert launch.user == clinician


def _two_accounts_of_one_person(clinician: User) -> str:
    make_user("Practitioner/d1")
    return "Practitioner/d1"


def _somebody_deactivated(clinician: User) -> str:
    return str(make_user("Practitioner/d2", is_active=False).username)


def _staff_who_are_nobody_in_the_record(clinician: User) -> str:
    return str(make_user("", is_staff=True, is_superuser=True).username)


def _a_user_name_that_is_anothers_sub(clinician: User) -> str:
    return str(make_user("Practitioner/d2", username=str(clinician.uid)).username)


@pytest.mark.parametrize(
    "somebody",
    [
        lambda _: "nobody",
        lambda _: "Practitioner/nobody",
        lambda _: "https://elsewhere.example/fhir/Practitioner/d1",
        lambda clinician: str(clinician.uid).replace("-", ""),
        lambda _: "DOC",
        _two_accounts_of_one_person,
        _somebody_deactivated,
        _staff_who_are_nobody_in_the_record,
        _a_user_name_that_is_anothers_sub,
    ],
)
def test_unknown_and_ambiguous_people_are_refused_alike(ehr: Ehr, clinician: User, somebody: Any) -> None:
    answer = ehr.ask(user=somebody(clinician))
    assert refusal(answer) == (400, "invalid_request", "user")
    assert words(answer) == words(ehr.ask(user="nobody at all"))
    assert not LaunchContext.objects.exists()


def test_unknown_apps_and_apps_that_are_not_listed_are_refused_alike(ehr: Ehr) -> None:
    other, _ = make_client(launch_url="https://other.example/launch")
    answers = {words(ehr.ask(client_id=one)) for one in (other.client_id, "unknown", "x" * 255)}
    assert len(answers) == 1
    assert refusal(ehr.ask(client_id=other.client_id)) == (400, "invalid_request", "client_id")
    assert not LaunchContext.objects.exists()


@pytest.mark.parametrize("change", [{"status": "draft"}, {"status": "suspended"}, {"launch_url": ""}])
def test_an_app_that_cannot_be_launched_is_refused_like_an_unknown_one(
    ehr: Ehr, app: Application, change: dict[str, str]
) -> None:
    unknown = words(ehr.ask(client_id="unknown"))
    Application.objects.filter(pk=app.pk).update(**change)
    answer = ehr.ask()
    assert (answer.status_code, words(answer)) == (400, unknown)


@pytest.mark.requirement("SMART-119")
@pytest.mark.parametrize("fhir_user", ["Patient/amy", "RelatedPerson/r1", "Practitioner/d1"])
def test_a_patient_out_of_the_persons_reach_is_refused_like_one_who_does_not_exist(
    ehr: Ehr, settings: Settings, fhir_user: str
) -> None:
    settings.CLINICIAN_ACCESS = "careteam"
    if fhir_user != "Practitioner/d1":
        Proxy.objects.create(user=make_user(fhir_user), patient="amy")
    unseen, unknown = (ehr.ask(user=fhir_user, patient=one) for one in ("ben", "nobody"))
    assert refusal(unseen) == (400, "invalid_request", "patient")
    assert words(unseen) == words(unknown)
    assert not LaunchContext.objects.exists()


def test_where_every_patient_is_in_reach_one_who_does_not_exist_is_refused(ehr: Ehr) -> None:
    assert refusal(ehr.ask(patient="nobody")) == (400, "invalid_request", "patient")


def test_a_relative_is_launched_for_a_ward_until_the_proxy_ends(ehr: Ehr) -> None:
    proxy = Proxy.objects.create(user=make_user("RelatedPerson/r1"), patient="amy")
    assert ehr.launch(user="RelatedPerson/r1", patient="amy").patient == "amy"
    Proxy.objects.filter(pk=proxy.pk).update(ends=timezone.now())
    assert refusal(ehr.ask(user="RelatedPerson/r1", patient="amy"))[2] == "patient"


@pytest.mark.parametrize("asked", [{"encounter": "ben-1"}, {"encounter": "nothing"}])
def test_an_encounter_is_the_patients_own(ehr: Ehr, asked: dict[str, str]) -> None:
    answer = ehr.ask(patient="amy", **asked)
    assert refusal(answer) == (400, "invalid_request", "encounter")
    assert words(answer) == words(ehr.ask(patient="amy", encounter="no-such"))


def test_an_encounter_without_its_patient_is_refused(ehr: Ehr) -> None:
    assert refusal(ehr.ask(encounter="amy-1")) == (400, "invalid_request", "encounter")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic x"}, {"Authorization": "Bearer "}])
def test_without_a_token_one_is_told_what_is_needed_and_of_no_error(
    ehr: Ehr, headers: dict[str, str]
) -> None:
    answer: Any = post(json.dumps(ehr.body()), headers)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == f'Bearer realm="http://testserver{CONTEXTS}", scope="{SCOPE}"'


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "é", "x" * 10_000])
def test_what_is_no_token_of_ours_is_invalid(ehr: Ehr, token: str) -> None:
    answer: Any = post(json.dumps(ehr.body()), {"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    if token.isascii():
        assert 'error="invalid_token"' in answer["WWW-Authenticate"]
    assert not LaunchContext.objects.exists()


def test_a_token_that_has_ended_makes_no_launch(ehr: Ehr) -> None:
    AccessToken.objects.update(revoked=timezone.now())
    answer = ehr.ask()
    assert refusal(answer)[:2] == (401, "invalid_token")
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


@pytest.mark.requirement("SMART-217")
@pytest.mark.parametrize(
    "scope", ["system/*.cruds", "introspection", "system/*.rs introspection system/LaunchContext.c"]
)
def test_no_other_scope_and_no_wildcard_implies_the_right(app: Application, scope: str) -> None:
    make_user("Practitioner/d1")
    service = make_service(f"system/*.cruds introspection {SCOPE}", introspection="any")
    service.application.may_launch.add(app)
    ehr = Ehr(service, app, service.bearer(scope))
    answer = ehr.ask()
    assert refusal(answer)[:2] == (403, "insufficient_scope")
    assert f'scope="{SCOPE}", error="insufficient_scope"' in answer["WWW-Authenticate"]
    assert not LaunchContext.objects.exists()


def test_the_right_ends_with_the_registration_and_with_the_line_of_the_catalogue(ehr: Ehr) -> None:
    ehr.launch()
    Application.objects.filter(pk=ehr.service.application.pk).update(scope="system/*.rs")
    assert ehr.ask().status_code == 403
    Application.objects.filter(pk=ehr.service.application.pk).update(scope=SCOPE)
    assert ehr.ask().status_code == 201
    Scope.objects.filter(pattern=SCOPE).update(enabled=False)
    assert ehr.ask().status_code == 403


def test_an_ehr_that_is_taken_off_the_list_launches_no_more(ehr: Ehr, app: Application) -> None:
    ehr.service.application.may_launch.remove(app)
    assert refusal(ehr.ask()) == (400, "invalid_request", "client_id")


def test_to_be_launched_by_an_app_does_not_mean_to_launch_it(ehr: Ehr, app: Application) -> None:
    Application.objects.filter(pk=ehr.service.application.pk).update(launch_url="https://ehr.example/l")
    assert refusal(ehr.ask(client_id=ehr.service.application.client_id))[2] == "client_id"


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch", "options", "head"])
def test_other_methods_are_not_allowed(ehr: Ehr, method: str) -> None:
    answer = getattr(Browser(), method)(CONTEXTS, headers=ehr.headers)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_no_cookie_is_looked_at_or_set(ehr: Ehr, clinician: User) -> None:
    browser = Browser()
    browser.force_login(clinician)
    told = json.dumps(ehr.body())
    assert browser.post(CONTEXTS, told, content_type="application/json").status_code == 401
    made = browser.post(CONTEXTS, told, content_type="application/json", headers=ehr.headers)
    assert made.status_code == 201
    assert not made.cookies


def test_no_page_of_another_origin_may_make_launches(ehr: Ehr) -> None:
    Application.objects.update(allowed_origins="https://app.example.org")
    origin = {"Origin": "https://app.example.org"}
    preflight = Browser().options(CONTEXTS, headers=origin | {"Access-Control-Request-Method": "POST"})
    made: Any = post(json.dumps(ehr.body()), ehr.headers | origin)
    assert "Access-Control-Allow-Origin" not in preflight
    assert "Access-Control-Allow-Origin" not in made


def test_the_short_way_from_the_wsgi_server_answers_alike(ehr: Ehr) -> None:
    def told(body: str, **headers: str) -> Told:
        way = straight_to_endpoints(common_way)
        return asked(way, "POST", CONTEXTS, body.encode(), CONTENT_TYPE="application/json", **headers)

    good = {"HTTP_AUTHORIZATION": ehr.headers["Authorization"]}
    body = json.dumps(ehr.body(patient="amy"))
    assert told(body, **good)[0] == "201 Created"
    assert LaunchContext.objects.get().made_by == ehr.service.application
    for sent, headers in ((body, {}), ("{", good), (json.dumps(ehr.body(patient="nobody")), good)):
        common: Any = post(sent, {"Authorization": headers.get("HTTP_AUTHORIZATION", "")})
        status, _, text = told(sent, **headers)
        shown = words(HttpResponse(text))
        assert (status, shown) == (f"{common.status_code} {common.reason_phrase}", words(common))
    assert told(body, **good, HTTP_ORIGIN="https://app.example.org")[0] == THE_COMMON_WAY


def test_a_failure_that_nobody_foresaw_is_told_in_json(ehr: Ehr, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("oauth.views.launch_contexts.make", fail)
    browser = Browser(raise_request_exception=False)
    answer = browser.post(
        CONTEXTS, json.dumps(ehr.body()), content_type="application/json", headers=ehr.headers
    )
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")


def test_a_launch_value_is_in_no_log(ehr: Ehr, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    launch = ehr.launch(patient="amy")
    ehr.ask(patient="nobody")
    assert launch.pk not in caplog.text
    assert "patient: is not a patient whom this person may see." in caplog.text
    assert ehr.headers["Authorization"].split(".")[-1] not in caplog.text
