"""From the bearer token to the data, over HTTP: what a token does not allow is neither shown nor admitted
to exist.
"""

import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from jwt.utils import base64url_encode
from pytest_django import DjangoAssertNumQueries

from accounts.models import Proxy, User
from oauth.models import Application, Consent, Scope, SigningKey
from tests.oauth.issuing import Issued, Key, issue, make_client, make_key, make_user

pytestmark = pytest.mark.django_db

FHIR_JSON = "application/fhir+json"
GLUCOSE = {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]}


def send(issued: Issued | str, method: str, path: str, body: Any = None) -> Any:
    """A request below the FHIR base, with the token in the header."""
    header = issued if isinstance(issued, str) else issued.header
    data = "" if body is None else json.dumps(body)
    return Client().generic(method, f"/fhir/{path}", data, FHIR_JSON, headers={"Authorization": header})


def observation(patient: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"obs-{patient}",
        "status": "final",
        "code": GLUCOSE,
        "subject": {"reference": f"Patient/{patient}"},
    }


@pytest.fixture
def key() -> Key:
    return make_key()


@pytest.fixture
def clinic(key: Key) -> Issued:
    """Two patients with an observation each, written by a clinician, whose token this is."""
    clinician = issue(key, make_user("Practitioner/p"), scope="user/*.cruds openid fhirUser")
    for patient in ("a", "b"):
        resource = {"resourceType": "Patient", "id": patient, "name": [{"family": patient}]}
        assert send(clinician, "PUT", f"Patient/{patient}", resource).status_code == 201
        assert send(clinician, "PUT", f"Observation/obs-{patient}", observation(patient)).status_code == 201
    practitioner = {"resourceType": "Practitioner", "id": "p"}
    assert send(clinician, "PUT", "Practitioner/p", practitioner).status_code == 201
    return clinician


def of_patient_a(key: Key, scope: str = "patient/*.cruds") -> Issued:
    return issue(key, make_user("Patient/a"), scope=scope, patient="a")


def found(answer: Any) -> set[str]:
    return {
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in answer.json().get("entry", [])
    }


HIDDEN = [
    "Patient/b",
    "Observation/obs-b",
    "Observation/obs-b/_history",
    "Observation/obs-b/_history/1",
    "Patient/b/_history/1",
]


@pytest.mark.requirement("SMART-95")
@pytest.mark.requirement("https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#response-6")
@pytest.mark.parametrize("path", HIDDEN)
def test_a_token_for_one_patient_finds_nothing_of_another(key: Key, clinic: Issued, path: str) -> None:
    answer = send(of_patient_a(key), "GET", path)
    nothing = path.replace("obs-b", "nothing").replace("Patient/b", "Patient/nothing")
    unknown = send(of_patient_a(key), "GET", nothing)
    assert answer.status_code == unknown.status_code == 404
    assert [issue["code"] for issue in answer.json()["issue"]] == [
        issue["code"] for issue in unknown.json()["issue"]
    ]


@pytest.mark.parametrize(
    "query",
    [
        "Observation",
        "Observation?subject=Patient/b",
        "Observation?_id=obs-b",
        "Observation?code=2339-0&_include=Observation:subject",
        "Patient",
        "Patient?_id=b",
        "Patient?name=b",
        "Patient?_revinclude=Observation:subject",
    ],
)
def test_a_search_with_a_token_for_one_patient_shows_only_that_patient(
    key: Key, clinic: Issued, query: str
) -> None:
    answer = send(of_patient_a(key), "GET", query)
    assert answer.status_code == 200
    assert found(answer) <= {"Patient/a", "Observation/obs-a"}
    assert "obs-b" not in json.dumps(answer.json().get("entry", []))


def test_the_same_holds_for_each_entry_of_a_batch(key: Key, clinic: Issued) -> None:
    paths = ["Patient/a", "Patient/b", "Observation/obs-b", "Observation?subject=Patient/b"]
    batch = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": path}} for path in paths],
    }
    entries = send(of_patient_a(key), "POST", "", batch).json()["entry"]
    assert [entry["response"]["status"][:3] for entry in entries] == ["200", "404", "404", "200"]
    assert not entries[3]["resource"].get("entry")


