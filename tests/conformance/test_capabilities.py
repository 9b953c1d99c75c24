"""Each capability that smart-configuration names, used over HTTP from the launch to the data.

https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#capabilities
"""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.conf import settings
from django.test import Client as Browser

from accounts.models import User
from launch.context import make_launch
from oauth.models import Application
from tests.conformance.conftest import CATEGORIES, ask, found
from tests.oauth.flow import Flow, answer_of, make_client, make_user, run_authorization_code
from tests.oauth.services import make_service

pytestmark = pytest.mark.django_db

LAUNCH_URL = "https://app.example.org/launch"
HERE = "http://testserver"


def discovered() -> dict[str, Any]:
    """The server's smart-configuration."""
    document: dict[str, Any] = Browser().get("/fhir/.well-known/smart-configuration").json()
    return document


def launched(scope: str, chosen: dict[str, str]) -> tuple[Flow, dict[str, Any]]:
    """A clinician opens an app for Amy in the portal; the app's token response."""
    app, _ = make_client(launch_url=LAUNCH_URL)
    flow = Flow(app, make_user("Practitioner/d1"), scope=scope)
    address = flow.browser.post(f"/launch/{app.pk}/amy/", chosen)["Location"]
    query = parse_qs(urlsplit(address).query)
    assert address.startswith(f"{LAUNCH_URL}?")
    assert query["iss"] == [settings.FHIR_BASE]
    return flow, exchanged(flow, flow.code(launch=query["launch"][0]))


def exchanged(flow: Flow, code: str, **proof: Any) -> dict[str, Any]:
    """The token response for a code."""
    answer = flow.exchange(code, **proof)
    assert answer.status_code == 200, answer.content
    tokens: dict[str, Any] = answer.json()  # type: ignore[attr-defined]
    return tokens


def of_amy(scope: str, **extra: Any) -> dict[str, Any]:
    """The token response to an app that Amy opened herself."""
    return run_authorization_code(make_client()[0], make_user("Patient/amy"), scope, **extra).tokens


def clinician() -> User:
    return make_user("Practitioner/d1")


@pytest.mark.requirement("SMART-126")
@pytest.mark.requirement("SMART-346")
@pytest.mark.requirement("SMART-348")
@pytest.mark.requirement("SMART-349")
@pytest.mark.requirement("SMART-350")
@pytest.mark.requirement("SMART-351")
@pytest.mark.requirement("SMART-393")
def test_every_capability_is_advertised_that_the_tests_here_use() -> None:
    used = """
        launch-ehr launch-standalone authorize-post client-public client-confidential-symmetric
        client-confidential-asymmetric sso-openid-connect context-banner context-style context-ehr-patient
        context-ehr-encounter context-standalone-patient context-standalone-encounter permission-offline
        permission-online permission-patient permission-user permission-v1 permission-v2
    """
    assert discovered()["capabilities"] == used.split()


@pytest.mark.requirement("SMART-349")
@pytest.mark.requirement("SMART-352")
@pytest.mark.requirement("SMART-361")
def test_an_app_launched_from_the_ehr_is_told_the_patient(clinic: None) -> None:
    _, tokens = launched("launch launch/patient patient/Observation.rs", {})
    assert tokens["patient"] == "amy"
    assert found(tokens, "Observation") == {"amy-sugar", "amy-pulse"}


@pytest.mark.requirement("SMART-351")
@pytest.mark.requirement("SMART-362")
def test_an_app_launched_from_the_ehr_is_told_the_encounter(clinic: None) -> None:
    _, tokens = launched("launch launch/encounter patient/Encounter.rs", {"encounter": "amy-1"})
    assert tokens["encounter"] == "amy-1"
    assert ask(tokens, "Encounter/amy-1").status_code == 200


@pytest.mark.requirement("SMART-359")
@pytest.mark.parametrize("needed", [True, False])
def test_the_app_is_told_whether_it_has_to_show_the_patient(clinic: None, needed: bool) -> None:
    app, user = make_client()[0], clinician()
    launch = make_launch(app, user, patient="amy", need_patient_banner=needed)
    tokens = run_authorization_code(app, user, "launch patient/*.rs", launch=launch).tokens
    assert tokens["need_patient_banner"] is needed


@pytest.mark.requirement("SMART-360")
def test_the_app_is_told_where_to_read_the_style(clinic: None) -> None:
    _, tokens = launched("launch patient/*.rs", {})
    address = tokens["smart_style_url"]
    assert address.startswith(f"{HERE}/")
    home = "https://app.example.org"
    style = Browser().get(address.removeprefix(HERE), headers={"Origin": home})
    assert (style.status_code, style["Content-Type"]) == (200, "application/json")
    assert style["Access-Control-Allow-Origin"] in ("*", home)
    assert style.json()["color_background"].startswith("#")


