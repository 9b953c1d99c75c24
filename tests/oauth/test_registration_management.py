"""The client configuration endpoint: an app looks at its registration, replaces it, and ends it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings

from oauth.clients.secrets import verify
from oauth.models import AccessToken, Application, ClientRegistration, Grant, RefreshToken
from oauth.tokens.liveness import alive
from tests.oauth.developers import OURS, Developer, registered
from tests.oauth.flow import ensure_keys, make_client, make_user, run_authorization_code
from tests.oauth.references import plain
from tests.oauth.services import ec_key, jwk_of, rsa_key

pytestmark = pytest.mark.django_db

RFC7592 = "https://www.rfc-editor.org/rfc/rfc7592"
WITH_SECRET = {"token_endpoint_auth_method": "client_secret_basic"}
JWKS, OTHER_JWKS = ({"keys": [jwk_of(key, "first")]} for key in (ec_key(), rsa_key()))
SIGNING = {"token_endpoint_auth_method": "private_key_jwt", "application_type": "web", "jwks": JWKS}


@pytest.fixture(autouse=True)
def registration_is_on(settings: Settings) -> Iterator[None]:
    settings.DYNAMIC_REGISTRATION = True
    cache.clear()
    yield
    cache.clear()


def with_tokens(developer: Developer) -> Developer:
    """A live app that holds an access token and a refresh token."""
    ensure_keys()
    run_authorization_code(
        developer.put_live(), make_user(), "openid patient/Observation.rs offline_access",
        developer.told.get("client_secret", ""),
    )  # fmt: skip
    assert living() == (1, 1)
    return developer


def living() -> tuple[int, int]:
    """How many access and refresh tokens are alive."""
    return alive(AccessToken.objects.all()).count(), alive(RefreshToken.objects.all()).count()


@pytest.mark.requirement(f"{RFC7592}#section-2.1")
@pytest.mark.requirement(f"{RFC7592}#section-3")
def test_an_app_reads_its_registration_as_it_is_now() -> None:
    developer = registered(**WITH_SECRET)
    Application.objects.update(name="Named by staff", status="live", consent_policy="always")
    answer = developer.ask("GET")
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    without_secret = ("client_secret", "client_secret_expires_at")
    expected = {name: value for name, value in developer.told.items() if name not in without_secret}
    changed = {"client_name": "Named by staff", "status": "live", "consent_policy": "always"}
    assert answer.json() == {**expected, **changed}


@pytest.mark.requirement(f"{RFC7592}#section-2.2")
def test_an_update_replaces_everything_and_what_it_leaves_out_is_gone() -> None:
    developer = registered(
        contacts=["dev@example.org"], tos_uri="https://app.example.org/tos", publisher="Example"
    )
    wanted = {
        "client_id": developer.client_id,
        "client_name": "Growth Chart 2",
        "redirect_uris": ["https://other.example.org/cb"],
        "token_endpoint_auth_method": "none",
        "scope": "openid",
    }
    told = developer.ask("PUT", wanted).json()
    assert {name: told[name] for name in wanted} == wanted
    assert not told.keys() & {"contacts", "tos_uri", "publisher"}
    assert told["grant_types"] == ["authorization_code"]
    assert told["allowed_origins"] == ["https://other.example.org"]
    assert told["registration_access_token"] == developer.told["registration_access_token"]
    application = developer.application
    assert (application.name, application.contacts, application.tos_uri) == ("Growth Chart 2", [], "")


def test_a_key_set_that_is_left_out_does_not_stay() -> None:
    developer = registered(**SIGNING)
    answer = developer.ask("PUT", developer.known(jwks=None))
    assert answer.status_code == 400
    assert "jwks: is missing" in answer.json()["error_description"]
    answer = developer.ask("PUT", developer.known(jwks=None, jwks_uri="https://app.example.org/jwks.json"))
    assert answer.json()["jwks_uri"] == "https://app.example.org/jwks.json"
    assert developer.application.client_jwks == ""


@pytest.mark.requirement(f"{RFC7592}#section-2.2")
@pytest.mark.parametrize("client_id", [None, "another", "", 5, ["x"]])
def test_an_update_names_the_client_that_it_is_for(client_id: Any) -> None:
    developer = registered()
    answer = developer.ask("PUT", developer.known(client_id=client_id))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert "client_id: must be the client's own." in answer.json()["error_description"]


@pytest.mark.requirement(f"{RFC7592}#section-2.2")
@pytest.mark.parametrize("member", OURS)
def test_an_update_does_not_send_what_is_ours_alone(member: str) -> None:
    developer = registered(**WITH_SECRET)
    answer = developer.ask("PUT", developer.known(**{member: developer.told[member]}))
    assert answer.status_code == 400
    assert f"{member}: must not be sent." in answer.json()["error_description"]


@pytest.mark.requirement(f"{RFC7592}#section-2.2")
def test_no_app_chooses_its_secret() -> None:
    developer = registered(**WITH_SECRET)
    secret = developer.told["client_secret"]
    assert developer.ask("PUT", developer.known(client_secret="chosen")).status_code == 400
    assert developer.ask("PUT", developer.known(client_secret=["x"])).status_code == 400
    assert developer.ask("PUT", developer.known(client_secret=secret)).status_code == 200
    assert developer.ask("PUT", developer.known(client_secret=None)).status_code == 200
    assert verify(developer.application, secret)
    assert not verify(developer.application, "chosen")
    assert developer.application.secrets.count() == 1


def test_an_update_that_changes_nothing_leaves_a_live_client_and_its_tokens_alone() -> None:
    developer = with_tokens(registered())
    before = Application.objects.values().get()
    answer = developer.ask("PUT", developer.known())
    assert (answer.status_code, answer.json()["status"]) == (200, "live")
    assert living() == (1, 1)
    assert Application.objects.values().get() == before


CHANGES: dict[str, Any] = {
    "client_name": "Hospital Sign-in",
    "redirect_uris": ["https://app.example.org/cb", "https://evil.example.org/cb"],
    "scope": "openid fhirUser patient/*.cruds offline_access",
    "logo_uri": "https://evil.example.org/logo.png",
    "launch_url": "https://evil.example.org/launch",
    "policy_uri": "https://evil.example.org/policy",
    "allowed_origins": ["https://evil.example.org"],
    "application_type": "web",
    "grant_types": ["authorization_code"],
    "token_endpoint_auth_method": "client_secret_basic",
    "description": "Made by the hospital.",
    "publisher": "The hospital",
    "contacts": ["evil@example.org"],
}


@pytest.mark.parametrize("member", sorted(CHANGES))
def test_a_live_client_that_changes_itself_is_a_draft_again_and_its_tokens_are_dead(member: str) -> None:
    developer = with_tokens(registered())
    changes = {member: CHANGES[member]}
    if member == "token_endpoint_auth_method":
        changes["application_type"] = "web"
    answer = developer.ask("PUT", developer.known(**changes))
    assert (answer.status_code, answer.json()["status"]) == (200, "draft")
    assert living() == (0, 0)
    developer.put_live()
    assert living() == (0, 0)


def test_new_keys_wait_for_staff_too() -> None:
    developer = registered(**SIGNING)
    developer.put_live()
    assert developer.ask("PUT", developer.known(jwks=OTHER_JWKS)).json()["status"] == "draft"


def test_a_refused_update_changes_nothing() -> None:
    developer = with_tokens(registered())
    before = Application.objects.values().get()
    answer = developer.ask("PUT", developer.known(client_name="New", redirect_uris=["javascript:alert(1)"]))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")
    assert Application.objects.values().get() == before
    assert living() == (1, 1)


def test_an_update_does_not_touch_what_staff_decide() -> None:
    developer = registered()
    set_by_staff = {
        "auto_approved_scope": "openid",
        "required_scope": "openid",
        "consent_policy": "always",
        "access_token_seconds": 600,
    }
    Application.objects.update(**set_by_staff)
    said = {"auto_approved_scope": "patient/Observation.rs", "consent_policy": "remember", "status": "live"}
    answer = developer.ask("PUT", developer.known(client_name="New name", **said))
    assert answer.status_code == 200
    assert Application.objects.values(*set_by_staff).get() == set_by_staff
    assert developer.application.status == "draft"


def test_what_staff_approved_of_some_scopes_is_not_approved_of_others() -> None:
    developer = registered()
    Application.objects.update(auto_approved_scope="patient/Observation.rs", required_scope="openid")
    assert developer.ask("PUT", developer.known(scope="openid patient/*.rs")).status_code == 200
    application = developer.application
    assert (application.auto_approved_scope, application.required_scope) == ("", "")


def test_rights_that_staff_gave_may_be_named_but_none_may_be_added() -> None:
    developer = registered(**SIGNING)
    given = "openid patient/Observation.rs system/Patient.rs"
    both = ["authorization_code", "client_credentials"]
    Application.objects.update(scope=given, grant_types=both)
    known = developer.ask("GET").json()
    developer.told |= known
    assert developer.ask("PUT", developer.known(client_name="New name")).json()["scope"] == given
    assert developer.ask("PUT", developer.known(scope=f"{given} system/*.cruds")).status_code == 400
    assert developer.application.scope == given


def test_an_app_that_begins_to_use_a_secret_gets_one_and_one_that_ceases_loses_them() -> None:
    developer = registered(application_type="web")
    changed = developer.ask("PUT", developer.known(**WITH_SECRET)).json()
    assert verify(developer.application, changed["client_secret"])
    assert changed["client_secret_expires_at"] == 0
    assert "client_secret" not in developer.ask("GET").json()
    developer.ask("PUT", developer.known(token_endpoint_auth_method="none"))
    assert developer.application.is_public
    assert not developer.application.secrets.in_force().exists()
    again = developer.ask("PUT", developer.known(**WITH_SECRET)).json()
    assert not verify(developer.application, changed["client_secret"])
    assert verify(developer.application, again["client_secret"])


@pytest.mark.requirement(f"{RFC7592}#section-2.3")
def test_an_app_ends_its_registration_and_with_it_everything_that_it_holds() -> None:
    developer = with_tokens(registered())
    Grant.objects.update(used=None, expires=timezone.now() + timedelta(minutes=1))
    answer = developer.ask("DELETE")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["Cache-Control"] == "no-store"
    assert developer.application.status == "retired"
    assert living() == (0, 0)
    assert not Grant.objects.filter(used__isnull=True).exists()
    for method in ("GET", "PUT", "DELETE"):
        assert developer.ask(method, developer.known()).status_code == 401
    assert ClientRegistration.objects.filter(application__client_id=developer.client_id).exists()


@pytest.mark.requirement(f"{RFC7592}#section-2.2")
def test_a_suspended_client_may_look_and_leave_but_not_change() -> None:
    developer = registered()
    Application.objects.update(status="suspended")
    assert developer.ask("GET").json()["status"] == "suspended"
    refused = developer.ask("PUT", developer.known(client_name="Innocent"))
    assert (refused.status_code, refused.json()["error"]) == (403, "access_denied")
    assert developer.application.name == "Growth Chart"
    assert developer.application.status == "suspended"
    assert developer.ask("DELETE").status_code == 204
    assert developer.application.status == "retired"


def test_a_client_that_staff_retired_is_gone_for_its_app() -> None:
    developer = registered()
    Application.objects.update(status="retired")
    assert {developer.ask(method, developer.known()).status_code for method in ("GET", "PUT", "DELETE")} == {
        401
    }
    assert developer.application.name == "Growth Chart"


@pytest.mark.requirement(f"{RFC7592}#section-2")
def test_every_wrong_token_and_every_wrong_client_get_the_same_answer() -> None:
    developer, other = registered(), registered()
    by_staff, _ = make_client()
    retired = registered()
    retired.ask("DELETE")
    own = developer.told["registration_access_token"]
    tries = [
        developer.ask("GET", token="made-up"),
        developer.ask("GET", token=other.told["registration_access_token"]),
        developer.ask("GET", token=""),
        developer.ask("GET", token="from-staff-0"),
        developer.ask("GET", token=own, path=f"/oauth/register/{by_staff.client_id}"),
        developer.ask("GET", token=own, path="/oauth/register/nobody"),
        developer.ask("GET", token=own, path=f"/oauth/register/{'x' * 3000}"),
        retired.ask("GET"),
        developer.ask("PUT", {"client_id": other.client_id}, token=own, path=other.path),
        developer.ask("DELETE", token=own, path=other.path),
    ]
    assert {answer.status_code for answer in tries} == {401}
    assert len({plain(answer.content) for answer in tries}) == 1
    assert {answer["WWW-Authenticate"] for answer in tries} == {'Bearer error="invalid_token"'}
    assert other.application.status == "draft"


def test_an_access_token_is_no_registration_access_token() -> None:
    developer = registered()
    ensure_keys()
    token = run_authorization_code(developer.put_live(), make_user(), "openid").access_token
    assert developer.ask("GET", token=token).status_code == 401


@pytest.mark.parametrize("method", ["POST", "PATCH", "HEAD", "OPTIONS"])
def test_other_methods_are_refused_by_name(method: str) -> None:
    answer = registered().ask(method, {})
    assert answer.status_code == 405
    assert answer["Allow"] == "GET, PUT, DELETE"