@pytest.mark.parametrize(("method", "path"), [("PUT", "Observation/obs-b"), ("DELETE", "Observation/obs-b")])
def test_a_token_for_one_patient_cannot_change_another(
    key: Key, clinic: Issued, method: str, path: str
) -> None:
    body = observation("b") if method == "PUT" else None
    assert send(of_patient_a(key), method, path, body).status_code in (403, 404)
    assert send(clinic, "GET", path).json()["meta"]["versionId"] == "1"


def test_a_new_resource_for_another_patient_is_refused(key: Key, clinic: Issued) -> None:
    body = {name: value for name, value in observation("b").items() if name != "id"}
    assert send(of_patient_a(key), "POST", "Observation", body).status_code == 403
    own = {name: value for name, value in observation("a").items() if name != "id"}
    assert send(of_patient_a(key), "POST", "Observation", own).status_code == 201


def test_a_patient_writes_only_the_types_that_the_settings_name(key: Key, clinic: Issued) -> None:
    condition = {"resourceType": "Condition", "subject": {"reference": "Patient/a"}}
    assert send(of_patient_a(key), "POST", "Condition", condition).status_code == 403


@pytest.mark.requirement("SMART-95")
@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#patient-specific-scopes"
)
@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("patient/Observation.rs", "GET", "Patient/a"),
        ("patient/Observation.r", "GET", "Observation"),
        ("patient/Observation.s", "GET", "Observation/obs-a"),
        ("patient/Observation.c", "GET", "Observation/obs-a"),
        ("patient/Observation.rs", "DELETE", "Observation/obs-a"),
        ("openid fhirUser", "GET", "Observation"),
        ("patient/Observation.rs?codes=2339-0", "GET", "Observation/obs-a"),
        ("patient/*.rs?code=2339-0", "GET", "Observation/obs-a"),
    ],
)
def test_what_no_scope_allows_is_forbidden(
    key: Key, clinic: Issued, scope: str, method: str, path: str
) -> None:
    assert send(of_patient_a(key, scope), method, path).status_code == 403


@pytest.mark.requirement("SMART-95")
@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html"
    "#finer-grained-resource-constraints-using-search-parameters"
)
def test_a_token_whose_scope_has_a_query_shows_what_the_query_finds(key: Key, clinic: Issued) -> None:
    fitting = of_patient_a(key, "patient/Observation.rs?code=2339-0 patient/Observation.rs?code=none")
    other = of_patient_a(key, "patient/Observation.rs?code=none")
    assert send(fitting, "GET", "Observation/obs-a").status_code == 200
    assert found(send(fitting, "GET", "Observation")) == {"Observation/obs-a"}
    assert send(other, "GET", "Observation/obs-a").status_code == 404
    assert found(send(other, "GET", "Observation")) == set()
    for token in (fitting, other):
        assert send(token, "GET", "Observation/obs-b").status_code == 404


def test_openid_and_fhir_user_read_the_own_record_and_no_other(key: Key, clinic: Issued) -> None:
    token = of_patient_a(key, "openid fhirUser")
    assert send(token, "GET", "Patient/a").status_code == 200
    assert send(token, "GET", "Patient/b").status_code == 404


def test_staff_without_a_fhir_identity_read_nothing(key: Key, clinic: Issued) -> None:
    staff = make_user("", is_staff=True, is_superuser=True)
    assert send(issue(key, staff, scope="user/*.cruds"), "GET", "Patient/a").status_code == 403


def test_a_patient_context_beyond_the_persons_right_gives_nothing(key: Key, clinic: Issued) -> None:
    assert (
        send(
            issue(key, make_user("Patient/a"), scope="patient/*.rs", patient="b"), "GET", "Patient/b"
        ).status_code
        == 401
    )


