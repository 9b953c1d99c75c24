"""The stamp that whatever may end a token renews: by it alone a decision made earlier is known to stand."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Proxy, User
from fhir.outcome import Unauthorized
from launch.context import make_launch
from launch.models import LaunchContext
from oauth.authentication import access_for
from oauth.clients.secrets import add_secret
from oauth.models import AccessToken, ClientSecret, Consent, RefreshToken, Scope, SigningKey
from oauth.tokens import standing
from oauth.tokens.lasting_ends import CAUSES
from oauth.tokens.liveness import alive
from tests.oauth.issuing import Issued, issue, make_key, make_user

pytestmark = pytest.mark.django_db

ASKED_AT_EVERY_REQUEST = {"id", "revoked", "token_checksum"}
# Any change of these revokes every token that rests on them, which is seen at every request.
REVOKING = [CAUSES["context"]]


@pytest.fixture
def issued() -> Issued:
    user = make_user("RelatedPerson/r")
    Proxy.objects.create(user=user, patient="a")
    issued = issue(make_key(), user, scope="patient/*.rs", patient="a")
    add_secret(issued.row.application)
    return issued


def _columns_of_the_predicate() -> set[tuple[str, str]]:
    sql = str(alive(AccessToken.objects.order_by()).values("pk").query)
    tables = {alias: table for table, alias in re.findall(r'"(\w+)" (U\d+)', sql)}
    return {(tables.get(table, table), column) for table, column in re.findall(r'"?(\w+)"?\."(\w+)"', sql)}


def test_every_column_that_decides_whether_a_token_lives_renews_the_stamp() -> None:
    """A condition that is added to the predicate and not watched here would let dead tokens read on."""
    asked = _columns_of_the_predicate()
    assert ("accounts_proxy", "ends") in asked
    assert ("oauth_consent", "withdrawn") in asked
    for table, column in asked:
        if column == "id":
            continue
        if table == "oauth_accesstoken" and column in ASKED_AT_EVERY_REQUEST:
            continue
        if any(cause.table == table and cause.when == f"old.{column} <> new.{column}" for cause in REVOKING):
            continue
        watched = standing.RESTS_ON[table]
        assert not watched or column in watched, (table, column)


def test_every_condition_that_could_be_undone_ends_tokens_for_good() -> None:
    """A condition that is added to the predicate and has no lasting end would let tokens come back."""
    asked = {(table, column) for table, column in _columns_of_the_predicate() if column != "id"}
    asked = {(table, column) for table, column in asked if table != "oauth_accesstoken"}
    assert ("oauth_application", "status") in asked
    for table, column in asked:
        changes = [cause.when or "" for cause in CAUSES.values() if cause.table == table]
        assert any(f"old.{column} " in f"{when} " for when in changes), (table, column)


def _suspend(issued: Issued) -> None:
    type(issued.row.application).objects.filter(pk=issued.row.application_id).update(status="suspended")


CHANGES: dict[str, Any] = {
    "a client's status": _suspend,
    "a client's name": lambda i: type(i.row.application).objects.update(name="Another"),
    "a client's scope": lambda i: type(i.row.application).objects.update(scope="openid"),
    "a secret that is new": lambda i: add_secret(i.row.application),
    "a secret's end": lambda _: ClientSecret.objects.update(ends=timezone.now()),
    "a secret that is deleted": lambda _: ClientSecret.objects.all().delete(),
    "a person's activity": lambda _: User.objects.update(is_active=False),
    "a person's identity": lambda _: User.objects.update(fhir_user="Patient/x"),
    "a person's credentials": lambda _: User.objects.update(credentials_reset_at=timezone.now()),
    "a consent that is withdrawn": lambda _: Consent.objects.update(withdrawn=timezone.now()),
    "a consent's end": lambda _: Consent.objects.update(expires=timezone.now()),
    "a proxy that is changed": lambda _: Proxy.objects.update(active=False),
    "a proxy that is deleted": lambda _: Proxy.objects.all().delete(),
    "a proxy that is new": lambda i: Proxy.objects.create(user=i.row.user, patient="b"),
    "a scope": lambda _: Scope.objects.filter(pattern="patient/*.rs").update(enabled=False),
    "a scope that is new": lambda _: Scope.objects.create(pattern="patient/Patient.r"),
    "a scope that is deleted": lambda _: Scope.objects.filter(pattern="patient/*.rs").delete(),
    "a key's status": lambda _: SigningKey.objects.update(status="withdrawn"),
    "a key that is deleted": lambda _: SigningKey.objects.all().delete(),
    "a token's scope": lambda i: AccessToken.objects.filter(pk=i.row.pk).update(scope="openid"),
    "a token's end": lambda i: AccessToken.objects.filter(pk=i.row.pk).update(expires=timezone.now()),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_to_what_tokens_rest_on_renews_the_stamp(issued: Issued, change: Any) -> None:
    before = standing.current()
    change(issued)
    assert standing.current() != before


def test_what_ends_no_token_leaves_the_stamp(issued: Issued) -> None:
    before = standing.current()
    User.objects.update(last_login=timezone.now(), is_active=True)
    issued.row.revoke()
    issue(make_key("published"), issued.row.user, client=issued.row.application, scope="openid")
    # A key that is new is one more; it was made for the token above.
    keys_only = standing.current()
    Consent.objects.create(user=issued.row.user, application=issued.row.application, scope="openid")
    RefreshToken.objects.update(revoked=timezone.now())
    ClientSecret.objects.update(last_used=timezone.now())
    assert standing.current() == keys_only
    assert keys_only != before


def test_a_pick_leaves_the_stamp_and_another_patient_in_its_place_revokes(issued: Issued) -> None:
    before = standing.current()
    waiting = make_launch(issued.row.application, issued.row.user)
    LaunchContext.objects.filter(pk=waiting.pk).update(patient="b")
    assert standing.current() == before
    assert AccessToken.objects.get(pk=issued.row.pk).revoked is None
    LaunchContext.objects.filter(pk=issued.row.launch_context_id).update(patient="b")
    assert AccessToken.objects.get(pk=issued.row.pk).revoked is not None


def test_a_change_that_is_rolled_back_leaves_the_stamp(issued: Issued) -> None:
    before = standing.current()
    with transaction.atomic():
        _suspend(issued)
        assert standing.current() != before
        transaction.set_rollback(True)
    assert standing.current() == before


def test_many_rows_of_one_statement_renew_it_and_the_next_statement_again(issued: Issued) -> None:
    for number in range(3):
        Proxy.objects.create(user=issued.row.user, patient=f"p{number}")
    stamps = [standing.current()]
    for active in (False, True):
        Proxy.objects.update(active=active)
        stamps.append(standing.current())
    assert len(set(stamps)) == 3


def test_migrating_again_makes_triggers_that_were_lost(issued: Issued) -> None:
    with connection.cursor() as cursor:
        on = " ON oauth_application" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER standing_oauth_application_update{on}")
    before = standing.current()
    _suspend(issued)
    assert standing.current() == before
    call_command("migrate", verbosity=0)
    type(issued.row.application).objects.update(status="live")
    assert standing.current() != before


def test_a_kept_token_ends_in_time_without_any_change(
    issued: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert access_for(issued.header).rules
    later = issued.row.expires.timestamp()
    monkeypatch.setattr("oauth.authentication.time.time", lambda: later)
    with pytest.raises(Unauthorized, match="expired"):
        access_for(issued.header)


def test_a_kept_token_ends_with_its_consent(issued: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user("Practitioner/p")
    token = issue(make_key(), user, scope="user/*.rs")
    end = timezone.now() + timedelta(minutes=5)
    Consent.objects.filter(pk=str(token.row.consent_id)).update(expires=end)
    assert access_for(token.header).rules
    monkeypatch.setattr("oauth.authentication.time.time", lambda: end.timestamp())
    with pytest.raises(Unauthorized):
        access_for(token.header)
