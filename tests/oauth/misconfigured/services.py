"""Clients that prove themselves wrongly by a key, and backend services that ask for what they cannot have."""

import json
import time
from datetime import timedelta
from typing import Any

from django.utils import timezone

from oauth.clients import status as client_status
from oauth.models import Application, FetchedKeySet
from tests.oauth.flow import make_client
from tests.oauth.jwks_host import jwks_host
from tests.oauth.misconfigured.table import Seen, ends_at
from tests.oauth.services import (
    TOKEN_URL,
    Service,
    ec_key,
    encode,
    jwk_of,
    jwks_of,
    make_service,
    rsa_key,
)


def _asked(headers: dict[str, Any] | None = None, **claims: Any) -> Seen:
    """A token asked for with an assertion whose header or claims are changed."""
    service = make_service()
    answer = service.ask_token(**service.proof(headers=headers, **claims))
    return Seen(answer, values={"client": service.application.client_id, "url": TOKEN_URL})


def _now() -> int:
    return int(time.time())


@ends_at("service-token", "check_kid", "kid second is not among the 1 key (first) registered.")
def kid_that_was_never_registered() -> Seen:
    return _asked(headers={"kid": "second"})


@ends_at(
    "service-token",
    "check_kid",
    "kid second is not among the 1 key (first) published at {jwks}, fetched on {time}, {n} seconds before.",
)
def key_rotated_before_it_is_published() -> Seen:
    with jwks_host() as host:
        host.body = jwks_of(jwk_of(ec_key(), "first")).encode()
        service = make_service(client_jwks="", client_jwks_uri=host.url)
        assert service.ask_token().status_code == 200
        long_ago = timezone.now() - timedelta(seconds=60)
        FetchedKeySet.objects.update(fetched=long_ago, tried=long_ago)
        rotated = Service(service.application, ec_key(1), "second", "ES384")
        answer = rotated.ask_token()
        assert len(host.seen) == 2, "the stale set was fetched anew"
        return Seen(answer, values={"jwks": host.url})


@ends_at(
    "service-token",
    "check_kid",
    "kid second is not among the 1 key (first) published at {jwks}, fetched on {time}, 60 seconds before;"
    " fetching it anew on {time} failed: {failure}.",
)
def key_rotated_while_the_key_server_is_down() -> Seen:
    with jwks_host() as host:
        host.body = jwks_of(jwk_of(ec_key(), "first")).encode()
        service = make_service(client_jwks="", client_jwks_uri=host.url)
        assert service.ask_token().status_code == 200
        long_ago = timezone.now() - timedelta(seconds=60)
        FetchedKeySet.objects.update(fetched=long_ago, tried=long_ago)
        host.status = 500
        answer = Service(service.application, ec_key(1), "second", "ES384").ask_token()
        return Seen(
            answer, values={"jwks": host.url, "failure": FetchedKeySet.objects.get().failure.rstrip(".")}
        )


@ends_at("service-token", "check_keys", "The key set at {jwks} could not be fetched on {time}: {failure}.")
def key_server_that_is_down() -> Seen:
    with jwks_host() as host:
        host.status = 500
        answer = make_service(client_jwks="", client_jwks_uri=host.url).ask_token()
        return Seen(
            answer, values={"jwks": host.url, "failure": FetchedKeySet.objects.get().failure.rstrip(".")}
        )


@ends_at(
    "service-token",
    "check_signature",
    "The signature is not one of the key first: the app signs with another private key.",
)
def private_key_of_the_other_environment() -> Seen:
    service = make_service()
    return Seen(Service(service.application, ec_key(7), "first", "ES384").ask_token())


@ends_at(
    "service-token",
    "check_signature",
    "The assertion is signed by the key second, and its kid names first.",
)
def kid_of_the_other_key() -> Seen:
    keys = jwks_of(jwk_of(ec_key(), "first"), jwk_of(ec_key(1), "second"))
    service = make_service(client_jwks=keys)
    return Seen(Service(service.application, ec_key(1), "first", "ES384").ask_token())


