"""Tokens of other authorization servers over HTTP: what they open, and until when."""

import threading
import time
from html import unescape
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Proxy, User
from audit.recording import waiting
from fhir.outcome import Unauthorized
from oauth.authentication import access_for
from oauth.foreign import access as foreign_access
from oauth.foreign.tokens import ForeignToken, verify
from oauth.models import Scope, TrustedIssuer
from oauth.signed_jwt import SignedJwt
from tests.oauth.foreign import (
    ISSUER,
    Other,
    found,
    observation,
    other_issuer,
    p256,
    refusal_of,
    send,
    statuses,
)
from tests.oauth.issuing import issue, make_client, make_key, make_user

pytestmark = pytest.mark.django_db

RFC_9068 = "https://www.rfc-editor.org/rfc/rfc9068#section-4"
RFC_8725 = "https://www.rfc-editor.org/rfc/rfc8725#section-3"
P521 = ec.generate_private_key(ec.SECP521R1())
EFFECTIVE = "https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html"


@pytest.mark.requirement(f"{EFFECTIVE}#scopes-for-requesting-fhir-resources")
def test_a_token_for_a_patient_reads_that_patient_and_nobody_else(clinic: None, other: Other) -> None:
    token = other.token(scope="patient/*.rs", patient="a")
    assert statuses(token, "Patient/a", "Observation/of-a") == [200, 200]
    assert statuses(token, "Patient/b", "Observation/of-b") == [404, 404]
    assert found(token, "Observation") == ["of-a"]
    assert found(token, "Observation?subject=Patient/b") == []
    assert found(token, "Observation?_include=Observation:subject&_include=Observation:performer") == [
        "a", "of-a", "p",
    ]  # fmt: skip
    assert found(token, "Patient?_revinclude=Observation:subject") == ["a", "of-a"]
    assert send(token, "POST", "Observation", observation("a")).status_code == 403


def test_a_patients_token_writes_what_patients_write_and_for_that_patient_only(
    clinic: None, other: Other
) -> None:
    token = other.token(scope="patient/*.cruds", patient="a")
    assert send(token, "POST", "Observation", observation("a")).status_code == 201
    assert send(token, "POST", "Observation", observation("b")).status_code == 403
    assert (
        send(token, "POST", "Organization", {"resourceType": "Organization", "name": "x"}).status_code == 403
    )
    batch = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": f"Patient/{each}"}} for each in ("a", "b")],
    }
    answers = send(token, "POST", "", batch).json()["entry"]
    assert [entry["response"]["status"][:3] for entry in answers] == ["200", "404"]


@pytest.mark.parametrize(
    "scope", ["patient/Observation.rs", "patient/Observation.read", ["patient/Observation.rs"]]
)
def test_the_scope_is_a_text_or_a_list_in_words_of_both_versions(
    clinic: None, other: Other, scope: str | list[str]
) -> None:
    token = other.token(scope=scope, patient="Patient/a")
    assert found(token, "Observation") == ["of-a"]
    assert statuses(token, "Observation/of-b", "Patient/a") == [404, 403]


def test_a_scope_with_a_query_reaches_what_it_finds(clinic: None, other: Other) -> None:
    scope = "patient/Observation.rs?code=http://loinc.org|1-1"
    assert found(other.token(scope=scope, patient="a"), "Observation") == []
    scope = "patient/Observation.rs?code=http://loinc.org|2339-0"
    assert found(other.token(scope=scope, patient="a"), "Observation") == ["of-a"]


@pytest.mark.requirement(f"{EFFECTIVE}#scopes-for-requesting-fhir-resources")
def test_no_token_gives_more_than_staff_let_its_issuer_give(clinic: None) -> None:
    other = other_issuer(scope="patient/Observation.rs user/Patient.r")
    token = other.token(scope="patient/*.cruds system/*.cruds", patient="a")
    assert found(token, "Observation") == ["of-a"]
    assert statuses(token, "Observation/of-b", "Patient/a") == [404, 403]
    assert send(token, "POST", "Observation", observation("a")).status_code == 403


def test_the_scope_catalogue_narrows_foreign_tokens_at_once(clinic: None, other: Other) -> None:
    token = other.token(patient="a")
    assert statuses(token, "Patient/a") == [200]
    Scope.objects.filter(pattern="patient/*.rs").update(enabled=False)
    assert statuses(token, "Patient/a") == [403]


