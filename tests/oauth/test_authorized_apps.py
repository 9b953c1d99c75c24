"""/oauth/manage: what a person allowed, and taking it back."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Proxy, User
from oauth.models import AccessToken, Consent
from oauth.tokens.liveness import alive
from tests.oauth.issuing import issue, issue_refresh, make_client, make_key, make_user

pytestmark = pytest.mark.django_db
URL = "/oauth/manage"


def signed_in(fhir_user: str = "Patient/a") -> tuple[Client, User]:
    user = make_user(fhir_user)
    client = Client()
    client.force_login(user)
    return client, user


def test_somebody_not_signed_in_is_asked_to_sign_in() -> None:
    answer = Client().get(URL)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")
    assert Client().post(f"{URL}/revoke", {"client_id": "x"}).status_code == 302


def test_the_page_says_in_plain_words_what_was_allowed() -> None:
    client, user = signed_in()
    issue(make_key(), user, scope="openid patient/Observation.rs", patient="a")
    page = client.get(URL)
    assert "no-store" in page["Cache-Control"]
    content = page.content.decode()
    assert "Lab Viewer" in content
    assert "Read and search lab results, vital signs and other observations in your own record" in content
    assert "Has access at this moment" in content


def test_access_that_lasts_is_said_to_last() -> None:
    client, user = signed_in()
    issue_refresh(issue(make_key(), user, scope="offline_access", patient="a"))
    assert "can renew it by itself for as long as is said above" in client.get(URL).content.decode()


def test_other_peoples_apps_are_not_shown_and_cannot_be_revoked() -> None:
    client, _ = signed_in()
    issued = issue(make_key(), make_user("Patient/b"), scope="patient/*.rs", patient="b")
    empty = client.get(URL).content.decode()
    assert "You have not allowed any app" in empty
    assert "These apps may use" not in empty
    answer = client.post(f"{URL}/revoke", {"client_id": issued.row.application.client_id})
    assert answer.status_code == 404
    assert alive(AccessToken.objects.filter(pk=issued.row.pk)).exists()


def test_taking_access_back_ends_consents_and_tokens_of_that_app_only() -> None:
    client, user = signed_in()
    key = make_key()
    ended = issue(key, user, make_client(name="Ended"), scope="patient/*.rs", patient="a")
    kept = issue(key, user, make_client(name="Kept"), scope="patient/*.rs", patient="a")
    page = client.post(f"{URL}/revoke", {"client_id": ended.row.application.client_id}, follow=True)
    assert "Ended has no access any more" in page.content.decode()
    assert "Kept" in page.content.decode()
    assert not alive(AccessToken.objects.filter(pk=ended.row.pk)).exists()
    assert alive(AccessToken.objects.filter(pk=kept.row.pk)).exists()
    assert not Consent.objects.in_force().filter(application=ended.row.application).exists()


def test_taking_back_needs_a_form_of_this_site() -> None:
    user = make_user("Patient/a")
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    issued = issue(make_key(), user, scope="patient/*.rs", patient="a")
    assert client.post(f"{URL}/revoke", {"client_id": issued.row.application.client_id}).status_code == 403
    assert client.get(f"{URL}/revoke").status_code == 405
    assert alive(AccessToken.objects.filter(pk=issued.row.pk)).exists()


@pytest.mark.parametrize("client_id", ["", "unknown", "a\x00b", "x" * 10_000])
def test_nonsense_instead_of_an_app_is_refused(client_id: str) -> None:
    client, _ = signed_in()
    assert client.post(f"{URL}/revoke", {"client_id": client_id}).status_code in (400, 404)


def test_the_end_of_the_right_to_act_for_somebody_is_told() -> None:
    client, user = signed_in("RelatedPerson/mum")
    issue(make_key(), user, scope="patient/*.rs", patient="a")
    ends = timezone.now().replace(year=2099, month=5, day=3, hour=12, minute=0)
    Proxy.objects.create(user=user, patient="a", ends=ends)
    assert "<dt>You act for them</dt><dd>until 3 May 2099, 12:00 UTC</dd>" in client.get(URL).content.decode()
    Proxy.objects.update(ends=None)
    assert "You act for them" not in client.get(URL).content.decode()
    Proxy.objects.update(ends=timezone.now() - timedelta(seconds=1))
    assert "not at present: the app cannot use this record" in client.get(URL).content.decode()
