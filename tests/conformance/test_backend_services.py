"""https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html: a client without people."""

from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone

from oauth.models import AccessToken
from tests.conformance.records import Api, write_records
from tests.oauth.flow import basic, make_client
from tests.oauth.services import Service, ec_key, make_service, post

pytestmark = pytest.mark.django_db
SECONDS_AT_MOST = 300


@pytest.fixture
def service() -> Service:
    return make_service("system/Patient.rs system/Observation.rs")


@pytest.mark.requirement("SMART-228")
@pytest.mark.requirement("SMART-285")
@pytest.mark.requirement("SMART-286")
@pytest.mark.requirement("SMART-287")
@pytest.mark.requirement("SMART-288")
@pytest.mark.requirement("SMART-289")
def test_discovery_names_what_a_client_that_signs_needs() -> None:
    answer = Browser().get("/fhir/.well-known/smart-configuration", headers={"Accept": "application/json"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    told: Any = answer.json()
    assert "client-confidential-asymmetric" in told["capabilities"]
    assert told["token_endpoint"] == f"{settings.SITE_URL}/oauth/token"
    assert {"system/*.rs", "system/*.cud"} <= set(told["scopes_supported"])
    assert "private_key_jwt" in told["token_endpoint_auth_methods_supported"]
    assert {"RS384", "ES384"} & set(told["token_endpoint_auth_signing_alg_values_supported"])


@pytest.mark.requirement("SMART-240")
def test_what_a_client_may_access_was_settled_before_it_asks() -> None:
    write_records()
    service = make_service("system/Patient.rs")
    asked = service.ask_token("system/*.cruds system/Observation.rs")
    assert asked.json()["scope"] == "system/Patient.rs"
    api = Api(f"Bearer {asked.json()['access_token']}")
    assert api.ids("Patient") == ["amy", "ben"]
    assert api.get("Observation").status_code == 403
    assert make_service("system/Patient.rs", status="draft").ask_token("system/Patient.rs").status_code == 401


@pytest.mark.requirement("SMART-260")
@pytest.mark.requirement("SMART-241")
def test_the_scopes_asked_limit_the_token_beyond_the_registration(service: Service) -> None:
    write_records()
    narrow = Api(service.bearer("system/Patient.r")["Authorization"])
    assert narrow.get("Patient/amy").status_code == 200
    assert narrow.get("Patient").status_code == 403
    assert narrow.get("Observation").status_code == 403
    categorised = Api(service.bearer("system/Observation.s?category=laboratory")["Authorization"])
    assert categorised.ids("Observation") == ["amy-laboratory", "ben-laboratory"]
    assert Api(service.bearer("system/Observation.s")["Authorization"]).ids("Observation") == [
        "amy-laboratory", "amy-vital-signs", "ben-laboratory", "ben-vital-signs",
    ]  # fmt: skip


@pytest.mark.requirement("SMART-247")
@pytest.mark.parametrize("path", ["metadata", ".well-known/smart-configuration"])
def test_what_tells_about_the_server_needs_no_token(path: str) -> None:
    assert Api().get(path).status_code == 200


@pytest.mark.requirement("SMART-247")
def test_everything_else_needs_a_token(service: Service) -> None:
    write_records()
    api, body = Api(), {"resourceType": "Patient"}
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": []}
    paths = ("", "Patient", "Patient/amy", "Patient/amy/_history", "_history", "Patient/amy/_history/1")
    answers = [api.get(path) for path in (*paths, "Patient/amy/$everything", "$export", "Patient/none")]
    answers += [api.send("post", path, body) for path in ("Patient", "Patient/$validate", "Patient/_search")]
    answers += [api.put("Patient/amy"), api.send("post", "", bundle), api.browser.delete("/fhir/Patient/amy")]
    assert {answer.status_code for answer in answers} == {401}
    assert all(answer["WWW-Authenticate"].startswith("Bearer") for answer in answers)


@pytest.mark.requirement("SMART-249")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"iss": "another"}, "iss and sub are not the same"),
        ({"sub": "another"}, "iss and sub are not the same"),
        ({"aud": "https://another.example/token"}, "aud must be"),
        ({"exp": 1}, "has expired"),
        ({"exp": 4102444800}, "more than five minutes"),
        ({"jti": None}, "jti is missing"),
        ({"headers": {"kid": "another"}}, "No registered key has this kid"),
    ],
)
def test_an_assertion_is_held_to_the_rules_of_asymmetric_authentication(
    service: Service, changes: dict[str, Any], words: str
) -> None:
    refused = service.ask_token("system/Patient.rs", **service.proof(**changes))
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert words in refused.json()["error_description"]
    good = service.proof()
    assert service.ask_token("system/Patient.rs", **good).status_code == 200
    again = service.ask_token("system/Patient.rs", **good)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    service.private = ec_key(1)
    assert service.ask_token("system/Patient.rs").json()["error"] == "invalid_client"