@pytest.mark.requirement("SMART-348")
@pytest.mark.requirement("SMART-353")
@pytest.mark.requirement("SMART-363")
def test_an_app_that_opens_by_itself_is_told_the_patient_who_signed_in(clinic: None) -> None:
    tokens = of_amy("launch/patient patient/Observation.rs")
    assert tokens["patient"] == "amy"
    assert found(tokens, "Observation") == {"amy-sugar", "amy-pulse"}


@pytest.mark.requirement("SMART-167")
@pytest.mark.requirement("SMART-350")
@pytest.mark.requirement("SMART-353")
@pytest.mark.requirement("SMART-363")
def test_an_app_that_opens_by_itself_is_told_the_patient_whom_a_clinician_picks(clinic: None) -> None:
    scope = "launch/patient patient/Observation.rs user/Condition.rs"
    tokens = run_authorization_code(make_client()[0], clinician(), scope, patient="ben").tokens
    assert tokens["patient"] == "ben"
    assert found(tokens, "Observation") == {"ben-sugar"}
    assert found(tokens, "Condition") == {"amy-flu"}


@pytest.mark.requirement("SMART-167")
@pytest.mark.requirement("SMART-364")
def test_an_app_that_opens_by_itself_is_told_the_encounter_that_is_picked(clinic: None) -> None:
    flow = Flow(make_client()[0], make_user("Patient/amy"), scope="launch/encounter patient/Encounter.rs")
    page: Any = flow.authorize()
    assert page.request["PATH_INFO"].endswith("/encounter")
    consent = flow.follow(flow.browser.post(page.request["PATH_INFO"], {"encounter": "amy-1"}))
    assert exchanged(flow, answer_of(flow.decide(consent))["code"])["encounter"] == "amy-1"


@pytest.mark.requirement("SMART-355")
def test_a_public_client_needs_no_secret(clinic: None) -> None:
    app, _ = make_client(token_endpoint_auth_method="none")
    flow = Flow(app, make_user("Patient/amy"))
    assert ask(exchanged(flow, flow.code()), "Patient/amy").status_code == 200


@pytest.mark.requirement("SMART-356")
def test_a_confidential_client_proves_itself_by_its_secret_in_the_header(clinic: None) -> None:
    app, secret = make_client(confidential=True, token_endpoint_auth_method="client_secret_basic")
    flow = Flow(app, make_user("Patient/amy"), secret=secret)
    pretender = Flow(app, None, secret="wrong", verifier=flow.verifier)
    assert pretender.exchange(flow.code()).status_code == 401
    assert ask(exchanged(flow, flow.code()), "Patient/amy").status_code == 200


@pytest.mark.requirement("SMART-356")
def test_a_confidential_client_proves_itself_by_its_secret_in_the_body(clinic: None) -> None:
    app, secret = make_client(confidential=True, token_endpoint_auth_method="client_secret_post")
    flow = Flow(app, make_user("Patient/amy"))
    assert flow.exchange(flow.code(), client_secret="wrong").status_code == 401
    assert ask(exchanged(flow, flow.code(), client_secret=secret), "Patient/amy").status_code == 200


@pytest.mark.requirement("SMART-357")
@pytest.mark.parametrize("alg", ["RS384", "ES384"])
def test_a_confidential_client_proves_itself_by_its_key(clinic: None, alg: str) -> None:
    service = make_service(
        "openid patient/*.rs",
        alg,
        application_type="web",
        grant_types=["authorization_code", "refresh_token"],
        redirect_uris="https://app.example.org/callback",
    )
    flow = Flow(service.application, make_user("Patient/amy"), scope="patient/*.rs")
    assert flow.exchange(flow.code(), client_id=None).status_code == 401
    tokens = exchanged(flow, flow.code(), client_id=None, **service.proof())
    assert ask(tokens, "Patient/amy").status_code == 200


@pytest.mark.requirement("SMART-80")
@pytest.mark.requirement("SMART-203")
@pytest.mark.requirement("SMART-358")
def test_an_app_learns_who_signed_in_by_openid_connect(clinic: None) -> None:
    app, _ = make_client()
    tokens = run_authorization_code(app, make_user("Patient/amy"), "openid fhirUser", nonce="n-0S6_Wz").tokens
    document = discovered()
    published = Browser().get(document["jwks_uri"].removeprefix(HERE)).json()
    kid = jwt.get_unverified_header(tokens["id_token"])["kid"]
    key = next(jwt.PyJWK(one) for one in published["keys"] if one["kid"] == kid)
    claims = jwt.decode(
        tokens["id_token"], key, algorithms=["RS256"], audience=app.client_id, issuer=document["issuer"]
    )
    assert claims["nonce"] == "n-0S6_Wz"
    assert claims["fhirUser"] == f"{settings.FHIR_BASE}/Patient/amy"
    assert ask(tokens, claims["fhirUser"].removeprefix(f"{settings.FHIR_BASE}/")).json()["id"] == "amy"


@pytest.mark.requirement("SMART-365")
def test_offline_access_brings_a_refresh_token_that_outlives_the_sign_out(clinic: None) -> None:
    flow, tokens = launched("launch patient/*.rs offline_access", {})
    flow.browser.logout()
    refreshed = flow.refresh(tokens["refresh_token"])
    assert refreshed.status_code == 200
    assert ask(refreshed.json(), "Patient/amy").status_code == 200  # type: ignore[attr-defined]


