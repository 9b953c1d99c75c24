"""Who somebody that a provider vouches for is here: links, new accounts, FHIR users, rights, proofs."""

import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.federation.fhir_identity import mapped
from accounts.models import IdentityProvider, User
from accounts.second_factor import has_second_factor
from audit.models import Event
from tests.accounts.codes import PASSWORD
from tests.accounts.conftest import Clock
from tests.accounts.openid_provider import Provider, come_back, is_signed_in, leave, refused_by, sign_in
from tests.oauth.flow import Flow, answer_of, make_client, run_authorization_code

pytestmark = pytest.mark.django_db
ELSEWHERE = "/accounts/reauthenticate/elsewhere/"


def choose(**choices: Any) -> None:
    """Let staff choose otherwise."""
    IdentityProvider.objects.update(**choices)


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-identity-data"
)
@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("https://ehr.example.org/fhir/Practitioner/doc", "Practitioner/doc"),
        ("http://testserver/fhir/Practitioner/doc", "Practitioner/doc"),
        ("Practitioner/doc", "Practitioner/doc"),
        ("https://ehr.example.org/fhir/Patient/amy", "Patient/amy"),
        (None, None),
        ("", None),
        ("https://ehr.example.org.evil.org/fhir/Practitioner/doc", ""),
        ("https://ehr.example.org/fhirPractitioner/doc", ""),
        ("http://ehr.example.org/fhir/Practitioner/doc", ""),
        ("https://ehr.example.org/fhir//Practitioner/doc", ""),
        ("https://ehr.example.org/fhir/Practitioner/doc/_history/1", ""),
        ("https://ehr.example.org/fhir/Practitioner/doc\n", ""),
        ("Practitioner/", ""),
        ("Practitioner/doc?x=1", ""),
        ("RelatedPerson/rita", ""),
        ("Organization/one", ""),
        (["Practitioner/doc"], ""),
        ({"reference": "Practitioner/doc"}, ""),
        ("Practitioner/" + "d" * 1000, ""),
    ],
)
def test_a_claim_names_one_of_ours_by_our_base_or_the_registered_one(
    claim: Any, expected: str | None
) -> None:
    provider = IdentityProvider(fhir_base="https://ehr.example.org/fhir/", kinds="Patient Practitioner")
    assert mapped(claim, provider) == expected


def test_an_absolute_url_counts_only_if_staff_say_that_the_ids_are_the_same() -> None:
    assert mapped("https://ehr.example.org/fhir/Practitioner/doc", IdentityProvider()) == ""


def test_who_has_no_account_is_refused_even_with_everything_else_the_same(
    client: Client, provider: Provider, doc: User, caplog: pytest.LogCaptureFixture
) -> None:
    amy = User.objects.create_user("amy", email="amy@example.org")
    provider.claims = {
        "sub": "18",
        "preferred_username": "amy",
        "email": "amy@example.org",
        "email_verified": True,
    }
    assert refused_by(sign_in(client, provider), caplog) == "account"
    assert not is_signed_in(client)
    choose(new_people="created", without_fhir_user="admitted")
    provider.claims["fhirUser"] = None
    sign_in(client, provider)
    assert not is_signed_in(client, amy)
    made = User.objects.get(socialaccount__uid="18")
    assert is_signed_in(client, made)
    assert made.username == "amy@elsewhere"


def test_a_new_person_gets_an_account_that_opens_their_own_record_and_no_console(
    client: Client, provider: Provider, elsewhere: IdentityProvider
) -> None:
    choose(new_people="created", kinds="Patient")
    provider.claims = {
        "fhirUser": "Patient/amy",
        "preferred_username": "Amy\x00 <b>",
        "given_name": "Amy",
        "family_name": 7,
        "is_staff": True,
        "is_superuser": True,
        "groups": ["Administrator"],
    }
    sign_in(client, provider)
    made = User.objects.get()
    assert is_signed_in(client, made)
    assert (made.fhir_user, made.first_name, made.last_name) == ("Patient/amy", "Amy", "")
    assert (made.is_staff, made.is_superuser, made.has_usable_password()) == (False, False, False)
    assert not made.groups.exists()
    assert made.username == "Amy-b@elsewhere"
    told = Event.objects.get(kind="account")
    assert (told.person, json.loads(told.detail)["provider"]) == (str(made.uid), "elsewhere")
    assert client.get("/admin/").status_code == 302
    again = Client()
    sign_in(again, provider)
    assert is_signed_in(again, made)
    assert User.objects.count() == 1