@pytest.mark.parametrize("base", ["", "http://testserver/fhir/", "https://ehr.example.org/fhir/"])
def test_a_person_known_here_has_their_rights_here(clinic: None, base: str) -> None:
    other = other_issuer(fhir_base="https://ehr.example.org/fhir")
    make_user("Patient/a")
    make_user("Practitioner/p")
    patient = other.token(scope="user/*.cruds openid fhirUser", fhirUser=f"{base}Patient/a")
    assert found(patient, "Observation") == ["of-a"]
    assert statuses(patient, "Patient/a", "Patient/b") == [200, 404]
    clinician = other.token(scope="user/*.cruds openid fhirUser", fhirUser=f"{base}Practitioner/p")
    assert found(clinician, "Observation") == ["of-a", "of-b"]
    assert send(clinician, "POST", "Observation", observation("b")).status_code == 201


def test_a_related_person_reaches_wards_as_long_as_the_proxy_stands(clinic: None, other: Other) -> None:
    proxy = Proxy.objects.create(user=make_user("RelatedPerson/r"), patient="a")
    token = other.token(scope="user/*.rs", fhirUser="RelatedPerson/r")
    assert found(token, "Observation") == ["of-a"]
    Proxy.objects.filter(pk=proxy.pk).update(ends=timezone.now())
    assert statuses(token, "Observation", "Observation/of-a") == [403, 403]


def test_clinicians_reach_their_own_patients_where_the_settings_say_so(
    clinic: None, other: Other, settings: Settings
) -> None:
    settings.CLINICIAN_ACCESS = "careteam"
    make_user("Practitioner/p")
    token = other.token(scope="user/*.rs", fhirUser="Practitioner/p")
    assert statuses(token, "Patient/a") == [403]
    cared_for = {
        "resourceType": "Patient",
        "id": "a",
        "generalPractitioner": [{"reference": "Practitioner/p"}],
    }
    assert send(other.token(scope="system/*.cu"), "PUT", "Patient/a", cared_for).status_code == 200
    assert statuses(token, "Patient/a", "Patient/b") == [200, 404]


def test_own_record_is_shown_to_people_known_here_only(clinic: None, other: Other) -> None:
    token = other.token(scope="openid fhirUser", fhirUser="Practitioner/p")
    assert statuses(token, "Practitioner/p") == [403]
    make_user("Practitioner/p")
    assert statuses(token, "Practitioner/p") == [200]


@pytest.mark.parametrize(
    "scope", ["user/*.cruds", "patient/*.cruds", "system/*.cruds", "user/*.rs system/*.rs"]
)
def test_a_person_whom_nobody_knows_here_gets_nothing(clinic: None, other: Other, scope: str) -> None:
    token = other.token(scope=scope, fhirUser="Practitioner/p", patient="a")
    assert statuses(token, "Patient/a", "Observation/of-a", "Observation") == [403, 403, 403]


def test_a_person_of_two_accounts_gets_nothing_until_one_is_left(clinic: None, other: Other) -> None:
    token = other.token(scope="user/*.rs", fhirUser="Practitioner/p")
    make_user("Practitioner/p", username="first")
    assert statuses(token, "Patient/a") == [200]
    make_user("Practitioner/p", username="second")
    assert statuses(token, "Patient/a") == [403]
    User.objects.filter(username="first").delete()
    assert statuses(token, "Patient/a") == [200]
    User.objects.filter(username="second").delete()
    assert statuses(token, "Patient/a") == [403]


def test_a_patient_that_contradicts_the_persons_rights_gives_nothing(clinic: None, other: Other) -> None:
    make_user("Patient/a")
    token = other.token(scope="patient/*.rs", fhirUser="Patient/a", patient="b")
    assert statuses(token, "Patient/a", "Patient/b") == [403, 403]


def test_without_a_patient_or_a_person_the_scopes_that_need_one_give_nothing(
    clinic: None, other: Other
) -> None:
    token = other.token(scope="patient/*.rs user/*.rs openid fhirUser", patient=None)
    assert statuses(token, "Patient/a", "Patient") == [403, 403]
    token = other.token(scope="user/*.rs", patient="a")
    assert statuses(token, "Patient/a") == [403]


def test_a_service_reads_and_writes_by_its_system_scopes(clinic: None, other: Other) -> None:
    token = other.token(scope="system/Observation.crs")
    assert found(token, "Observation") == ["of-a", "of-b"]
    assert statuses(token, "Patient/a") == [403]
    assert send(token, "POST", "Observation", observation("b")).status_code == 201


def test_claims_have_the_names_that_staff_say(clinic: None) -> None:
    make_user("Practitioner/p")
    other = other_issuer(
        patient_claim="https://example.org/patient", user_claim="practitioner", scope_claim="scp",
        client_claim="app",
    )  # fmt: skip
    said: dict[str, Any] = {"scope": None, "client_id": None, "app": "x", "practitioner": "Practitioner/p"}
    of_patient: dict[str, Any] = {"https://example.org/patient": "b"}
    token = other.token(scp=["patient/Observation.rs"], **said, **of_patient)
    assert found(token, "Observation") == ["of-b"]
    assert statuses(other.token(scp="user/*.rs", **said), "Patient/a") == [200]
    assert refusal_of(other.token(scope="user/*.rs", app="x"))[0] == 401


