"""Setting up and removing second factors, and the proof that is asked for before."""

import time
from io import StringIO
from urllib.parse import quote

import pytest
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from oauth.models import AccessToken
from oauth.tokens.liveness import alive
from tests.accounts.codes import (
    LOGIN,
    PASSWORD,
    SECURITY,
    STEP,
    first_step,
    is_signed_in,
    recovery_codes,
    with_app,
)
from tests.accounts.conftest import Clock
from tests.oauth.issuing import issue, make_key

ADD, REMOVE = f"{SECURITY}app/add/", f"{SECURITY}app/remove/"
CONFIRM = "/accounts/reauthenticate/"
WEIGHTY = [
    ADD,
    f"{SECURITY}codes/new/",
    f"{SECURITY}codes/",
    f"{SECURITY}codes/download/",
    f"{SECURITY}passkeys/add/",
]


def signed_in_with_app(client: Client, user: User, clock: Clock) -> None:
    """A session that has shown the code of an app as well."""
    secret = with_app(user)
    first_step(client, user)
    client.post(STEP, {"code": clock.code(secret)})


def signed_in_long_ago(client: Client, user: User, seconds: int = 3600) -> None:
    """A session whose last proof was so many seconds ago."""
    first_step(client, user)
    made_old(client, seconds)


