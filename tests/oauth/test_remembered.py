"""What a process remembers of clients never outlives a change: each counts at the very next request."""

from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.utils import timezone

from oauth import remembered
from oauth.clients.secrets import add_secret
from oauth.models import AccessToken, Application, ClientAssertionJti, ClientSecret, Scope
from oauth.signing_keys import activate, new_key
from tests.oauth.flow import Result, basic, make_client, make_user, post_token, run_authorization_code
from tests.oauth.services import Service, ec_key, jwk_of, jwks_of, make_service
from tests.oauth.test_middleware import introspect

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> tuple[Application, str]:
    return make_client(confidential=True, introspection="own")


@pytest.fixture
def result(client: tuple[Application, str]) -> Result:
    """Tokens of the client, which this process remembers from here on."""
    registered, secret = client
    scope = "openid patient/*.rs offline_access"
    result = run_authorization_code(registered, make_user("Patient/p1"), scope, secret)
    assert ask(result, client).json()["active"]
    return result


def ask(result: Result, client: tuple[Application, str], secret: str = "") -> Any:
    return introspect(result.tokens["access_token"], client[0], secret or client[1])


def refresh(result: Result, client: tuple[Application, str], secret: str = "") -> Any:
    form = {"grant_type": "refresh_token", "refresh_token": result.tokens["refresh_token"]}
    return post_token(form, {"Authorization": basic(client[0].client_id, secret or client[1])})


def _to(**values: Any) -> Any:
    return lambda client: Application.objects.filter(pk=client[0].pk).update(**values)


REFUSING: dict[str, Any] = {
    "its secret is ended": lambda _: ClientSecret.objects.update(ends=timezone.now()),
    "its secret is put off": lambda _: ClientSecret.objects.update(
        starts=timezone.now() + timedelta(hours=1)
    ),
    "its secret is deleted": lambda _: ClientSecret.objects.all().delete(),
    "it is suspended": _to(status="suspended"),
    "it must prove itself otherwise": _to(token_endpoint_auth_method="client_secret_post"),
    "it is public now": _to(client_type="public", token_endpoint_auth_method="none"),
}


@pytest.mark.parametrize("change", REFUSING.values(), ids=REFUSING)
def test_a_client_is_refused_as_soon_as(change: Any, client: Any, result: Result) -> None:
    tokens = AccessToken.objects.count()
    change(client)
    for answer in (ask(result, client), refresh(result, client)):
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_client"
    assert AccessToken.objects.count() == tokens


def test_a_secret_ends_by_the_clock_without_any_change(
    client: Any, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    ClientSecret.objects.update(ends=timezone.now() + timedelta(hours=1))
    assert ask(result, client).status_code == 200
    later = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr("oauth.clients.authentication.timezone.now", lambda: later)
    assert ask(result, client).status_code == 401


def test_a_new_secret_opens_the_door_at_once(client: Any, result: Result) -> None:
    second = add_secret(client[0])
    assert ask(result, client, second).json()["active"]
    assert refresh(result, client, second).status_code == 200


def test_what_a_client_may_no_longer_ask_is_refused_at_once(client: Any, result: Result) -> None:
    _to(introspection="none")(client)
    assert ask(result, client).status_code == 403


def test_a_grant_type_that_was_taken_away_is_refused_at_once(client: Any, result: Result) -> None:
    _to(grant_types=["authorization_code"])(client)
    assert refresh(result, client).json()["error"] == "unauthorized_client"


def test_a_scope_that_was_switched_off_is_not_granted_any_more(client: Any, result: Result) -> None:
    Scope.objects.filter(pattern__startswith="patient/").update(enabled=False)
    assert ask(result, client).json()["scope"] == "openid offline_access"
    assert refresh(result, client).json()["scope"] == "openid offline_access"


def test_a_key_that_took_the_place_of_another_signs_at_once(service: Service) -> None:
    old, new = kid_of(service.ask_token()), new_key("ES256")
    activate(new)
    assert kid_of(service.ask_token()) == new.kid != old


def kid_of(answer: Any) -> str:
    return str(jwt.get_unverified_header(answer.json()["access_token"])["kid"])


def test_a_token_that_nobody_knows_is_told_of_by_what_is_known_now(client: Any, result: Result) -> None:
    AccessToken.objects.update(revoked=timezone.now())
    assert ask(result, client).json() == {"active": False}
    ClientSecret.objects.all().delete()
    assert ask(result, client).status_code == 401


@pytest.fixture
def service() -> Service:
    service = make_service()
    assert service.ask_token().status_code == 200
    return service


def _register(service: Service, **values: Any) -> None:
    Application.objects.filter(pk=service.application.pk).update(**values)


def test_a_service_whose_key_was_changed_is_refused_with_the_old_one(service: Service) -> None:
    tokens = AccessToken.objects.count()
    _register(service, client_jwks=jwks_of(jwk_of(ec_key(1), service.kid)))
    assert service.ask_token().json()["error"] == "invalid_client"
    assert AccessToken.objects.count() == tokens
    service.private = ec_key(1)
    assert service.ask_token().status_code == 200


def test_a_service_that_may_ask_for_less_gets_less(service: Service) -> None:
    _register(service, scope="system/Patient.rs")
    assert service.ask_token("system/*.rs").json()["scope"] == "system/Patient.rs"
    _register(service, grant_types=["authorization_code"])
    assert service.ask_token().json()["error"] == "unauthorized_client"


def test_an_assertion_that_was_refused_for_its_scope_is_used_up(service: Service) -> None:
    proof = service.proof()
    assert service.ask_token("system/nothing", **proof).json()["error"] == "invalid_scope"
    answer = service.ask_token(**proof)
    assert answer.status_code == 401
    assert "jti" in answer.json()["error_description"]


def test_an_assertion_is_used_up_once_when_the_client_had_to_be_looked_up_again(service: Service) -> None:
    _register(service, name="Another name")
    used = ClientAssertionJti.objects.count()
    proof = service.proof()
    assert service.ask_token(**proof).status_code == 200
    assert ClientAssertionJti.objects.count() == used + 1
    assert service.ask_token(**proof).status_code == 401


def test_the_process_remembers_a_thousand_clients_and_no_more(
    client: Any, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "_MOST_CLIENTS", 1)
    make_service().ask_token()
    assert list(remembered._clients) != [client[0].client_id]
    assert len(remembered._clients) == 1
    assert ask(result, client).json()["active"]


def test_who_is_overtaken_by_changes_again_and_again_is_told_to_try_again(
    client: Any, result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outdated(*args: Any, **kwargs: Any) -> None:
        raise remembered.OutdatedError

    monkeypatch.setattr("oauth.views.introspect.introspect", outdated)
    answer = ask(result, client)
    assert answer.status_code == 503
    assert answer.json()["error"] == "temporarily_unavailable"