def test_what_another_server_calls_azp_is_the_client(clinic: None, other: Other) -> None:
    assert statuses(other.token(client_id=None, azp="app", patient="a"), "Patient/a") == [200]
    assert refusal_of(other.token(client_id=None))[2].startswith("The token's azp must be")


def test_a_finding_is_kept_for_a_minute_and_then_found_anew(
    clinic: None, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = other.token(patient="a")
    verified: list[SignedJwt] = []

    def counted(jwt: SignedJwt, issuer: TrustedIssuer) -> ForeignToken:
        verified.append(jwt)
        return verify(jwt, issuer)

    monkeypatch.setattr(foreign_access, "verify", counted)
    for _ in range(3):
        assert statuses(token, "Patient/a") == [200]
    assert len(verified) == 1
    later = time.monotonic() + 60
    monkeypatch.setattr("oauth.foreign.access.time.monotonic", lambda: later)
    assert statuses(token, "Patient/a") == [200]
    assert len(verified) == 2


def test_an_export_is_not_started_with_a_token_of_another_server(clinic: None, other: Other) -> None:
    headers = {
        "Authorization": f"Bearer {other.token(scope='system/*.rs')}",
        "Accept": "application/fhir+json",
        "Prefer": "respond-async",
    }
    answer = Client().get("/fhir/$export", headers=headers)
    assert answer.status_code == 403
    assert "cannot start work that goes on after the request" in answer.json()["issue"][0]["diagnostics"]


def test_tokens_of_ours_ask_the_database_nothing_more(
    clinic: None, other: Other, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    token = issue(make_key(), make_user("Practitioner/x"), scope="user/*.rs").token
    assert statuses(token, "Patient/a") == [200]
    with django_assert_num_queries(1):
        assert statuses(token, "Patient/a") == [200]
    foreign = other.token(patient="a")
    assert statuses(foreign, "Patient/a") == [200]
    with django_assert_num_queries(1):
        assert statuses(foreign, "Patient/a") == [200]


@pytest.mark.django_db(transaction=True)
def test_many_at_once_get_what_each_token_gives() -> None:
    other = other_issuer()
    tokens = [other.token(patient=patient) for patient in "abc"]
    arrived = threading.Barrier(len(tokens) * 2)
    seen: list[tuple[str, frozenset[str] | None]] = []

    def ask(token: str) -> None:
        try:
            arrived.wait(20)
            access = access_for(f"Bearer {token}")
            seen.extend((access.patient, rule.patients) for rule in access.rules)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=[token]) for token in tokens * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [(patient, frozenset({patient})) for patient in "aabbcc"]


def test_the_audit_trail_learns_whose_a_refused_token_is_if_its_issuer_has_signed_it(other: Other) -> None:
    def known(token: str) -> tuple[str, str]:
        with pytest.raises(Unauthorized) as refusal:
            access_for(f"Bearer {token}", "10.0.0.1")
        whose = refusal.value.known
        assert whose is not None
        assert (whose.rules, whose.origin) == ((), "10.0.0.1")
        return whose.client, whose.person

    assert known(other.token(aud="x")) == (f"{ISSUER} their-app", "")
    assert known(other.token(aud="x", client_id=None)) == (f"{ISSUER} ", "")
    assert known(other.token(key=p256(1))) == ("", "")


def test_nobody_there_is_taken_for_somebody_here(other: Other) -> None:
    user, client = make_user("Practitioner/p"), make_client(client_id="their-app")
    said = access_for(f"Bearer {other.token(sub=str(user.uid), client_id=client.client_id)}")
    assert (said.client, said.subject) == (f"{ISSUER} their-app", f"{ISSUER} {user.uid}")
    assert said.ticket == ""


def test_patients_see_what_apps_of_other_servers_have_read(clinic: None, other: Other) -> None:
    token = other.token(patient="a")
    assert statuses(token, "Patient/a", "Observation/of-a", "Observation/of-b") == [200, 200, 404]
    waiting.write()
    browser = Client()
    browser.force_login(make_user("Patient/a"))
    page = unescape(browser.get("/oauth/manage").content.decode())
    assert "their-app, by way of The clinic's sign-in" in page
    other.change(active=False)
    assert "their-app, by way of The clinic's sign-in" in unescape(
        browser.get("/oauth/manage").content.decode()
    )