@pytest.mark.requirement("SMART-366")
def test_online_access_in_an_ehr_launch_brings_a_refresh_token_until_the_sign_out(clinic: None) -> None:
    flow, tokens = launched("launch patient/*.rs online_access", {})
    assert "online_access" in tokens["scope"].split()
    refreshed = flow.refresh(tokens["refresh_token"]).json()  # type: ignore[attr-defined]
    assert ask(refreshed, "Patient/amy").status_code == 200
    flow.browser.logout()
    assert flow.refresh(refreshed["refresh_token"]).status_code == 400
    assert ask(refreshed, "Patient/amy").status_code == 401


@pytest.mark.requirement("SMART-367")
def test_a_scope_of_the_patient_level_reaches_one_patient(clinic: None) -> None:
    tokens = run_authorization_code(make_client()[0], clinician(), "patient/Observation.rs", patient="ben")
    assert found(tokens.tokens, "Observation") == {"ben-sugar"}
    assert ask(tokens.tokens, "Observation/amy-sugar").status_code == 404
    assert ask(tokens.tokens, "Condition").status_code == 403


@pytest.mark.requirement("SMART-368")
def test_a_scope_of_the_user_level_reaches_what_the_user_may_see(clinic: None) -> None:
    doctor = run_authorization_code(make_client()[0], clinician(), "user/Observation.rs").tokens
    assert found(doctor, "Observation") == {"amy-sugar", "amy-pulse", "ben-sugar"}
    assert ask(doctor, "Condition").status_code == 403
    assert found(of_amy("user/Observation.rs"), "Observation") == {"amy-sugar", "amy-pulse"}


@pytest.mark.requirement("SMART-127")
@pytest.mark.requirement("SMART-369")
def test_a_scope_of_version_1_is_granted_and_works(clinic: None) -> None:
    tokens = of_amy("patient/Observation.read")
    assert tokens["scope"] == "patient/Observation.read"
    assert found(tokens, "Observation") == {"amy-sugar", "amy-pulse"}
    assert ask(tokens, "Observation/amy-sugar").status_code == 200
    assert ask(tokens, "Observation/amy-sugar", "DELETE").status_code == 403


@pytest.mark.requirement("SMART-127")
@pytest.mark.requirement("SMART-128")
@pytest.mark.parametrize(
    ("letters", "read", "written"), [("read", 200, 403), ("write", 403, 200), ("*", 200, 200)]
)
def test_the_words_of_version_1_mean_what_they_meant(
    clinic: None, letters: str, read: int, written: int
) -> None:
    scope = f"user/Condition.{letters}"
    tokens = run_authorization_code(make_client()[0], clinician(), scope).tokens
    assert tokens["scope"] == scope
    for path in ("Condition", "Condition/amy-flu"):
        assert ask(tokens, path).status_code == read
    changed = {"resourceType": "Condition", "id": "amy-flu", "subject": {"reference": "Patient/amy"}}
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    new = {name: value for name, value in changed.items() if name != "id"}
    kind = "application/fhir+json"
    created = Browser().post("/fhir/Condition", new, content_type=kind, headers=headers)
    assert created.status_code == (201 if written == 200 else 403)
    changed["code"] = {"text": "Cold"}
    update = Browser().put("/fhir/Condition/amy-flu", changed, content_type=kind, headers=headers)
    assert update.status_code == written
    assert ask(tokens, "Condition/amy-flu", "DELETE").status_code == (204 if written == 200 else 403)


@pytest.mark.requirement("SMART-370")
def test_a_scope_of_version_2_with_a_query_is_granted_and_works(clinic: None) -> None:
    scope = f"patient/Observation.rs?category={CATEGORIES}|vital-signs"
    tokens = of_amy(scope)
    assert tokens["scope"] == scope
    assert found(tokens, "Observation") == {"amy-pulse"}
    assert ask(tokens, "Observation/amy-pulse").status_code == 200
    assert ask(tokens, "Observation/amy-sugar").status_code == 404


@pytest.mark.requirement("SMART-370")
def test_the_letters_of_version_2_are_granted_one_by_one(clinic: None) -> None:
    tokens = of_amy("patient/Observation.r patient/Condition.s")
    assert ask(tokens, "Observation/amy-sugar").status_code == 200
    assert ask(tokens, "Observation").status_code == 403
    assert found(tokens, "Condition") == {"amy-flu"}
    assert ask(tokens, "Condition/amy-flu").status_code == 403


@pytest.mark.requirement("SMART-352")
def test_an_app_that_is_not_live_is_not_launched(clinic: None) -> None:
    app, _ = make_client(launch_url=LAUNCH_URL, status=Application.Status.SUSPENDED)
    browser = Flow(app, clinician()).browser
    assert browser.post(f"/launch/{app.pk}/amy/").status_code == 404
