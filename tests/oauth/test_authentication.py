"""From a bearer token to an Access: which tokens are taken, what they allow, and how a dead one is
noticed.
"""

import math
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Proxy
from fhir.access import Access, Rule
from fhir.outcome import Unauthorized
from launch.rights import CLINICAL_TYPES
from oauth.authentication import Holder, access_for
from oauth.models import AccessToken, Consent, Scope, SigningKey
from oauth.tokens.recent_holders import RecentHolders
from tests.oauth.issuing import Issued, Key, issue, make_client, make_key, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def key() -> Key:
    return make_key()


def guard_holds(access: Access) -> bool:
    """Evaluate the guard as the repository does, inside a statement."""
    assert access.guard is not None
    with connection.cursor() as cursor:
        sql = f"SELECT CASE WHEN {access.guard.sql} THEN 1 ELSE 0 END"
        cursor.execute(sql, access.guard.params)  # type: ignore[arg-type]  # params are what the database takes
        return bool(cursor.fetchone()[0])


def challenge_of(authorization: str) -> str:
    with pytest.raises(Unauthorized) as refusal:
        access_for(authorization)
    return refusal.value.headers["WWW-Authenticate"]


def test_a_patient_scope_gives_reading_of_that_patient_only(key: Key) -> None:
    issued = issue(key, make_user("Practitioner/p1"), scope="patient/Observation.rs", patient="a")
    access = access_for(issued.header)
    assert access.rules == (Rule(frozenset({"Observation"}), frozenset("rs"), frozenset({"a"})),)
    assert access.client == issued.row.application.client_id
    assert access.subject == str(issued.row.user.uid)
    assert access.own == ""
    assert guard_holds(access)


def test_a_user_scope_of_a_clinician_reaches_everybody(key: Key) -> None:
    access = access_for(issue(key, make_user("Practitioner/p1"), scope="user/*.cruds").header)
    assert set(access.rules) == {
        Rule(None, frozenset("rs"), None),
        Rule(CLINICAL_TYPES, frozenset("cud"), None),
    }


def test_a_user_scope_of_a_patient_reaches_the_own_record_and_writes_few_types(key: Key) -> None:
    access = access_for(issue(key, make_user("Patient/a"), scope="user/*.cruds").header)
    assert set(access.rules) == {
        Rule(None, frozenset("rs"), frozenset({"a"})),
        Rule(frozenset({"Observation", "QuestionnaireResponse"}), frozenset("cud"), frozenset({"a"})),
    }


def test_a_patient_scope_without_a_patient_in_context_gives_nothing(key: Key) -> None:
    assert access_for(issue(key, make_user("Practitioner/p1"), scope="patient/*.rs").header).rules == ()


@pytest.mark.parametrize(
    "scope",
    ["openid fhirUser", "patient/Nothing.rs", "system/*.cruds", "patient/Observation.rs?colour=a", ""],
)
def test_scopes_that_give_no_data_give_no_rules(key: Key, scope: str) -> None:
    assert access_for(issue(key, make_user("Practitioner/p1"), scope=scope, patient="a").header).rules == ()


@pytest.mark.parametrize(
    ("scope", "own"), [("openid fhirUser", "Patient/a"), ("openid", ""), ("fhirUser", "")]
)
def test_openid_with_fhir_user_shows_the_own_record(key: Key, scope: str, own: str) -> None:
    assert access_for(issue(key, make_user("Patient/a"), scope=scope).header).own == own


def test_staff_without_a_fhir_identity_see_no_clinical_data(key: Key) -> None:
    staff = make_user("", is_staff=True, is_superuser=True)
    assert access_for(issue(key, staff, scope="user/*.cruds").header).rules == ()


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6750#section-3")
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer\tabc", "Bearer ä"])
def test_a_header_without_a_bearer_token_is_challenged_without_an_error_code(header: str) -> None:
    challenge = challenge_of(header)
    assert challenge.startswith("Bearer realm=")
    assert "error" not in challenge


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9068#section-4")
@pytest.mark.parametrize(
    "token",
    ["abc", "a.b.c", "..", "\x00", "eyJhbGciOiJub25lIn0.e30.", "Bearer x", "x" * 20_000, "[]", "W10.W10.W10"],
)
def test_text_that_is_no_token_is_refused(token: str) -> None:
    assert 'error="invalid_token"' in challenge_of(f"Bearer {token}")