@pytest.mark.requirement("SMART-250")
@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("system/*.cruds", {"system/Patient.rs", "system/Observation.rs"}),
        ("system/Patient.cruds", {"system/Patient.rs"}),
        ("system/Patient.rs system/Device.rs", {"system/Patient.rs"}),
        ("system/Device.rs", None),
        ("system/Patient.cud", None),
    ],
)
def test_nothing_is_granted_that_was_not_approved_beforehand(
    service: Service, asked: str, granted: set[str] | None
) -> None:
    answer = service.ask_token(asked)
    if granted is None:
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    else:
        assert set(answer.json()["scope"].split()) == granted


@pytest.mark.requirement("SMART-252")
@pytest.mark.requirement("SMART-251")
@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "system/Device.rs"}, 400, "invalid_scope"),
        ({"client_assertion": "x"}, 401, "invalid_client"),
        ({"client_secret": "x"}, 400, "invalid_request"),
    ],
)
def test_a_fault_is_answered_with_the_error_for_it(
    service: Service, changes: dict[str, Any], status: int, error: str
) -> None:
    answer = service.ask_token(**{"scope": "system/Patient.rs", **changes})
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    assert set(answer.json()) == {"error", "error_description"}
    assert "access_token" not in answer.content.decode()


@pytest.mark.requirement("SMART-251")
def test_a_client_that_is_no_service_is_told_that_it_is_unauthorized() -> None:
    app = make_service(grant_types=["authorization_code"], application_type="web")
    answer = app.ask_token()
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.requirement("SMART-253")
@pytest.mark.requirement("SMART-254")
@pytest.mark.requirement("SMART-255")
@pytest.mark.requirement("SMART-256")
@pytest.mark.requirement("SMART-258")
@pytest.mark.requirement("SMART-261")
def test_a_good_request_is_answered_with_a_token_that_is_what_the_answer_says(service: Service) -> None:
    write_records()
    answer = service.ask_token("system/Patient.rs")
    told = answer.json()
    assert answer.status_code == 200
    assert told["token_type"].lower() == "bearer"
    assert told["scope"] == "system/Patient.rs"
    claims = jwt.decode(told["access_token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == told["expires_in"] <= SECONDS_AT_MOST
    assert claims["scope"] == told["scope"]
    assert "refresh_token" not in told
    assert Api(f"Bearer {told['access_token']}").ids("Patient") == ["amy", "ben"]


@pytest.mark.requirement("SMART-259")
def test_the_scope_of_the_answer_is_what_was_granted_and_not_what_was_asked(service: Service) -> None:
    told = service.ask_token("system/Patient.cruds system/Device.rs").json()
    assert told["scope"] == "system/Patient.rs"


@pytest.mark.requirement("SMART-248")
@pytest.mark.requirement("SMART-262")
@pytest.mark.requirement("SMART-261")
def test_no_registration_makes_a_services_token_live_longer() -> None:
    service = make_service(access_token_seconds=3600, refresh_token_seconds=86_400)
    told = service.ask_token().json()
    assert told["expires_in"] <= SECONDS_AT_MOST
    assert "refresh_token" not in told


@pytest.mark.requirement("SMART-265")
def test_a_token_is_validated_at_every_request_and_its_end_counts(service: Service) -> None:
    write_records()
    header = service.bearer("system/Patient.rs")["Authorization"]
    assert Api(header).get("Patient/amy").status_code == 200
    body, signature = header.rsplit(".", 1)
    for forged in (f"{body}.{signature[::-1]}", f"{body}.", header[:-40], "Bearer x"):
        assert Api(forged).get("Patient/amy").status_code == 401
    AccessToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
    expired = Api(header).get("Patient/amy")
    assert expired.status_code == 401
    assert 'error="invalid_token"' in expired["WWW-Authenticate"]


@pytest.mark.requirement("SMART-243")
@pytest.mark.requirement("SMART-266")
def test_only_what_the_tokens_scope_covers_is_answered(service: Service) -> None:
    write_records()
    api = Api(service.bearer("system/Patient.r")["Authorization"])
    assert api.get("Patient/amy").status_code == 200
    for refused in (
        api.get("Patient"),
        api.get("Observation/amy-laboratory"),
        api.put("Patient/amy"),
        api.browser.delete("/fhir/Patient/amy", headers=api.headers),
    ):
        assert refused.status_code == 403


@pytest.mark.requirement("SMART-344")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_client_with_a_secret_is_no_backend_service(method: str) -> None:
    client, secret = make_client(
        "system/*.rs",
        confidential=True,
        application_type="backend",
        grant_types=["client_credentials"],
        token_endpoint_auth_method=method,
    )
    form = {"grant_type": "client_credentials", "scope": "system/*.rs"}
    in_body = {"client_id": client.client_id, "client_secret": secret}
    if method == "client_secret_basic":
        answer: Any = post("/oauth/token", form, {"Authorization": basic(client.client_id, secret)})
    else:
        answer = post("/oauth/token", {**form, **in_body})
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    assert not AccessToken.objects.exists()
