"""Introspection: who may ask, what is answered, and that what must not be known is not said."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from launch.models import LaunchContext
from oauth.clients.secrets import add_secret
from oauth.models import AccessToken, Application, Consent, RefreshToken, Scope, SigningKey
from oauth.signing_keys import withdraw
from tests.oauth.issuing import Issued, Key, issue, issue_refresh, make_client, make_key, make_user

pytestmark = pytest.mark.django_db

RFC, OLDER = "/oauth/introspect", "/oauth/token/introspect"
BLANK = {"active": False, "scope": "", "client_id": "", "token_type": "", "exp": "", "iat": "", "iss": ""}


@pytest.fixture
def key() -> Key:
    return make_key()


def confidential(introspection: str = "own", method: str = "client_secret_basic") -> tuple[Application, str]:
    application = make_client(
        name="Growth Chart",
        client_type=Application.CLIENT_CONFIDENTIAL,
        application_type="web",
        token_endpoint_auth_method=method,
        introspection=introspection,
    )
    return application, add_secret(application)


def basic(application: Application, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{application.client_id}:{secret}".encode()).decode()


def ask(url: str, token: str | None, authorization: str = "", **form: Any) -> Any:
    headers = {"Authorization": authorization} if authorization else {}
    fields = form if token is None else {"token": token, **form}
    body = "&".join(f"{name}={value}" for name, value in fields.items())
    return Client().post(url, body, content_type="application/x-www-form-urlencoded", headers=headers)


def issue_to(key: Key, application: Application, **values: Any) -> Issued:
    user = make_user("Practitioner/p1")
    return issue(key, user, client=application, scope="patient/*.rs openid fhirUser", patient="a", **values)


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7662#section-2.2")
@pytest.mark.parametrize("url", [RFC, OLDER])
def test_a_living_access_token_is_told_with_everything_about_it(key: Key, url: str) -> None:
    application, secret = confidential()
    issued = issue_to(key, application)
    LaunchContext.objects.update(encounter="e1", intent="trend", need_patient_banner=False)
    answer = ask(url, issued.token, basic(application, secret))
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    user = issued.row.user
    assert answer.json() == {
        "active": True,
        "scope": "patient/*.rs openid fhirUser",
        "client_id": application.client_id,
        "token_type": "Bearer",
        "exp": int(issued.row.expires.timestamp()),
        "iat": int(issued.row.created.timestamp()),
        "iss": "http://testserver",
        "aud": "http://testserver/fhir",
        "sub": str(user.uid),
        "username": user.username,
        "fhirUser": "http://testserver/fhir/Practitioner/p1",
        "patient": "a",
        "encounter": "e1",
        "intent": "trend",
        "need_patient_banner": False,
    }


def test_a_living_refresh_token_is_told_as_one(key: Key) -> None:
    application, secret = confidential()
    text, _ = issue_refresh(issue_to(key, application))
    told = ask(RFC, text, basic(application, secret), token_type_hint="access_token").json()
    assert told["active"] is True
    assert told["token_type"] == "refresh_token"
    assert told["patient"] == "a"
    assert told["aud"] == "http://testserver"


@pytest.mark.requirement("SMART-271")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7662#section-2.2")
@pytest.mark.parametrize(
    "end", ["revoked", "expired", "unknown", "suspended", "deactivated", "withdrawn", "foreign"]
)
def test_whatever_is_not_active_is_answered_alike(key: Key, end: str) -> None:
    application, secret = confidential()
    issued = issue_to(key, make_client() if end in ("foreign", "suspended") else application)
    token = issued.token
    match end:
        case "revoked":
            issued.row.revoke()
        case "expired":
            AccessToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
        case "unknown":
            token = "nothing"
        case "suspended":
            issued.row.application.status = "suspended"
            issued.row.application.save()
        case "deactivated":
            issued.row.user.is_active = False
            issued.row.user.save()
        case "withdrawn":
            Consent.objects.update(withdrawn=timezone.now())
    answer = ask(RFC, token, basic(application, secret))
    assert (answer.status_code, answer.json()) == (200, {"active": False})
    answer = ask(OLDER, token, basic(application, secret))
    assert (answer.status_code, answer.json()) == (404, BLANK)


def test_a_client_that_may_ask_about_any_sees_another_clients_token(key: Key) -> None:
    application, secret = confidential(introspection="any")
    issued = issue_to(key, make_client())
    assert ask(RFC, issued.token, basic(application, secret)).json()["active"] is True


def test_a_client_can_prove_itself_in_the_body_if_it_is_registered_so(key: Key) -> None:
    application, secret = confidential(method="client_secret_post")
    issued = issue_to(key, application)
    form = {"client_id": application.client_id, "client_secret": secret}
    assert ask(RFC, issued.token, **form).json()["active"] is True
    assert ask(RFC, issued.token, basic(application, secret)).status_code == 401


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/STU2.2/token-introspection.html#authorization-to-perform-token-introspection"
)
def test_a_bearer_token_with_scope_introspection_sees_every_clients_token(key: Key) -> None:
    application, _ = confidential(introspection="any")
    asking = issue(key, make_user(), client=application, scope="introspection")
    issued = issue_to(key, make_client())
    assert ask(RFC, issued.token, asking.header).json()["active"] is True


@pytest.mark.parametrize(
    ("introspection", "scope"), [("own", "introspection"), ("any", "openid"), ("any", "user/*.cruds")]
)
def test_a_bearer_token_without_that_right_is_refused(key: Key, introspection: str, scope: str) -> None:
    application, _ = confidential(introspection=introspection)
    asking = issue(key, make_user(), client=application, scope=scope)
    answer = ask(RFC, issue_to(key, application).token, asking.header)
    assert answer.status_code == 401
    assert "active" not in answer.json()


def test_a_dead_bearer_token_cannot_ask(key: Key) -> None:
    application, _ = confidential(introspection="any")
    asking = issue(key, make_user(), client=application, scope="introspection")
    asking.row.revoke()
    assert ask(RFC, "x", asking.header).status_code == 401


@pytest.mark.requirement("SMART-271")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc7662#section-2.1")
@pytest.mark.parametrize("url", [RFC, OLDER])
def test_nobody_asks_without_proving_who_they_are(key: Key, url: str) -> None:
    application, secret = confidential()
    public = make_client()
    token = issue_to(key, application).token
    assert ask(url, token).status_code == 401
    assert ask(url, token, basic(application, secret + "x")).status_code == 401
    assert ask(url, token, basic(application, "")).status_code == 401
    assert ask(url, token, basic(public, "")).status_code == 401
    assert ask(url, token, client_id=public.client_id).status_code == 401
    assert ask(url, token, client_id=application.client_id).status_code == 401
    assert ask(url, token, "Basic ???").status_code == 401
    assert ask(url, token, "Bearer ").status_code == 401
    assert ask(url, token, basic(application, secret)).status_code == 200


def test_a_client_registered_for_no_introspection_is_told_so(key: Key) -> None:
    application, secret = confidential(introspection="none")
    assert ask(RFC, issue_to(key, application).token, basic(application, secret)).status_code == 403


@pytest.mark.parametrize(
    "body", ["", "token=", "token=a&token=b", "token=a%00b", "other=1", "token=" + "a" * 70_000]
)
def test_a_malformed_question_is_a_400(body: str) -> None:
    application, secret = confidential()
    answer = Client().post(
        RFC,
        body,
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": basic(application, secret)},
    )
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"


def test_a_question_in_the_url_or_in_json_is_not_read(key: Key) -> None:
    application, secret = confidential()
    token = issue_to(key, application).token
    headers = {"Authorization": basic(application, secret)}
    assert Client().get(f"{RFC}?token={token}", headers=headers).status_code == 405
    assert (
        Client().post(RFC, {"token": token}, content_type="application/json", headers=headers).status_code
        == 400
    )


def test_an_invalid_form_does_not_hide_behind_bad_credentials(key: Key) -> None:
    assert ask(RFC, "%FF", "Basic ???").status_code in (400, 401)
    assert ask(RFC, "%ED%A0%80", "Basic ???").status_code in (400, 401)


def test_a_scope_switched_off_is_no_longer_told(key: Key) -> None:
    application, secret = confidential()
    issued = issue_to(key, application)
    Scope.objects.filter(pattern="fhirUser").update(enabled=False)
    told = ask(RFC, issued.token, basic(application, secret)).json()
    assert told["scope"] == "patient/*.rs openid"


def test_a_refresh_token_of_a_revoked_family_is_not_active(key: Key) -> None:
    application, secret = confidential()
    text, row = issue_refresh(issue_to(key, application))
    RefreshToken.objects.filter(pk=row.pk).update(revoked=timezone.now())
    assert ask(RFC, text, basic(application, secret)).json() == {"active": False}


@pytest.mark.requirement("SMART-271")
@pytest.mark.parametrize("end", ["withdrawn", "deleted"])
def test_a_token_recorded_while_its_key_was_withdrawn_is_not_active_and_stays_so(key: Key, end: str) -> None:
    """Its row is written after the withdrawal, which thus could not revoke it."""
    application, secret = confidential()
    if end == "withdrawn":
        withdraw(key.row)
    issued = issue_to(key, application)
    if end == "deleted":
        SigningKey.objects.all().delete()
    assert issued.row.revoked is None
    for url, status in ((RFC, 200), (OLDER, 404)):
        answer = ask(url, issued.token, basic(application, secret))
        assert (answer.status_code, answer.json()["active"]) == (status, False)
    for url in ("/fhir/Patient/a", "/oauth/userinfo"):
        assert Client().get(url, headers={"Authorization": issued.header}).status_code == 401
    text, _ = issue_refresh(issued)
    assert ask(RFC, text, basic(application, secret)).json()["active"] is True
    SigningKey.objects.update(status="retired")
    assert ask(RFC, issued.token, basic(application, secret)).json() == {"active": False}
    assert (AccessToken.objects.get().revoked is None) == (end == "deleted")


@pytest.mark.parametrize("status", ["published", "active", "retired"])
def test_a_token_whose_key_still_verifies_is_active(key: Key, status: str) -> None:
    application, secret = confidential()
    issued = issue_to(key, application)
    SigningKey.objects.update(status=status)
    assert ask(RFC, issued.token, basic(application, secret)).json()["active"] is True


def test_a_token_of_before_keys_were_written_down_is_active(key: Key) -> None:
    application, secret = confidential()
    issued = issue_to(key, application)
    AccessToken.objects.update(kid="")
    assert ask(RFC, issued.token, basic(application, secret)).json()["active"] is True
