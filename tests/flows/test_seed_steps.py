"""The SMART launch sequence in its seven steps, from the launch to the answer, by a rule-abiding app.

1 launch, 2 request access, 3 receive tokens, 4 request data, 5 validate the token, 6 introspect, 7 respond.
"""

import secrets
import time
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import requests

from tests.demo_site import DemoSite
from tests.flows.conftest import CALLBACK, LAUNCH_URL, App, Json
from tests.person import SECONDS, Page, Person

ANNA = "patient-anna-bauer"
STANDALONE = "launch/patient openid fhirUser profile offline_access patient/*.read"
NOT_ACTIVE = {
    "active": False,
    "scope": "",
    "client_id": "",
    "token_type": "",
    "exp": "",
    "iat": "",
    "iss": "",
}


@pytest.fixture
def tokens(app: App, anna: Person) -> Json:
    """What the app holds after a standalone launch by the patient."""
    return app.sign_in(anna, STANDALONE)


@pytest.mark.requirement(
    "step 1: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch"
)
def test_step_1_a_link_with_iss_and_launch_opens_the_app_with_the_patient_in_view(
    demo_site: DemoSite, app: App, anna: Person
) -> None:
    launched_at = anna.launch(demo_site.url, app.name, LAUNCH_URL)
    query = parse_qs(urlsplit(launched_at).query)
    assert query["iss"] == [demo_site.fhir]
    assert len(query["launch"][0]) * 6 >= 128
    capabilities = requests.get(f"{query['iss'][0]}/metadata", timeout=SECONDS).json()
    assert capabilities["resourceType"] == "CapabilityStatement"
    url = app.authorization_url(f"launch {STANDALONE}", launch=query["launch"][0])
    assert app.tokens(anna.authorize(url, CALLBACK))["patient"] == ANNA


@pytest.mark.requirement(
    "step 1: https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html#using-well-known"
)
def test_step_1_the_discovery_document_behind_iss_names_the_two_endpoints(app: App) -> None:
    document = app.discover()
    for endpoint in ("authorization_endpoint", "token_endpoint"):
        answer = requests.get(document[endpoint], timeout=SECONDS, allow_redirects=False)
        assert answer.status_code not in (404, 500)
    assert {"launch-ehr", "launch-standalone", "sso-openid-connect"} <= set(document["capabilities"])


@pytest.mark.requirement(
    "step 2: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#obtain-authorization-code"
)
def test_step_2_the_person_signs_in_at_the_server_and_the_app_sees_no_credentials(
    app: App, anna: Person
) -> None:
    came_back = anna.authorize(app.authorization_url(STANDALONE), CALLBACK)
    query = parse_qs(urlsplit(came_back).query)
    assert query["state"] == [app.state]
    assert set(query) == {"code", "state", "iss"}
    assert anna.user["password"] not in came_back
    sign_in, *_ = (Page(page) for page in anna.shown)
    assert any(form.has("password") for form in sign_in.forms)


@pytest.mark.requirement(
    "step 2: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html"
)
def test_step_2_somebody_who_is_signed_in_is_not_asked_for_credentials_again(app: App, anna: Person) -> None:
    anna.authorize(app.authorization_url(STANDALONE), CALLBACK)
    anna.shown.clear()
    anna.authorize(app.authorization_url(STANDALONE, prompt="consent"), CALLBACK)
    assert anna.shown
    assert not any(form.has("password") for page in anna.shown for form in Page(page).forms)


@pytest.mark.requirement(
    "step 2: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html"
)
def test_step_2_only_the_scopes_that_the_person_left_ticked_are_granted(
    demo_site: DemoSite, app: App
) -> None:
    # Somebody whom no other test needs: what is declined stays so.
    _, other_patient, *_ = (user for user in demo_site.users if user["role"] == "patient")
    picky = Person(other_patient, unticked=("offline_access",))
    asked_anew = app.authorization_url(STANDALONE, prompt="consent")
    granted = app.tokens(picky.authorize(asked_anew, CALLBACK))
    assert "offline_access" not in granted["scope"].split()
    assert "patient/*.read" in granted["scope"].split()
    assert "refresh_token" not in granted


@pytest.mark.requirement("step 3: https://www.rfc-editor.org/rfc/rfc9068#section-2")
def test_step_3_the_access_token_is_a_signed_jwt_and_comes_with_patient_and_expiry(
    app: App, tokens: Json
) -> None:
    assert tokens["token_type"] == "Bearer"
    assert tokens["patient"] == ANNA
    header = jwt.get_unverified_header(tokens["access_token"])
    assert header["typ"] == "at+jwt"
    assert header["kid"]
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == tokens["expires_in"]
    assert claims["client_id"] == app.client_id
    assert not {"name", "given_name", "family_name", "email"} & set(claims)


@pytest.mark.requirement(
    "step 3: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-identity-data"
)
def test_step_3_the_id_token_tells_name_and_fhir_url_of_the_person(demo_site: DemoSite, tokens: Json) -> None:
    claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert (claims["given_name"], claims["family_name"]) == ("Anna", "Bauer")
    assert claims["fhirUser"] == f"{demo_site.fhir}/Patient/{ANNA}"


