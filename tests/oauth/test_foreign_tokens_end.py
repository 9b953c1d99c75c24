"""What ends tokens of other authorization servers: their issuer, their person, and time."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from oauth.models import TrustedIssuer
from tests.oauth.foreign import Other, p256, refusal_of, send, statuses
from tests.oauth.issuing import make_user
from tests.oauth.services import jwk_of, jwks_of

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("contract: revocation within a second, in every process")
def test_an_issuer_that_is_switched_off_opens_nothing_any_more_and_its_tokens_stay_dead(
    clinic: None, other: Other
) -> None:
    token = other.token(patient="a")
    assert statuses(token, "Patient/a") == [200]
    other.change(active=False)
    assert refusal_of(token)[2] == "The token's issuer (iss) is not trusted here."
    other.change(active=True)
    assert "before its issuer was last switched on" in refusal_of(token)[2]
    later = int(time.time()) + 5
    assert statuses(other.token(patient="a", iat=later), "Patient/a") == [200]


CHANGES: dict[str, dict[str, Any]] = {
    "deleted": {},
    "scope": {"scope": "patient/Observation.rs"},
    "keys": {"jwks": jwks_of(jwk_of(p256(1), "k1"))},
    "audience": {"audience": "https://other.example.org"},
    "issuer": {"issuer": "https://other.example.org"},
    "patient claim": {"patient_claim": "launch_patient"},
}


@pytest.mark.parametrize("fields", CHANGES.values(), ids=CHANGES)
def test_a_change_of_the_issuer_counts_at_the_next_request(
    clinic: None, other: Other, fields: dict[str, Any]
) -> None:
    token = other.token(patient="a")
    assert statuses(token, "Patient/a") == [200]
    if fields:
        other.change(**fields)
    else:
        TrustedIssuer.objects.all().delete()
    assert send(token, "GET", "Patient/a").status_code in (401, 403)


ENDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "deactivated": ({"is_active": False}, {"is_active": True}),
    "another person": ({"fhir_user": "Practitioner/q"}, {"fhir_user": "Practitioner/p"}),
}


@pytest.mark.requirement("contract: a token that has ended is not alive again")
@pytest.mark.parametrize(("end", "undo"), ENDS.values(), ids=ENDS)
def test_what_ends_a_person_here_ends_the_tokens_that_name_them_for_good(
    clinic: None, other: Other, end: dict[str, Any], undo: dict[str, Any]
) -> None:
    user = make_user("Practitioner/p")
    token = other.token(scope="user/*.rs", fhirUser="Practitioner/p")
    assert statuses(token, "Patient/a") == [200]
    User.objects.filter(pk=user.pk).update(**end)
    assert statuses(token, "Patient/a") == [403]
    User.objects.filter(pk=user.pk).update(**undo)
    assert "before the person's account last changed" in refusal_of(token)[2]
    user.save()  # as it was before: an old copy in somebody's memory
    assert "before the person's account last changed" in refusal_of(token)[2]
    later = other.token(scope="user/*.rs", fhirUser="Practitioner/p", iat=int(time.time()) + 5)
    assert statuses(later, "Patient/a") == [200]


@pytest.mark.requirement("contract: a token that has ended is not alive again")
def test_a_new_account_of_a_person_whose_account_was_deleted_revives_no_token(
    clinic: None, other: Other
) -> None:
    user = make_user("Practitioner/p", date_joined=timezone.now() - timedelta(minutes=2))
    token = other.token(scope="user/*.rs", fhirUser="Practitioner/p", iat=int(time.time()) - 60)
    assert statuses(token, "Patient/a") == [200]
    user.delete()
    assert statuses(token, "Patient/a") == [403]
    make_user("Practitioner/p")
    assert "before the person had this account" in refusal_of(token)[2]
    assert statuses(other.token(scope="user/*.rs", fhirUser="Practitioner/p"), "Patient/a") == [200]


def test_a_credential_reset_ends_the_tokens_that_name_the_person(clinic: None, other: Other) -> None:
    user = make_user("Practitioner/p")
    token = other.token(scope="user/*.rs", fhirUser="Practitioner/p")
    assert statuses(token, "Patient/a") == [200]
    User.objects.filter(pk=user.pk).update(credentials_reset_at=timezone.now())
    assert "credentials were reset" in refusal_of(token)[2]


def test_expiry_is_looked_at_in_each_request(
    clinic: None, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = other.token(patient="a")
    assert statuses(token, "Patient/a") == [200]
    later = time.time() + 301
    monkeypatch.setattr("oauth.foreign.access.time.time", lambda: later)
    assert refusal_of(token)[2] == "The token has expired (exp)."
