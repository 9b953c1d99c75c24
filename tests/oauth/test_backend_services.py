"""Backend services: which clients get a token for themselves, with what, and what it opens."""

from typing import Any

import jwt
import pytest
from django.conf import settings as site
from django.test import Client as Browser

from fhir.models import Resource
from oauth.authentication import access_for
from oauth.models import AccessToken, Application, Scope
from tests.oauth.flow import Flow, answer_of, make_client, make_user, run_authorization_code
from tests.oauth.services import Service, make_service, post

pytestmark = pytest.mark.django_db
BACKEND = "https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html"
RIGHT = "http://testserver/scopes/launch-context"


@pytest.fixture
def service() -> Service:
    return make_service()


def refusal(answer: Any) -> tuple[int, str]:
    assert not AccessToken.objects.exists()
    return answer.status_code, answer.json()["error"]


@pytest.mark.requirement("SMART-248")
@pytest.mark.requirement("SMART-257")
@pytest.mark.requirement("SMART-262")
@pytest.mark.requirement(f"{BACKEND}#issue-access-token")
def test_the_answer_has_what_smart_names_and_no_refresh_token(service: Service) -> None:
    answer = service.ask_token("system/Patient.rs system/Observation.rs?category=laboratory")
    assert answer.status_code == 200
    told = answer.json()
    assert set(told) == {"access_token", "token_type", "expires_in", "scope"}
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 300)
    assert told["scope"] == "system/Patient.rs system/Observation.rs?category=laboratory"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Pragma"] == "no-cache"


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9068#section-2.2")
def test_the_token_is_about_the_client_itself(service: Service) -> None:
    token = service.ask_token("system/Patient.rs").json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    name = service.application.client_id
    assert (claims["sub"], claims["client_id"], claims["azp"]) == (name, name, name)
    assert (claims["iss"], claims["aud"]) == (site.SITE_URL, site.FHIR_BASE)
    assert claims["exp"] - claims["iat"] == 300
    assert not {"profile", "fhirUser", "patient", "username"} & set(claims)
    row = AccessToken.objects.get()
    assert (row.user, row.consent, row.launch_context, row.token) == (None, None, None, "")


@pytest.mark.requirement(f"{BACKEND}#scopes")
@pytest.mark.parametrize(
    ("asked", "registered", "granted"),
    [
        ("system/*.rs", "system/*.rs", "system/*.rs"),
        ("system/*.read", "system/*.rs", "system/*.read"),
        ("system/Patient.*", "system/*.cruds", "system/Patient.*"),
        ("system/*.cruds", "system/Patient.rs system/Group.r", "system/Group.r system/Patient.rs"),
        ("system/Patient.rs system/Device.rs", "system/Patient.rs", "system/Patient.rs"),
        ("system/Observation.rs", "system/Observation.rs?status=final", "system/Observation.rs?status=final"),
        ("system/Patient.rs nonsense", "system/*.rs", "system/Patient.rs"),
        ("introspection", "introspection", "introspection"),
        ("launch/patient system/*.rs", "system/*.rs", "system/*.rs"),
        ("openid offline_access system/*.rs", "openid offline_access system/*.rs", "system/*.rs"),
    ],
)
def test_a_service_gets_what_it_asks_within_its_registration(
    asked: str, registered: str, granted: str
) -> None:
    answer = make_service(registered, introspection="any").ask_token(asked)
    assert answer.status_code == 200, answer.content
    assert answer.json()["scope"] == granted


def test_the_right_to_make_launch_contexts_is_granted_as_itself_only() -> None:
    assert Scope.objects.get(pattern=RIGHT).sensitive
    assert make_service(RIGHT).ask_token(RIGHT).json()["scope"] == RIGHT
    AccessToken.objects.all().delete()
    assert refusal(make_service("system/*.cruds").ask_token(RIGHT)) == (400, "invalid_scope")


