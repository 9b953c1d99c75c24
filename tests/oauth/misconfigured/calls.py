"""Calls of the FHIR API that are refused: they end the timeline of the authorization that they rest on."""

from typing import Any

from django.test import Client as Browser
from django.utils import timezone

from oauth.models import AccessToken, Grant
from tests.oauth.flow import Flow
from tests.oauth.misconfigured.codes import TO_TOKENS, begun, tokens_of
from tests.oauth.misconfigured.table import Seen, ends_at
from tests.oauth.services import make_service, post


def _called(flow: Flow, path: str, token: str) -> Seen:
    answer: Any = Browser().get(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in (401, 403, 404), answer.content
    return Seen(reference=Grant.objects.get(application=flow.application).attempt)


@ends_at("read", "check_reach", "There is no Patient/p2 that this token can see.", TO_TOKENS)
def call_of_another_patients_record() -> Seen:
    flow = begun("patient/*.rs")
    return _called(flow, "/fhir/Patient/p2", tokens_of(flow)["access_token"])


@ends_at("search-type", "check_scope", "The token's scopes do not allow 's' on Condition.", TO_TOKENS)
def call_without_a_scope_for_it() -> Seen:
    flow = begun("patient/Observation.rs")
    return _called(flow, "/fhir/Condition", tokens_of(flow)["access_token"])


@ends_at(
    "search-type",
    "check_token",
    "The access token was revoked on {time}. The session that it was given for was ended on {time}.",
    TO_TOKENS,
)
def call_after_signing_out_of_an_online_session() -> Seen:
    flow = begun("patient/*.rs online_access")
    token = tokens_of(flow)["access_token"]
    flow.browser.post("/accounts/logout/")
    return _called(flow, "/fhir/Condition", token)


@ends_at("search-type", "check_token", "The access token expired {n} seconds ago.", TO_TOKENS)
def call_with_an_expired_token() -> Seen:
    flow = begun("patient/*.rs")
    token = tokens_of(flow)["access_token"]
    AccessToken.objects.update(expires=timezone.now())
    return _called(flow, "/fhir/Condition", token)


@ends_at(
    "introspection", "check_introspection", "The bearer token lacks the scope introspection.", "service-token"
)
def introspection_with_a_token_for_something_else() -> Seen:
    service = make_service(introspection="any")
    bearer = service.bearer("system/*.rs")
    token = bearer["Authorization"].partition(" ")[2]
    return Seen(post("/oauth/introspect", {"token": token}, bearer))
