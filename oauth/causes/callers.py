"""Why a client has not proven itself. The rules are asked again in the order of oauth.clients.authentication,
of the client as the database has it now, with what the refused client must not be told.
"""

import base64
from collections.abc import Mapping
from urllib.parse import unquote_plus

from django.utils import timezone

from oauth.causes import assertions
from oauth.causes.clients import moment, of_status, of_unknown
from oauth.causes.secrets_of_others import whose_secret
from oauth.causes.why import Why
from oauth.clients.authentication import is_by_assertion
from oauth.clients.secrets import is_same
from oauth.models import Application, ClientSecret

Method = Application.AuthMethod
_MOST_KNOWN = 500
_LONGEST = 255


def of_caller(authorization: str, form: Mapping[str, str]) -> Why:
    """Why nobody has proven to be a client by this Authorization header and these form fields."""
    if is_by_assertion(form):
        if authorization or form.get("client_secret"):
            return _twice("an assertion", "an Authorization header" if authorization else "a client_secret")
        return assertions.of_assertion(form)
    if authorization:
        return _of_basic(authorization, form)
    if secret := form.get("client_secret"):
        return _of_secret(form.get("client_id", ""), secret, Method.POST)
    return _of_public(form)


def unusable(client_id: str) -> Why | None:
    """Why there is no live client of this id; None if there is one."""
    if not client_id or len(client_id) > _LONGEST or not client_id.isprintable():
        return Why("check_client", "The request does not say which client it comes from.", "a client_id")
    client = Application.objects.filter(client_id=client_id).first()
    if client is None:
        known = Application.objects.order_by("-pk").values_list("client_id", "name")[:_MOST_KNOWN]
        return Why("check_client", of_unknown([client_id], known), "the client_id of a live client")
    if client.is_live:
        return None
    return Why("check_client", status_of(client), "live", client.status)


def status_of(client: Application) -> str:
    """Which status keeps the client from taking part, and since when."""
    return of_status(client.client_id, client.status, client.status_since)


def _twice(one: str, other: str) -> Why:
    cause = f"The client sent {one} and {other} at once."
    return Why("check_one_proof", cause, "one way of authenticating", "two")


def _of_basic(authorization: str, form: Mapping[str, str]) -> Why:
    rule = "check_basic"
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        shown = scheme if scheme.isalpha() and len(scheme) < 20 else "another"
        return Why(rule, f"The Authorization header is of the scheme {shown}, not Basic.", "Basic", shown)
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:
        return Why(rule, "What follows after Basic is not base64 of client_id, colon and secret.", "base64")
    client_id, colon, secret = decoded.partition(":")
    if not colon:
        return Why(rule, "The Basic credentials have no colon between client_id and secret.")
    if form.get("client_secret"):
        return _twice("its secret by HTTP Basic", "a client_secret in the body")
    if form.get("client_id", unquote_plus(client_id)) != unquote_plus(client_id):
        cause = "The client_id in the body is not the one in the Authorization header."
        return Why("check_one_client", cause)
    return _of_secret(unquote_plus(client_id), unquote_plus(secret), Method.BASIC, as_sent=secret)


def _of_secret(client_id: str, secret: str, method: Method, as_sent: str = "") -> Why:
    if why := unusable(client_id):
        return why
    client = Application.objects.get(client_id=client_id)
    if not client.has_secrets or client.token_endpoint_auth_method != method:
        return wrong_method(client, str(method))
    return Why("check_secret", _about(client, secret, as_sent), "one of the client's secrets in force")


def wrong_method(client: Application, received: str) -> Why:
    """The client proved itself in another way than that which it is registered for."""
    registered = str(client.token_endpoint_auth_method)
    how = "sent no proof of itself" if received == Method.NONE else f"authenticated by {received}"
    cause = f"The client is registered for {registered} and {how}."
    return Why("check_method", cause, registered, received)


def _about(client: Application, secret: str, as_sent: str) -> str:
    """What is wrong with a secret that opens nothing."""
    now = timezone.now()
    known = list(client.secrets.order_by("pk"))
    in_force = [one for one in known if one.starts <= now and (one.ends is None or one.ends > now)]
    if not secret:
        return "The secret is empty."
    for variant, what in (
        (secret.strip(), "with white space around it"),
        (as_sent, "without the form encoding that HTTP Basic asks of it"),
    ):
        if variant not in ("", secret) and any(is_same(one.digest, variant) for one in in_force):
            return f"The client sent its secret {what}."
    for one in known:
        if one not in in_force and is_same(one.digest, secret):
            return _out_of_force(one)
    if other := whose_secret(client, secret):
        return f"The secret is one of another client, {other.client_id} ({other.name[:100]})."
    return _none_matches(known, in_force)


def _out_of_force(secret: ClientSecret) -> str:
    if secret.ends is not None and secret.ends <= timezone.now():
        return f"The client secret number {secret.pk} ended on {moment(secret.ends)}."
    return f"The client secret number {secret.pk} begins on {moment(secret.starts)}."


def _none_matches(known: list[ClientSecret], in_force: list[ClientSecret]) -> str:
    if not known:
        return "The client has no secret at all."
    if not in_force:
        return "No secret of this client is in force, and the one that came was never one of them."
    used = max((one.last_used for one in in_force if one.last_used), default=None)
    last = f" the last right one came on {moment(used)}" if used else " a right one never came"
    return f"No secret of this client matches; it has {len(in_force)} in force, and{last}."


def _of_public(form: Mapping[str, str]) -> Why:
    if not form.get("client_id") and form.get("refresh_token"):
        cause = "The request has no client_id, and its refresh token is unknown."
        return Why("check_client", cause, "a client_id")
    if why := unusable(form.get("client_id", "")):
        return why
    return wrong_method(Application.objects.get(client_id=form["client_id"]), str(Method.NONE))