@pytest.mark.requirement("SMART-250")
@pytest.mark.requirement(f"{BACKEND}#evaluate-requested-access")
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (None, "scope must name"),
        ("", "scope must name"),
        ("system/*.rs  system/*.cud", "scope must name"),
        ("nonsense", "none of the asked scopes"),
        ("system/Patient.sr", "none of the asked scopes"),
        ("system/Nothing.rs", "none of the asked scopes"),
        ("system/Device.rs", "none of the asked scopes"),
        ("system/Patient.rs?colour=red", "none of the asked scopes"),
        ("patient/Patient.rs", "patient/Patient.rs has no meaning without a person"),
        ("system/Patient.rs user/Patient.rs", "user/Patient.rs has no meaning without a person"),
        ("launch/patient openid offline_access", "none of the asked scopes"),
        ("https://elsewhere.example/scopes/launch-context", "none of the asked scopes"),
    ],
)
def test_what_cannot_be_granted_is_an_invalid_scope(asked: str | None, words: str) -> None:
    # A registration that no door would take: the endpoint judges by itself.
    service = make_service("system/Patient.rs patient/*.rs user/*.rs openid offline_access launch/patient")
    answer = service.ask_token(asked)
    assert refusal(answer) == (400, "invalid_scope")
    assert words in answer.json()["error_description"]


def test_a_scope_that_the_catalogue_has_switched_off_is_not_granted(service: Service) -> None:
    Scope.objects.filter(pattern="system/*.cud").update(enabled=False)
    assert service.ask_token("system/*.cruds").json()["scope"] == "system/*.rs"


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-symmetric.html#profile-audience-and-scope"
)
@pytest.mark.parametrize(
    "fields",
    [
        {"grant_types": ["authorization_code"], "application_type": "web"},
        {"grant_types": []},
    ],
)
def test_a_client_that_is_not_registered_as_a_service_gets_nothing(fields: dict[str, Any]) -> None:
    assert refusal(make_service(**fields).ask_token()) == (400, "unauthorized_client")


@pytest.mark.requirement("SMART-344")
def test_neither_a_secret_nor_a_name_gets_a_service_token() -> None:
    form = {"grant_type": "client_credentials", "scope": "system/*.rs"}
    client, secret = make_client(
        "system/*.rs",
        confidential=True,
        grant_types=["client_credentials"],
        token_endpoint_auth_method="client_secret_post",
    )
    answer: Any = post("/oauth/token", {**form, "client_id": client.client_id, "client_secret": secret})
    assert refusal(answer) == (400, "unauthorized_client")
    public, _ = make_client("system/*.rs", grant_types=["client_credentials"])
    assert refusal(post("/oauth/token", {**form, "client_id": public.client_id})) == (
        400,
        "unauthorized_client",
    )


def test_a_system_scope_is_in_no_persons_gift() -> None:
    scope = "openid system/*.rs"
    client, _ = make_client(f"{scope} patient/*.rs")
    flow = Flow(client, make_user(), scope="system/*.rs")
    assert answer_of(flow.authorize())["error"] == "invalid_scope"
    tokens = run_authorization_code(client, make_user(), scope=f"{scope} patient/*.rs").tokens
    assert "system/" not in tokens["scope"]


def test_a_service_sends_nobody_through_an_authorization() -> None:
    service = make_service("openid patient/*.rs", redirect_uris="https://app.example.org/callback")
    answer = answer_of(Flow(service.application, make_user(), scope="openid patient/*.rs").authorize())
    assert answer["error"] == "unauthorized_client"
    assert "code" not in answer


def test_a_persons_token_with_a_system_scope_opens_nothing(service: Service) -> None:
    client, _ = make_client("user/*.rs system/*.rs")
    result = run_authorization_code(client, make_user("Practitioner/p1"), scope="user/Patient.rs")
    AccessToken.objects.update(scope="system/*.cruds")
    assert access_for(result.bearer["Authorization"]).rules == ()