@pytest.mark.parametrize("is_active", [True, False])
def test_no_provider_gives_a_fhir_user_that_another_account_has(
    client: Client, provider: Provider, doc: User, caplog: pytest.LogCaptureFixture, is_active: bool
) -> None:
    User.objects.create_user("other", fhir_user="Practitioner/other", is_active=is_active)
    choose(new_people="created", authority="provider", without_fhir_user="admitted")
    for sub in ("17", "18"):
        provider.claims = {"sub": sub, "fhirUser": "Practitioner/other"}
        assert refused_by(sign_in(client, provider), caplog) == "fhir_user"
    doc.refresh_from_db()
    assert doc.fhir_user == "Practitioner/doc"
    assert User.objects.filter(fhir_user="Practitioner/other").count() == 1


@pytest.mark.parametrize(
    ("choices", "local", "claim", "result"),
    [
        ({}, "Practitioner/doc", "Practitioner/doc", "Practitioner/doc"),
        ({}, "Practitioner/doc", "Practitioner/new", None),
        ({}, "Practitioner/doc", None, None),
        ({}, "", "Practitioner/doc", None),
        ({"authority": "provider"}, "Practitioner/doc", "Practitioner/new", "Practitioner/new"),
        ({"authority": "provider"}, "", "Practitioner/doc", "Practitioner/doc"),
        ({"authority": "provider"}, "Practitioner/doc", None, None),
        ({"without_fhir_user": "admitted"}, "Practitioner/doc", None, "Practitioner/doc"),
        (
            {"without_fhir_user": "admitted"},
            "Practitioner/doc",
            "https://else.example.org/Practitioner/1",
            None,
        ),
        ({"without_fhir_user": "admitted"}, "", None, ""),
        ({"without_fhir_user": "admitted"}, "", "https://else.example.org/Practitioner/1", ""),
        ({"without_fhir_user": "admitted"}, "Patient/amy", None, None),
        ({"without_fhir_user": "admitted", "authority": "provider"}, "Practitioner/doc", None, ""),
        ({"without_fhir_user": "admitted", "authority": "provider"}, "Practitioner/doc", "Patient/amy", ""),
    ],
)
def test_account_and_provider_agree_on_the_fhir_user_as_staff_chose_or_nobody_comes_in(
    client: Client,
    provider: Provider,
    doc: User,
    caplog: pytest.LogCaptureFixture,
    choices: dict[str, str],
    local: str,
    claim: str | None,
    result: str | None,
) -> None:
    choose(**choices)
    User.objects.update(fhir_user=local)
    provider.claims = {"fhirUser": claim}
    answer = sign_in(client, provider)
    doc.refresh_from_db()
    if result is None:
        assert refused_by(answer, caplog) == "fhir_user"
        assert doc.fhir_user == local
    assert is_signed_in(client) is (result is not None)
    assert result in (None, doc.fhir_user)


def test_a_changed_fhir_user_ends_the_persons_tokens(client: Client, provider: Provider, doc: User) -> None:
    choose(authority="provider")
    app, _ = make_client()
    old = run_authorization_code(app, doc, "openid fhirUser user/*.rs")
    assert client.get("/oauth/userinfo", headers=old.bearer).status_code == 200
    provider.claims = {"fhirUser": "Practitioner/new"}
    sign_in(client, provider)
    assert Client().get("/oauth/userinfo", headers=old.bearer).status_code == 401
    told = json.loads(Event.objects.get(kind="account").detail)
    assert (told["before"], told["fhir_user"]) == ("Practitioner/doc", "Practitioner/new")


def test_one_persons_identity_is_nobodys_at_another_provider(
    client: Client, provider: Provider, doc: User, caplog: pytest.LogCaptureFixture
) -> None:
    IdentityProvider.objects.update(issuer="https://first.example.org", slug="first")
    SocialAccount.objects.update(provider="first")
    provider.register(slug="second")
    assert refused_by(sign_in(client, provider, "second"), caplog) == "account"
    IdentityProvider.objects.get(slug="first").delete()
    assert not SocialAccount.objects.exists()


def test_a_link_may_go_by_another_claim(client: Client, provider: Provider, doc: User) -> None:
    choose(identity_claim="employee")
    provider.claims = {"sub": "who-knows", "employee": "17"}
    sign_in(client, provider)
    assert is_signed_in(client, doc)


@pytest.mark.requirement("https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest")
@pytest.mark.parametrize("demand", [{"prompt": "login"}, {"max_age": "0"}])
def test_an_app_that_wants_a_new_proof_gets_one_from_the_provider(
    provider: Provider, doc: User, caplog: pytest.LogCaptureFixture, demand: dict[str, str]
) -> None:
    app, _ = make_client()
    flow = Flow(app, None, scope="openid")
    sign_in(flow.browser, provider)
    page: Any = flow.authorize(**demand)
    assert page.request["PATH_INFO"] == ELSEWHERE
    assert "continue to <strong>Lab Viewer" in page.content.decode()
    [back] = parse_qs(page.request["QUERY_STRING"])["next"]
    sent = leave(flow.browser, next=back)
    assert (sent["prompt"], sent["max_age"]) == ("login", "0")
    provider.claims = {"auth_time": int(time.time()) - 600}
    assert refused_by(come_back(flow.browser, provider, sent), caplog) == "auth_time"
    provider.claims = {"sub": "18"}
    answer = come_back(flow.browser, provider, leave(flow.browser, next=back))
    assert refused_by(answer, caplog) == "same_person"
    assert flow.follow(flow.browser.get(back)).request["PATH_INFO"] == ELSEWHERE  # type: ignore[attr-defined]
    provider.claims = {}
    page = flow.follow(come_back(flow.browser, provider, leave(flow.browser, next=back)))
    assert "code" in answer_of(flow.decide(page))