def test_a_token_stops_at_the_next_request_after_each_way_to_end_it(key: Key, clinic: Issued) -> None:
    person = make_user("RelatedPerson/r")
    Proxy.objects.create(user=person, patient="a")
    ends: dict[str, Callable[[Issued], object]] = {
        "revoked": lambda token: token.row.revoke(),
        "consent withdrawn": lambda token: Consent.objects.update(withdrawn=timezone.now()),
        "client suspended": lambda token: Application.objects.update(status="suspended"),
        "credentials reset": lambda token: User.objects.update(credentials_reset_at=timezone.now()),
        "proxy ended": lambda token: Proxy.objects.update(ends=timezone.now()),
    }
    for name, end in ends.items():
        token = issue(key, person, make_client(), scope="patient/*.rs", patient="a")
        assert send(token, "GET", "Patient/a").status_code == 200, name
        end(token)
        for path in ("Patient/a", "Observation", "Observation/obs-a/_history"):
            answer = send(token, "GET", path)
            assert answer.status_code == 401, (name, path)
            assert 'error="invalid_token"' in answer["WWW-Authenticate"]
            assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6750#section-3.1")
def test_a_dead_token_is_told_so_even_where_its_scopes_would_not_have_allowed_the_request(
    key: Key, clinic: Issued
) -> None:
    issued = issue(key, make_user("Patient/a"), scope="patient/Patient.rs", patient="a")
    assert send(issued, "GET", "Condition").status_code == 403
    issued.row.revoke()
    assert send(issued, "GET", "Condition").status_code == 401


def test_a_scope_switched_off_is_forbidden_at_the_next_request(key: Key, clinic: Issued) -> None:
    token = issue(key, make_user("Practitioner/p"), scope="user/*.rs user/*.cud")
    assert send(token, "GET", "Patient/a").status_code == 200
    Scope.objects.filter(pattern="user/*.rs").update(enabled=False)
    assert send(token, "GET", "Patient/a").status_code == 403


def test_a_withdrawn_key_ends_its_tokens_at_the_next_request(key: Key, clinic: Issued) -> None:
    assert send(clinic, "GET", "Patient/a").status_code == 200
    SigningKey.objects.filter(pk=key.row.pk).update(status="withdrawn")
    assert send(clinic, "GET", "Patient/a").status_code == 401


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9068#section-4")
def test_an_id_token_is_no_access_token(key: Key, clinic: Issued) -> None:
    disguised = issue(key, make_user("Practitioner/p"), scope="user/*.rs", headers={"typ": "JWT"})
    assert send(disguised, "GET", "Patient/a").status_code == 401


@pytest.mark.requirement("SMART-94")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc8725#section-3.1")
def test_a_token_signed_with_the_public_key_as_a_secret_or_not_at_all_is_refused(
    key: Key, clinic: Issued
) -> None:
    claims = issue(key, make_user("Practitioner/p"), scope="user/*.rs").claims
    public_key = json.dumps(key.row.public_jwk).encode()
    for algorithm, signature in (("HS256", public_key), ("none", None)):
        header = {"alg": algorithm, "kid": key.row.kid, "typ": "at+jwt"}
        signed = ".".join(base64url_encode(json.dumps(part).encode()).decode() for part in (header, claims))
        mac = hmac.digest(signature, signed.encode(), "sha256") if signature else b""
        forged = f"{signed}.{base64url_encode(mac).decode()}"
        assert send(f"Bearer {forged}", "GET", "Patient/a").status_code == 401


def test_a_token_in_the_url_or_as_a_cookie_is_not_read(key: Key, clinic: Issued) -> None:
    client = Client()
    client.cookies["access_token"] = clinic.token
    client.force_login(make_user("Practitioner/p"))
    assert client.get("/fhir/Patient/a", {"access_token": clinic.token}).status_code == 401
    answer = client.get("/fhir/Patient/a")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_read_costs_one_statement_with_the_life_of_the_token_checked_in_it(
    key: Key, clinic: Issued, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    token = of_patient_a(key, "patient/*.rs")
    send(token, "GET", "Patient/a")
    with django_assert_num_queries(1):
        assert send(token, "GET", "Patient/a").status_code == 200
    token.row.revoke()
    assert send(token, "GET", "Patient/a").status_code == 401