def test_a_services_token_with_a_persons_scope_opens_nothing(service: Service) -> None:
    header = service.bearer("system/*.rs")["Authorization"]
    Application.objects.update(scope="user/*.cruds patient/*.cruds system/*.rs")
    AccessToken.objects.update(scope="user/*.cruds patient/*.cruds")
    assert access_for(header).rules == ()


PATIENT = '{"resourceType":"Patient","id":"p1","birthDate":"1970-01-01"}'
FINAL = (
    '{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"x"},'
    '"subject":{"reference":"Patient/p1"}}'
)
DRAFT = FINAL.replace('"o1"', '"o2"').replace('"final"', '"preliminary"')


class Api:
    """The FHIR API as a client calls it."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.browser, self.headers = Browser(), headers

    def get(self, path: str, **headers: str) -> Any:
        return self.browser.get(f"/fhir/{path}", headers={**self.headers, **headers})

    def put(self, path: str, body: str) -> Any:
        return self.browser.put(
            f"/fhir/{path}", body, content_type="application/fhir+json", headers=self.headers
        )

    def delete(self, path: str) -> Any:
        return self.browser.delete(f"/fhir/{path}", headers=self.headers)


@pytest.fixture
def records(service: Service) -> None:
    api = Api(service.bearer("system/*.cruds"))
    for path, body in (("Patient/p1", PATIENT), ("Observation/o1", FINAL), ("Observation/o2", DRAFT)):
        assert api.put(path, body).status_code == 201


@pytest.mark.requirement(f"{BACKEND}#response-2")
@pytest.mark.usefixtures("records")
def test_a_service_reads_searches_and_looks_back_at_everybodys_records(service: Service) -> None:
    api = Api(service.bearer("system/*.rs"))
    assert api.get("Patient/p1").json()["id"] == "p1"
    assert api.get("Observation?patient=p1").json()["total"] == 2
    assert api.get("Observation/o1/_history").json()["total"] == 1
    assert len(api.get("_history").json()["entry"]) == 3
    assert api.put("Patient/p1", PATIENT).status_code == 403
    assert api.delete("Patient/p1").status_code == 403


@pytest.mark.usefixtures("records")
def test_a_scope_of_one_type_and_one_letter_is_held_to_both(service: Service) -> None:
    api = Api(service.bearer("system/Observation.r"))
    assert api.get("Observation/o1").status_code == 200
    assert api.get("Observation").status_code == 403
    assert api.get("Patient/p1").status_code == 403


@pytest.mark.usefixtures("records")
def test_a_scope_with_a_query_reaches_what_the_query_finds(service: Service) -> None:
    api = Api(service.bearer("system/Observation.rs?status=final"))
    assert api.get("Observation/o1").status_code == 200
    assert api.get("Observation/o2").status_code == 404
    found = api.get("Observation").json()["entry"]
    assert [entry["resource"]["id"] for entry in found] == ["o1"]


@pytest.mark.usefixtures("records")
def test_a_service_creates_updates_and_deletes_within_its_scopes(service: Service) -> None:
    api = Api(service.bearer("system/Observation.cud"))
    assert api.put("Observation/o3", FINAL.replace("o1", "o3")).status_code == 201
    assert api.put("Observation/o1", FINAL.replace('"x"', '"y"')).status_code == 200
    assert api.delete("Observation/o3").status_code in (200, 204)
    assert api.get("Observation/o1").status_code == 403
    assert api.put("CodeSystem/c1", '{"resourceType":"CodeSystem","id":"c1"}').status_code == 403
    assert Resource.objects.filter(type="CodeSystem").count() == 0


def test_a_service_may_write_definitions_too_if_it_is_registered_for_them() -> None:
    api = Api(make_service("system/CodeSystem.cruds").bearer("system/CodeSystem.cruds"))
    body = '{"resourceType":"CodeSystem","id":"c1","status":"draft","content":"complete"}'
    assert api.put("CodeSystem/c1", body).status_code == 201


@pytest.mark.usefixtures("records")
def test_a_registration_that_shrinks_narrows_living_tokens_at_once(service: Service) -> None:
    headers = service.bearer("system/*.rs")
    api = Api(headers)
    assert api.get("Patient/p1").status_code == 200
    Application.objects.update(scope="system/Observation.r introspection", introspection="any")
    assert api.get("Patient/p1").status_code == 403
    assert api.get("Observation").status_code == 403
    assert api.get("Observation/o1").status_code == 200
    assert introspected(service, headers)["scope"] == "system/Observation.r"
    Application.objects.update(scope="")
    assert api.get("Observation/o1").status_code == 403


@pytest.mark.usefixtures("records")
def test_a_scope_switched_off_in_the_catalogue_narrows_living_tokens_at_once(service: Service) -> None:
    api = Api(service.bearer("system/*.cruds"))
    Scope.objects.filter(pattern="system/*.cud").update(enabled=False)
    assert api.put("Patient/p1", PATIENT).status_code == 403
    assert api.get("Patient/p1").status_code == 200


@pytest.mark.parametrize("status", ["draft", "suspended", "retired"])
@pytest.mark.usefixtures("records")
def test_the_tokens_of_a_client_that_is_not_live_are_dead_at_once(service: Service, status: str) -> None:
    headers = service.bearer("system/*.rs")
    api = Api(headers)
    assert api.get("Patient/p1").status_code == 200
    Application.objects.filter(pk=service.application.pk).update(status=status)
    assert api.get("Patient/p1").status_code == 401
    assert service.ask_token().status_code == 401
    asking = make_service("introspection", introspection="any")
    assert introspected(asking, headers) == {"active": False}


def introspected(asking: Service, headers: dict[str, str]) -> dict[str, Any]:
    """What a client is told about a token, proving itself by an assertion."""
    token = headers["Authorization"].removeprefix("Bearer ")
    answer: Any = post("/oauth/introspect", {"token": token, **asking.proof()})
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


@pytest.mark.requirement("https://hl7.org/fhir/smart-app-launch/STU2.2/token-introspection.html")
def test_a_services_token_is_introspected_as_the_clients_own(service: Service) -> None:
    headers = service.bearer("system/*.rs")
    told = introspected(service, headers)
    name = service.application.client_id
    assert told["active"] is True
    assert (told["client_id"], told["sub"], told["scope"]) == (name, name, "system/*.rs")
    assert told["exp"] - told["iat"] == 300
    assert not {"username", "fhirUser", "patient"} & set(told)
    assert introspected(make_service(), headers) == {"active": False}


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/token-introspection.html#authorization-to-perform-token-introspection"
)
def test_a_service_may_ask_about_any_token_by_its_bearer_token() -> None:
    asking = make_service("introspection", introspection="any")
    bearer = asking.bearer("introspection")
    token = make_service().bearer()["Authorization"].removeprefix("Bearer ")
    answer: Any = post("/oauth/introspect", {"token": token}, bearer)
    assert answer.json()["active"] is True
    Application.objects.filter(pk=asking.application.pk).update(scope="system/*.rs")
    assert post("/oauth/introspect", {"token": token}, bearer).status_code == 401


def test_a_service_has_no_userinfo(service: Service) -> None:
    answer = Browser().get("/oauth/userinfo", headers=service.bearer())
    assert answer.status_code in (401, 403)


def test_a_service_revokes_its_own_token(service: Service) -> None:
    headers = service.bearer()
    token = headers["Authorization"].removeprefix("Bearer ")
    assert post("/oauth/revoke", {"token": token, **service.proof()}).status_code == 200
    assert Api(headers).get("Patient").status_code == 401


def test_two_tokens_of_one_service_live_beside_each_other(service: Service) -> None:
    first, second = service.bearer(), service.bearer()
    assert first != second
    for headers in (first, second):
        assert Api(headers).get("Patient").status_code == 200