@ends_at(
    "service-token",
    "check_kid",
    "The registered key with this kid is not for RS384: first (it is for ES384, the assertion is signed by"
    " RS384).",
)
def algorithm_of_another_type_of_key() -> Seen:
    service = make_service()
    return Seen(Service(service.application, rsa_key(), "first", "RS384").ask_token())


@ends_at(
    "service-token",
    "check_alg",
    "alg is HS256, which is made with a shared secret and not with a private key; it must be RS384 or ES384.",
)
def assertion_signed_with_a_shared_secret() -> Seen:
    service = make_service()
    header = encode(json.dumps({"alg": "HS256", "kid": "first"}))
    return Seen(service.ask_token(**service.proof(f"{header}.{encode(service.claims())}.c2lnbmVk")))


@ends_at(
    "service-token",
    "check_exp",
    "exp is {n} seconds in the past: the app's clock is about {n} seconds behind, or it kept the assertion"
    " for so long.",
)
def clock_that_is_behind() -> Seen:
    now = _now() - 400
    return _asked(iat=now, exp=now + 240)


@ends_at(
    "service-token",
    "check_exp",
    "exp is {n} seconds in the future, 300 are the most: the app's clock is about {n} seconds ahead.",
)
def clock_that_is_ahead() -> Seen:
    now = _now() + 120
    return _asked(iat=now, exp=now + 240)


@ends_at(
    "service-token",
    "check_exp",
    "exp is {n} seconds in the future, 300 are the most.",
)
def assertion_for_an_hour() -> Seen:
    return _asked(exp=_now() + 3600)


@ends_at(
    "service-token", "check_nbf", "nbf is {n} seconds in the future: the app's clock is about so much ahead."
)
def not_before_by_a_clock_that_is_ahead() -> Seen:
    return _asked(nbf=_now() + 30)


@ends_at(
    "service-token",
    "check_aud",
    "aud is {url}/ instead of {url}, which differs only by a trailing slash.",
)
def audience_with_a_trailing_slash() -> Seen:
    return _asked(aud=f"{TOKEN_URL}/")


@ends_at("service-token", "check_aud", "aud is https://other.example/token instead of {url}.")
def audience_of_another_server() -> Seen:
    return _asked(aud="https://other.example/token")


@ends_at(
    "service-token",
    "check_iss_and_sub",
    "iss is {client} and sub is the-service; both must be the client_id.",
)
def subject_that_is_not_the_issuer() -> Seen:
    return _asked(sub="the-service")


@ends_at(
    "service-token",
    "check_jti",
    "The jti was used on {time}: every request needs an assertion of its own.",
)
def assertion_sent_twice() -> Seen:
    service = make_service()
    proof = service.proof()
    assert service.ask_token(**proof).status_code == 200
    return Seen(service.ask_token(**proof))


@ends_at("service-token", "check_client", "The client {client} is suspended, since {time}.")
def suspended_service() -> Seen:
    service = make_service()
    client_status.change(Application.objects.filter(pk=service.application.pk), "suspended")
    return Seen(service.ask_token(), values={"client": service.application.client_id})


@ends_at(
    "service-token",
    "check_scope",
    "None of the asked scopes can be granted: system/Observation.rs is not within what the client is"
    " registered for (system/Patient.rs).",
)
def service_that_asks_for_another_type() -> Seen:
    return Seen(make_service("system/Patient.rs").ask_token("system/Observation.rs"))


@ends_at(
    "service-token",
    "check_scope",
    "patient/*.rs has no meaning without a person; system/ scopes are asked here.",
)
def service_that_asks_for_a_patients_scope() -> Seen:
    return Seen(make_service().ask_token("patient/*.rs"))


@ends_at(
    "service-token",
    "check_grant_type",
    "The client is registered for authorization_code, refresh_token only.",
)
def app_that_is_no_backend_service() -> Seen:
    service = make_service(grant_types=["authorization_code", "refresh_token"])
    assert make_client()
    return Seen(service.ask_token())