@pytest.mark.requirement("SMART-265")
@pytest.mark.requirement("SMART-94")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9068#section-4")
@pytest.mark.parametrize(
    "fault",
    [
        {"headers": {"typ": "JWT"}},
        {"headers": {"typ": None}},
        {"headers": {"kid": "unknown"}},
        {"iss": "https://elsewhere.example.org"},
        {"aud": "https://elsewhere.example.org/fhir"},
        {"seconds": -10},
    ],
)
def test_a_token_of_another_kind_key_issuer_audience_or_time_is_refused(
    key: Key, fault: dict[str, object]
) -> None:
    issued = issue(key, make_user(), scope="user/*.rs", **fault)  # type: ignore[arg-type]
    assert 'error="invalid_token"' in challenge_of(issued.header)


@pytest.mark.requirement("SMART-94")
def test_a_token_signed_by_a_stranger_under_our_key_id_is_refused(key: Key) -> None:
    stranger = make_key()
    forged = issue(stranger, make_user(), scope="user/*.rs", headers={"kid": key.row.kid})
    assert 'error="invalid_token"' in challenge_of(forged.header)


def test_a_well_signed_token_without_a_record_is_refused(key: Key) -> None:
    issued = issue(key, make_user(), scope="user/*.rs")
    issued.row.delete()
    assert 'error="invalid_token"' in challenge_of(issued.header)


def end_expired(issued: Issued) -> None:
    AccessToken.objects.filter(pk=issued.row.pk).update(expires=timezone.now() - timedelta(minutes=1))


def end_online_session_run_out(issued: Issued) -> None:
    AccessToken.objects.filter(pk=issued.row.pk).update(session_expires=timezone.now() - timedelta(minutes=1))


def end_revoked(issued: Issued) -> None:
    issued.row.revoke()


def end_deleted(issued: Issued) -> None:
    issued.row.delete()


def end_client_suspended(issued: Issued) -> None:
    issued.row.application.status = "suspended"
    issued.row.application.save()


def end_user_deactivated(issued: Issued) -> None:
    issued.row.user.is_active = False
    issued.row.user.save()


def end_credentials_reset(issued: Issued) -> None:
    issued.row.user.credentials_reset_at = timezone.now()
    issued.row.user.save()


def end_consent_withdrawn(issued: Issued) -> None:
    Consent.objects.update(withdrawn=timezone.now())


def end_consent_run_out(issued: Issued) -> None:
    Consent.objects.update(expires=timezone.now() - timedelta(minutes=1))


def end_proxy(issued: Issued) -> None:
    issued.row.user.proxies.update(ends=timezone.now() - timedelta(minutes=1))


def end_proxy_switched_off(issued: Issued) -> None:
    issued.row.user.proxies.update(active=False)


def end_identity_removed(issued: Issued) -> None:
    issued.row.user.fhir_user = ""
    issued.row.user.save()


def end_key_withdrawn(issued: Issued) -> None:
    SigningKey.objects.update(status="withdrawn")