@pytest.mark.requirement("https://openid.net/specs/openid-connect-core-1_0.html#IDToken")
def test_an_old_sign_in_at_the_provider_is_no_recent_proof_here(
    client: Client, provider: Provider, doc: User
) -> None:
    provider.claims = {"auth_time": int(time.time()) - 3600}
    sign_in(client, provider)
    assert is_signed_in(client, doc)
    asked: Any = client.get("/accounts/security/app/add/", follow=True)
    assert asked.request["PATH_INFO"] == ELSEWHERE
    provider.claims = {}
    answer = sign_in(client, provider, next="/accounts/security/app/add/")
    assert answer["Location"] == "/accounts/security/app/add/"
    assert client.get("/accounts/security/app/add/").status_code == 200


def test_a_form_that_waited_for_a_proof_is_taken_up_again(
    client: Client, provider: Provider, doc: User
) -> None:
    app, _ = make_client()
    token = run_authorization_code(app, doc, "openid")
    provider.claims = {"auth_time": int(time.time()) - 3600}
    sign_in(client, provider)
    page = client.get("/oauth/manage").content.decode()
    assert "Lab Viewer" in page
    waiting = client.post("/oauth/manage/revoke", {"client_id": app.client_id})
    where = urlsplit(waiting["Location"])
    assert where.path == ELSEWHERE
    [back] = parse_qs(where.query)["next"]
    provider.claims = {}
    sign_in(client, provider, next=back)
    assert Client().get("/oauth/userinfo", headers=token.bearer).status_code == 401


def test_whoever_has_a_password_too_may_give_either_proof(
    client: Client, provider: Provider, doc: User
) -> None:
    doc.set_password(PASSWORD)
    doc.save()
    provider.claims = {"auth_time": int(time.time()) - 3600}
    sign_in(client, provider)
    page: Any = client.get("/accounts/security/app/add/", follow=True)
    assert page.request["PATH_INFO"] == "/accounts/reauthenticate/"
    assert f'href="{ELSEWHERE}?next=' in page.content.decode()
    assert "Sign in with Elsewhere again" in page.content.decode()
    page = client.get(f"{ELSEWHERE}?next=/accounts/security/app/add/")
    assert "Your password" in page.content.decode()


def test_staff_who_sign_in_elsewhere_still_need_a_second_factor(
    client: Client, provider: Provider, doc: User, clock: Clock, settings: Settings
) -> None:
    settings.STAFF_SECOND_FACTOR = True
    User.objects.update(is_staff=True, is_superuser=True)
    sign_in(client, provider)
    closed: Any = client.get("/admin/", follow=True)
    assert closed.request["PATH_INFO"] == "/accounts/security/"
    page: Any = client.get("/accounts/security/app/add/")
    secret = page.context["form"].secret
    client.post("/accounts/security/app/add/", {"code": clock.code(secret)})
    assert has_second_factor(doc)
    other = Client()
    assert sign_in(other, provider, next="/admin/")["Location"] == "/accounts/security/authenticate/"
    assert not is_signed_in(other)
    entered = other.post("/accounts/security/authenticate/", {"code": clock.code(secret, 1)})
    assert not is_signed_in(other), entered.content
    choose(active=False)
    clock.period += 1
    entered = other.post("/accounts/security/authenticate/", {"code": clock.code(secret)})
    assert entered.status_code == 403
    assert not is_signed_in(other)
    choose(active=True)
    sign_in(other, provider, next="/admin/")
    clock.period += 1
    entered = other.post("/accounts/security/authenticate/", {"code": clock.code(secret)})
    assert entered["Location"] == "/admin/"
    assert other.get("/admin/").status_code == 200


def test_somebody_who_is_signed_in_does_not_become_somebody_else_on_the_way(
    client: Client, provider: Provider, doc: User, amy: User, caplog: pytest.LogCaptureFixture
) -> None:
    sent = leave(client)
    client.post("/accounts/login/", {"login": "amy", "password": PASSWORD})
    assert is_signed_in(client, amy)
    sent = leave(client)
    assert refused_by(come_back(client, provider, sent), caplog) == "same_person"
    assert is_signed_in(client, amy)