@pytest.mark.requirement(
    "step 3: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#refresh-access-token"
)
def test_step_3_the_refresh_token_brings_another_access_token_for_the_same_patient(
    app: App, tokens: Json
) -> None:
    answer = app.ask_for_tokens(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert answer.status_code == 200
    fresh = answer.json()
    assert fresh["access_token"] != tokens["access_token"]
    assert (fresh["patient"], fresh["scope"]) == (tokens["patient"], tokens["scope"])
    assert app.fhir(f"Patient/{ANNA}", fresh["access_token"]).status_code == 200


@pytest.mark.requirement("step 4: https://hl7.org/fhir/R4/http.html#search")
def test_step_4_a_search_with_the_bearer_token_finds_the_patient_s_observations(
    app: App, tokens: Json
) -> None:
    answer = app.fhir(f"Observation?subject=Patient/{ANNA}", tokens["access_token"])
    assert answer.status_code == 200
    found = [entry["resource"] for entry in answer.json()["entry"]]
    assert {one["subject"]["reference"] for one in found} == {f"Patient/{ANNA}"}


@pytest.mark.requirement(
    "step 4: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-fhir-resources"
)
def test_step_4_the_granted_scopes_decide_what_the_app_may_do(app: App, tokens: Json) -> None:
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Mood"},
        "subject": {"reference": f"Patient/{ANNA}"},
        "valueString": "good",
    }
    refused = app.fhir("Observation", tokens["access_token"], "POST", json=observation)
    assert refused.status_code == 403
    assert refused.json()["resourceType"] == "OperationOutcome"


@pytest.mark.requirement("step 5: https://www.rfc-editor.org/rfc/rfc9068#section-4")
def test_step_5_anybody_can_verify_the_token_with_the_published_key_and_finds_the_claims(
    demo_site: DemoSite, app: App, tokens: Json
) -> None:
    published = requests.get(f"{demo_site.url}/.well-known/openid-configuration", timeout=SECONDS).json()
    key = jwt.PyJWKClient(published["jwks_uri"]).get_signing_key_from_jwt(tokens["access_token"])
    claims = jwt.decode(
        tokens["access_token"], key, algorithms=["ES256"], audience=demo_site.fhir, issuer=published["issuer"]
    )
    assert claims["azp"] == app.client_id
    assert claims["profile"] == f"{demo_site.fhir}/Patient/{ANNA}"
    assert (
        app.fhir(claims["profile"].removeprefix(f"{demo_site.fhir}/"), tokens["access_token"]).status_code
        == 200
    )
    assert 0 < claims["exp"] - time.time() <= 3600


@pytest.mark.requirement("step 5: https://www.rfc-editor.org/rfc/rfc6750#section-3.1")
def test_step_5_a_token_that_was_altered_by_one_character_is_refused(app: App, tokens: Json) -> None:
    header, payload, signature = tokens["access_token"].split(".")
    altered = payload[:-1] + ("A" if payload[-1] != "A" else "B")
    answer = app.fhir(f"Patient/{ANNA}", f"{header}.{altered}.{signature}")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.requirement("step 6: https://www.rfc-editor.org/rfc/rfc7662#section-2.2")
def test_step_6_introspection_by_basic_authentication_tells_about_the_token(
    demo_site: DemoSite, app: App, tokens: Json
) -> None:
    answer = app.introspect(tokens["access_token"])
    assert answer.status_code == 200
    told = answer.json()
    assert told["active"] is True
    assert told["scope"] == tokens["scope"]
    assert told["client_id"] == app.client_id
    assert told["token_type"] == "Bearer"
    assert told["iss"] == demo_site.url
    assert told["exp"] - told["iat"] == tokens["expires_in"]
    assert told["patient"] == ANNA


@pytest.mark.requirement("step 6: a token that is invalid or revoked is 404 with the empty members")
def test_step_6_a_revoked_token_and_nonsense_are_not_found(app: App, tokens: Json) -> None:
    revoked = requests.post(
        app.discover()["revocation_endpoint"],
        {"token": tokens["access_token"]},
        auth=app.login,
        timeout=SECONDS,
    )
    assert revoked.status_code == 200
    for token in (tokens["access_token"], secrets.token_urlsafe(40)):
        answer = app.introspect(token)
        assert (answer.status_code, answer.json()) == (404, NOT_ACTIVE)


@pytest.mark.requirement("step 6: https://www.rfc-editor.org/rfc/rfc7662#section-2.1")
def test_step_6_a_caller_with_a_wrong_secret_learns_nothing(app: App, tokens: Json) -> None:
    answer = app.introspect(tokens["access_token"], (app.client_id, "guess"))
    assert answer.status_code == 401
    assert "scope" not in answer.json()


@pytest.mark.requirement("step 7: https://hl7.org/fhir/R4/http.html#read")
def test_step_7_the_server_answers_the_query_with_the_resource(app: App, tokens: Json) -> None:
    answer = app.fhir(f"Patient/{ANNA}", tokens["access_token"])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/fhir+json")
    patient = answer.json()
    assert (patient["resourceType"], patient["id"]) == ("Patient", ANNA)
    assert patient["name"][0]["family"] == "Bauer"


@pytest.mark.requirement("step 7: https://hl7.org/fhir/R4/http.html#rejecting-access")
def test_step_7_another_patient_is_not_found_and_a_dead_token_unauthorized(app: App, tokens: Json) -> None:
    assert app.fhir("Patient/patient-thomas-okafor", tokens["access_token"]).status_code == 404
    requests.post(
        app.discover()["revocation_endpoint"],
        {"token": tokens["refresh_token"]},
        auth=app.login,
        timeout=SECONDS,
    )
    refused = app.fhir(f"Patient/{ANNA}", tokens["access_token"])
    assert refused.status_code == 401
    assert "error=" in refused.headers["WWW-Authenticate"]
