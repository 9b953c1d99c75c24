"""Revocation by clients, and all the other ways in which tokens end for good."""

import uuid
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.utils import timezone

from accounts.models import Proxy
from oauth.models import AccessToken, Application, Consent, RefreshToken
from oauth.tokens.liveness import alive
from oauth.tokens.online_sessions import session_digest
from oauth.tokens.revocation import revoke_all, withdraw
from tests.oauth.issuing import Issued, Key, issue, issue_refresh, make_client, make_key, make_user
from tests.oauth.test_introspection import basic, confidential

pytestmark = pytest.mark.django_db


@pytest.fixture
def key() -> Key:
    return make_key()


def is_alive(row: AccessToken | RefreshToken) -> bool:
    return alive(type(row).objects.filter(pk=row.pk)).exists()


def revoke(token: str, authorization: str = "", **form: str) -> Any:
    headers = {"Authorization": authorization} if authorization else {}
    body = "&".join(f"{name}={value}" for name, value in {"token": token, **form}.items())
    return Client().post(
        "/oauth/revoke", body, content_type="application/x-www-form-urlencoded", headers=headers
    )


def issue_family(key: Key, application: Application | None = None) -> tuple[Issued, str, RefreshToken]:
    issued = issue(key, make_user(), client=application, scope="user/*.rs offline_access")
    family = uuid.uuid4()
    AccessToken.objects.filter(pk=issued.row.pk).update(token_family=family)
    text, row = issue_refresh(issued, token_family=family)
    return issued, text, row


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7009#section-2")
@pytest.mark.parametrize("hint", ["", "access_token", "refresh_token", "nonsense"])
def test_a_public_client_revokes_its_access_token(key: Key, hint: str) -> None:
    issued, _, refresh_row = issue_family(key)
    form = {"client_id": issued.row.application.client_id} | ({"token_type_hint": hint} if hint else {})
    answer = revoke(issued.token, **form)
    assert (answer.status_code, answer.content) == (200, b"")
    assert not is_alive(issued.row)
    assert is_alive(refresh_row)


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7009#section-2.1")
def test_a_revoked_refresh_token_takes_its_access_tokens_with_it(key: Key) -> None:
    application, secret = confidential()
    issued, text, refresh_row = issue_family(key, application)
    other = issue(key, make_user(), client=application, scope="user/*.rs")
    assert revoke(text, basic(application, secret)).status_code == 200
    assert not is_alive(issued.row)
    assert not is_alive(refresh_row)
    assert is_alive(other.row)


def test_a_token_of_another_client_is_left_alone_and_nothing_is_said(key: Key) -> None:
    issued, text, refresh_row = issue_family(key)
    stranger = make_client()
    for token in (issued.token, text, "unknown"):
        answer = revoke(token, client_id=stranger.client_id)
        assert (answer.status_code, answer.content) == (200, b"")
    assert is_alive(issued.row)
    assert is_alive(refresh_row)


def test_a_confidential_client_cannot_revoke_by_its_name_alone(key: Key) -> None:
    application, _ = confidential()
    issued, _, _ = issue_family(key, application)
    assert revoke(issued.token, client_id=application.client_id).status_code == 401
    assert revoke(issued.token).status_code == 401
    assert is_alive(issued.row)


@pytest.mark.parametrize("token", ["", "a&token=b", "a%00"])
def test_a_malformed_revocation_is_a_400(token: str) -> None:
    assert revoke(token, client_id=make_client().client_id).status_code == 400


def test_a_suspended_client_that_goes_live_again_has_no_token(key: Key) -> None:
    issued, _, refresh_row = issue_family(key)
    application = issued.row.application
    application.status = Application.Status.SUSPENDED
    application.save()
    application.status = Application.Status.LIVE
    application.save()
    assert not is_alive(issued.row)
    assert not is_alive(refresh_row)


def test_a_person_who_is_activated_again_has_no_token(key: Key) -> None:
    issued, _, refresh_row = issue_family(key)
    user = issued.row.user
    user.is_active = False
    user.save()
    user.is_active = True
    user.save()
    assert not is_alive(issued.row)
    assert not is_alive(refresh_row)


@pytest.mark.parametrize("way", ["switched off", "ended", "deleted"])
def test_a_proxy_that_comes_back_revives_no_token(key: Key, way: str) -> None:
    user = make_user("RelatedPerson/r")
    proxy = Proxy.objects.create(user=user, patient="a")
    issued = issue(key, user, scope="patient/*.rs", patient="a")
    other = issue(key, user, scope="openid")
    match way:
        case "switched off":
            proxy.active = False
            proxy.save()
        case "ended":
            proxy.ends = timezone.now()
            proxy.save()
        case "deleted":
            proxy.delete()
    Proxy.objects.filter(user=user).delete()
    Proxy.objects.create(user=user, patient="a")
    assert not is_alive(issued.row)
    assert is_alive(other.row)


def test_new_credentials_set_by_staff_end_earlier_tokens_and_not_later_ones(key: Key) -> None:
    user = make_user()
    before = issue(key, user, scope="user/*.rs")
    user.credentials_reset_at = timezone.now()
    user.save()
    after = issue(key, user, scope="user/*.rs")
    assert not is_alive(before.row)
    assert is_alive(after.row)


def test_the_end_of_a_session_ends_its_online_tokens_only(key: Key) -> None:
    session = SessionStore()
    session.create()
    online = issue(key, make_user(), scope="user/*.rs online_access")
    AccessToken.objects.filter(pk=online.row.pk).update(
        session_digest=session_digest(str(session.session_key)), session_expires=session.get_expiry_date()
    )
    offline = issue(key, make_user(), scope="user/*.rs offline_access")
    session.flush()
    assert not is_alive(online.row)
    assert is_alive(offline.row)


def test_withdrawing_takes_back_consents_and_tokens_of_one_person_and_one_app(key: Key) -> None:
    issued, _, refresh_row = issue_family(key)
    user, application = issued.row.user, issued.row.application
    other_app = issue(key, user, scope="user/*.rs")
    other_person = issue(key, make_user(), client=application, scope="user/*.rs")
    assert withdraw(user, application) == 2
    assert not is_alive(issued.row)
    assert not is_alive(refresh_row)
    assert not Consent.objects.in_force().filter(user=user, application=application).exists()
    assert is_alive(other_app.row)
    assert is_alive(other_person.row)


def test_revoking_twice_keeps_the_first_time(key: Key) -> None:
    issued, _, _ = issue_family(key)
    assert revoke_all(application=issued.row.application) == 2
    first = AccessToken.objects.get(pk=issued.row.pk).revoked
    assert revoke_all(application=issued.row.application) == 0
    assert AccessToken.objects.get(pk=issued.row.pk).revoked == first