def made_old(client: Client, seconds: int = 3600) -> None:
    """Move the session's proofs so many seconds back."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= seconds
    session.save()


@pytest.mark.django_db(transaction=True)
def test_an_app_is_set_up_with_its_first_code_and_codes_for_the_day_it_is_lost(
    client: Client, amy: User, clock: Clock
) -> None:
    first_step(client, amy)
    page = client.get(ADD)
    assert page.context["totp_svg_data_uri"].startswith("data:image/svg+xml;base64,")
    assert "Smart%20CDR%20%28testserver%29" in page.context["totp_url"]
    secret = page.context["form"].secret
    assert secret in page.content.decode()
    assert client.post(ADD, {"code": clock.code(secret, 5)}).status_code == 200
    assert not Authenticator.objects.exists()
    answer = client.post(ADD, {"code": clock.code(secret)})
    codes = client.get(answer["Location"])
    assert "no-store" in codes["Cache-Control"]
    assert len(recovery_codes(amy)) == 10
    assert all(code in codes.content.decode() for code in recovery_codes(amy))
    assert client.get(f"{SECURITY}codes/download/")["Content-Disposition"].startswith("attachment")


@pytest.mark.django_db(transaction=True)
def test_the_secret_of_an_app_that_is_set_up_is_shown_no_more(
    client: Client, amy: User, clock: Clock
) -> None:
    first_step(client, amy)
    secret = client.get(ADD).context["form"].secret
    client.post(ADD, {"code": clock.code(secret)})
    assert client.get(ADD)["Location"] == REMOVE
    for path in (SECURITY, REMOVE):
        assert secret not in client.get(path).content.decode()


def test_removing_the_last_factor_removes_the_recovery_codes(client: Client, amy: User, clock: Clock) -> None:
    signed_in_with_app(client, amy, clock)
    assert client.get(REMOVE).status_code == 200
    assert client.post(REMOVE)["Location"] == SECURITY
    assert not Authenticator.objects.exists()


def test_new_recovery_codes_make_the_old_ones_worthless(client: Client, amy: User, clock: Clock) -> None:
    signed_in_with_app(client, amy, clock)
    old = set(recovery_codes(amy))
    client.post(f"{SECURITY}codes/new/")
    assert not old & set(recovery_codes(amy))


@pytest.mark.parametrize("path", WEIGHTY)
def test_factors_are_shown_and_changed_only_by_somebody_who_has_just_proven_who_they_are(
    client: Client, amy: User, clock: Clock, path: str
) -> None:
    signed_in_long_ago(client, amy)
    if "codes" in path:
        with_app(amy)
    assert client.get(path)["Location"].startswith(f"{CONFIRM}?next=")
    changed = client.post(path, {"code": "000000", "credential": "{}"})
    assert changed.status_code == 405 or changed["Location"].startswith(f"{CONFIRM}?next=")


def test_removing_asks_for_a_proof_and_goes_on_once_it_is_given(
    client: Client, amy: User, clock: Clock
) -> None:
    signed_in_with_app(client, amy, clock)
    made_old(client)
    assert client.post(REMOVE)["Location"].startswith(CONFIRM)
    wrong = client.post(CONFIRM, {"password": "not the password", "next": REMOVE})
    assert wrong.status_code == 200
    assert Authenticator.objects.exists()
    client.post(CONFIRM, {"password": PASSWORD, "next": REMOVE})
    assert not Authenticator.objects.exists()


@pytest.mark.requirement("NIST SP 800-63B 6.1.2.1 (who binds another factor has shown those there are)")
@pytest.mark.parametrize("path", [*WEIGHTY[1:], REMOVE])
def test_a_session_from_before_the_factor_neither_sees_nor_changes_it_by_the_password_alone(
    client: Client, amy: User, clock: Clock, path: str
) -> None:
    first_step(client, amy)
    secret, before = with_app(amy), recovery_codes(amy)
    client.post(CONFIRM, {"password": PASSWORD})
    for answer in (client.get(path), client.post(path)):
        assert answer["Location"].startswith(f"{SECURITY}reauthenticate/?next=")
    assert recovery_codes(amy) == before
    client.post(f"{SECURITY}reauthenticate/", {"code": clock.code(secret)})
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(("seconds", "asked"), [(290, False), (310, True)])
def test_a_proof_is_recent_for_five_minutes(client: Client, amy: User, seconds: int, asked: bool) -> None:
    signed_in_long_ago(client, amy, seconds)
    assert (client.get(ADD).status_code == 302) is asked


def test_a_sign_in_elsewhere_proves_nothing_here(client: Client, amy: User) -> None:
    signed_in_long_ago(client, amy)
    first_step(Client(), amy)
    assert client.get(ADD).status_code == 302


def test_guessing_the_password_in_an_open_session_is_slowed_down(client: Client, amy: User) -> None:
    signed_in_long_ago(client, amy)
    answers = [client.post(CONFIRM, {"password": "not the password"}) for _ in range(11)]
    assert answers[-1].status_code == 429
    assert client.post(CONFIRM, {"password": PASSWORD, "next": ADD}).status_code == 429


@pytest.mark.parametrize("path", [f"{SECURITY}reauthenticate/", ADD])
def test_guessing_codes_in_an_open_session_is_slowed_down_for_that_person_alone(
    amy: User, chief: User, clock: Clock, path: str
) -> None:
    guesser, theirs = Client(), Client()
    secrets = {}
    for browser, person in ((guesser, amy), (theirs, chief)):
        first_step(browser, person)
        secrets[person] = browser.get(ADD).context["form"].secret if path == ADD else with_app(person)
    for _ in range(5):
        guesser.post(path, {"code": "000000"})
    refused = guesser.post(path, {"code": clock.code(secrets[amy])})
    assert "Please wait five minutes" in refused.content.decode()
    assert theirs.post(path, {"code": clock.code(secrets[chief])}).status_code == 302


@pytest.mark.parametrize("path", [*WEIGHTY, SECURITY, REMOVE, f"{SECURITY}passkeys/", "/accounts/sessions/"])
def test_whoever_is_not_signed_in_is_asked_to(client: Client, db: None, path: str) -> None:
    assert client.get(path)["Location"].startswith(LOGIN)
    assert client.post(path)["Location"].startswith(LOGIN)


def test_the_revocation_of_an_app_asks_for_a_recent_proof_first(client: Client, amy: User) -> None:
    signed_in_long_ago(client, amy)
    answer = client.post("/oauth/manage/revoke", {"client_id": "nobody"})
    assert answer["Location"].startswith(f"{CONFIRM}?next=")
    assert client.get("/oauth/manage").status_code == 200
    first_step(other := Client(), amy)
    assert other.post("/oauth/manage/revoke", {"client_id": "nobody"}).status_code == 404


def test_the_revocation_is_taken_up_once_the_proof_is_given(client: Client, amy: User) -> None:
    token = issue(make_key(), amy, scope="patient/*.rs", patient="amy").row
    revoke = "/oauth/manage/revoke"
    signed_in_long_ago(client, amy)
    client.post(revoke, {"client_id": token.application.client_id})
    assert alive(AccessToken.objects.filter(pk=token.pk)).exists()
    client.post(CONFIRM, {"password": PASSWORD, "next": revoke})
    assert not alive(AccessToken.objects.filter(pk=token.pk)).exists()


def test_whoever_has_no_password_here_signs_in_again(client: Client, amy: User) -> None:
    signed_in_long_ago(client, amy)
    amy.set_unusable_password()
    amy.save()
    session = client.session
    session["_auth_user_hash"] = amy.get_session_auth_hash()
    session.save()
    page = client.get(ADD, follow=True)
    assert page.redirect_chain[-1][0] == f"/accounts/logout/?next={quote(ADD, safe='')}"
    assert "sign out and sign in again" in page.content.decode()
    assert client.post("/accounts/logout/", {"next": ADD})["Location"] == ADD
    assert client.get(ADD)["Location"].startswith(LOGIN)


def test_proofs_are_moments_of_this_session(client: Client, amy: User) -> None:
    first_step(client, amy)
    [proof] = client.session["account_authentication_methods"]
    assert proof["method"] == "password"
    assert abs(proof["at"] - time.time()) < 60


def test_a_change_of_the_encryption_keys_takes_the_factors_along(
    client: Client, amy: User, clock: Clock, settings: Settings
) -> None:
    secret = with_app(amy)
    codes = recovery_codes(amy)
    old, new = settings.KEY_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    settings.KEY_ENCRYPTION_KEYS = [new, old]
    out = StringIO()
    call_command("ensure_signing_key", "--encrypt-anew", stdout=out)
    assert "Encrypted 2 second factors anew." in out.getvalue()
    settings.KEY_ENCRYPTION_KEYS = [new]
    assert recovery_codes(amy) == codes
    first_step(client, amy)
    client.post(STEP, {"code": clock.code(secret)})
    assert is_signed_in(client)