ENDS = [
    end_expired,
    end_online_session_run_out,
    end_revoked,
    end_deleted,
    end_client_suspended,
    end_user_deactivated,
    end_credentials_reset,
    end_consent_withdrawn,
    end_consent_run_out,
    end_proxy,
    end_proxy_switched_off,
    end_identity_removed,
    end_key_withdrawn,
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_whatever_ends_a_token_makes_its_guard_fail_and_its_renewal_a_401(key: Key, end) -> None:  # type: ignore[no-untyped-def]
    user = make_user("RelatedPerson/r")
    Proxy.objects.create(user=user, patient="a")
    issued = issue(key, user, scope="patient/*.rs", patient="a")
    access = access_for(issued.header)
    assert guard_holds(access)
    end(issued)
    assert not guard_holds(access)
    assert access.guard is not None
    with pytest.raises(Unauthorized):
        access.guard.renew()
    with pytest.raises(Unauthorized):
        access_for(issued.header)


def test_a_proxy_for_another_patient_does_not_keep_a_token_alive(key: Key) -> None:
    user = make_user("RelatedPerson/r")
    Proxy.objects.create(user=user, patient="b")
    issued = issue(key, user, scope="patient/*.rs", patient="a")
    assert 'error="invalid_token"' in challenge_of(issued.header)


def test_a_proxy_that_has_not_begun_gives_nothing(key: Key) -> None:
    user = make_user("RelatedPerson/r")
    Proxy.objects.create(user=user, patient="a", starts=timezone.now() + timedelta(hours=1))
    assert access_for(issue(key, user, scope="user/*.rs").header).rules == ()


def test_a_second_request_knows_the_token_without_a_query(
    key: Key, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    issued = issue(key, make_user("Practitioner/p1"), scope="user/*.rs")
    first = access_for(issued.header)
    with django_assert_num_queries(0):
        second = access_for(issued.header)
    assert second.rules == first.rules


def test_a_scope_line_switched_off_narrows_a_living_token_at_the_next_request(key: Key) -> None:
    issued = issue(key, make_user("Practitioner/p1"), scope="user/Observation.cruds")
    assert access_for(issued.header).allows("Observation", "c")
    Scope.objects.filter(pattern="user/*.cud").update(enabled=False)
    access = access_for(issued.header)
    assert not guard_holds(access)
    assert access.guard is not None
    renewed = access.guard.renew()
    assert guard_holds(renewed)
    assert renewed.allows("Observation", "r")
    assert not renewed.allows("Observation", "c")
    assert not access_for(issued.header).allows("Observation", "c")


def test_a_changed_fhir_identity_ends_the_token_at_the_next_request(key: Key) -> None:
    user = make_user("Patient/a")
    issued = issue(key, user, scope="user/*.rs openid fhirUser")
    access = access_for(issued.header)
    assert access.own == "Patient/a"
    user.fhir_user = "Patient/b"
    user.save()
    assert not guard_holds(access)
    assert access.guard is not None
    with pytest.raises(Unauthorized):
        access.guard.renew()
    assert access_for(issue(key, user, scope="openid fhirUser").header).own == "Patient/b"


def test_an_ended_proxy_counts_at_the_next_request_of_a_user_scope(key: Key) -> None:
    user = make_user("RelatedPerson/r")
    proxy = Proxy.objects.create(user=user, patient="a")
    issued = issue(key, user, scope="user/*.rs")
    assert access_for(issued.header).rules == (Rule(None, frozenset("rs"), frozenset({"a"})),)
    proxy.ends = timezone.now()
    proxy.save()
    assert access_for(issued.header).rules == ()


def test_the_tokens_kept_are_bounded_and_the_longest_unused_goes_first(key: Key) -> None:
    kept: RecentHolders[Holder] = RecentHolders(2)
    holders = [Holder(1, name, "", 0, math.inf, None, "", "", "", "", (), (), "") for name in "abc"]
    kept.put(holders[0])
    kept.put(holders[1])
    assert kept.get("a") == holders[0]
    kept.put(holders[2])
    assert kept.get("b") is None
    assert kept.get("a") == holders[0]
    kept.drop("a")
    kept.drop("a")
    assert kept.get("a") is None


def test_two_rules_of_one_reach_are_one_rule(key: Key) -> None:
    scope = "patient/Observation.rs patient/Condition.rs patient/Goal.r"
    access = access_for(issue(key, make_user(), scope=scope, patient="a", client=make_client()).header)
    assert set(access.rules) == {
        Rule(frozenset({"Observation", "Condition"}), frozenset("rs"), frozenset({"a"})),
        Rule(frozenset({"Goal"}), frozenset("r"), frozenset({"a"})),
    }
