"""Clients that prove themselves wrongly by a secret, or not at all."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from oauth.clients.secrets import add_secret
from oauth.models import ClientSecret
from tests.oauth.flow import basic, make_client, post_token
from tests.oauth.misconfigured.codes import TO_A_CODE, begun
from tests.oauth.misconfigured.table import Seen, ends_at
from tests.oauth.services import post


def _exchanged(secret: str, **fields: Any) -> Seen:
    """A code that is in order, exchanged by its client with this secret."""
    flow = begun(secret=True)
    code, flow.secret = flow.code(), secret
    return Seen(flow.exchange(code, **fields))


@ends_at(
    "token",
    "check_secret",
    "No secret of this client matches; it has 1 in force, and a right one never came.",
    TO_A_CODE,
)
def wrong_secret() -> Seen:
    return _exchanged("nobodys-secret-at-all")


@ends_at("token", "check_secret", "The client secret number {number} ended on {time}.", TO_A_CODE)
def secret_that_has_ended() -> Seen:
    flow = begun(secret=True)
    code = flow.code()
    ClientSecret.objects.update(ends=timezone.now() - timedelta(days=1))
    add_secret(flow.application)
    number = flow.application.secrets.order_by("pk")[0].pk
    return Seen(flow.exchange(code), values={"number": number})


@ends_at("token", "check_secret", "The client secret number {number} begins on {time}.", TO_A_CODE)
def secret_that_has_not_begun() -> Seen:
    flow = begun(secret=True)
    code = flow.code()
    flow.secret = add_secret(flow.application, starts=timezone.now() + timedelta(days=1))
    number = flow.application.secrets.order_by("-pk")[0].pk
    return Seen(flow.exchange(code), values={"number": number})


@ends_at(
    "token",
    "check_secret",
    "The secret is one of another client, {other} (Lab Viewer Test).",
    TO_A_CODE,
)
def secret_of_the_other_environment() -> Seen:
    other, secret = make_client(confidential=True, name="Lab Viewer Test")
    seen = _exchanged(secret)
    seen.values["other"] = other.client_id
    return seen


@ends_at("token", "check_secret", "The client sent its secret with white space around it.", TO_A_CODE)
def secret_with_a_line_end() -> Seen:
    flow = begun(secret=True)
    code, flow.secret = flow.code(), f"{flow.secret}\n"
    return Seen(flow.exchange(code))


@ends_at(
    "token",
    "check_method",
    "The client is registered for client_secret_basic and authenticated by client_secret_post.",
    TO_A_CODE,
)
def secret_in_the_body_instead_of_the_header() -> Seen:
    flow = begun(secret=True)
    code, secret, flow.secret = flow.code(), flow.secret, ""
    return Seen(flow.exchange(code, client_secret=secret))


@ends_at(
    "token",
    "check_method",
    "The client is registered for client_secret_basic and sent no proof of itself.",
    TO_A_CODE,
)
def no_secret_at_all() -> Seen:
    flow = begun(secret=True)
    code, flow.secret = flow.code(), ""
    return Seen(flow.exchange(code))


@ends_at(
    "token",
    "check_method",
    "The client is registered for none and authenticated by client_secret_basic.",
)
def secret_of_a_public_client() -> Seen:
    app, _ = make_client()
    headers = {"Authorization": basic(app.client_id, "it-has-none-of-these")}
    return Seen(post_token({"grant_type": "authorization_code", "code": "x"}, headers))


@ends_at(
    "token",
    "check_one_proof",
    "The client sent its secret by HTTP Basic and a client_secret in the body at once.",
)
def secret_in_two_places() -> Seen:
    app, secret = make_client(confidential=True)
    form = {"grant_type": "authorization_code", "code": "x", "client_secret": secret}
    return Seen(post_token(form, {"Authorization": basic(app.client_id, secret)}))


@ends_at(
    "token",
    "check_basic",
    "The Authorization header is of the scheme Bearer, not Basic.",
)
def token_in_the_place_of_the_secret() -> Seen:
    form = {"grant_type": "authorization_code", "code": "x"}
    return Seen(post_token(form, {"Authorization": "Bearer a-token-of-some-kind"}))


@ends_at("token", "check_grant_type", "grant_type is password: supported are {supported}.")
def password_grant() -> Seen:
    app, _ = make_client()
    form = {
        "grant_type": "password",
        "username": "ada",
        "password": "correct horse",
        "client_id": app.client_id,
    }
    supported = "authorization_code, refresh_token, client_credentials"
    return Seen(post_token(form), values={"supported": supported})


@ends_at(
    "introspection", "check_introspection", "The client {client} is registered for introspection of: none."
)
def introspection_by_a_client_without_the_right() -> Seen:
    app, secret = make_client(confidential=True)
    answer = post("/oauth/introspect", {"token": "x"}, {"Authorization": basic(app.client_id, secret)})
    return Seen(answer, values={"client": app.client_id})


@ends_at("revocation", "check_client", "No client has this client_id.")
def revocation_by_an_unknown_client() -> Seen:
    return Seen(post("/oauth/revoke", {"token": "x", "client_id": "nobody-in-particular"}))
