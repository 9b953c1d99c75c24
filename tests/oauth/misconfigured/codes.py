"""Codes and refresh tokens as apps exchange them wrongly."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from oauth.clients import status as client_status
from oauth.models import Application, Consent, Grant
from oauth.tokens.revocation import withdraw
from tests.oauth.flow import Flow, challenge_of, make_client, make_user
from tests.oauth.misconfigured.table import Seen, ends_at
from tests.oauth.services import post

TO_A_CODE = "request sign-in context consent consent code"
TO_TOKENS = f"{TO_A_CODE} token"


def begun(scope: str = "patient/*.rs offline_access", secret: bool = False) -> Flow:
    """An app and somebody who is signed in; nothing is asked yet."""
    app, known = make_client(confidential=secret)
    return Flow(app, make_user("Patient/p1"), scope=scope, secret=known)


def tokens_of(flow: Flow) -> dict[str, Any]:
    """The tokens of a whole authorization."""
    answer: Any = flow.exchange(flow.code())
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


@ends_at("token", "check_code", "code is missing.")
def no_code() -> Seen:
    return Seen(begun().exchange(""))


@ends_at(
    "token",
    "check_code",
    "No code is known that is equal to the one that came: it was never given, or has long run out.",
)
def made_up_code() -> Seen:
    return Seen(begun().exchange("x" * 43))


@ends_at(
    "token",
    "check_code",
    "The code that came has 46 characters, and those of this server have 43.",
)
def code_that_is_still_percent_encoded() -> Seen:
    return Seen(begun().exchange("%3D" + "x" * 43))


@ends_at(
    "token", "check_code_in_time", "The code expired {n} seconds ago; it is good for 60 seconds.", TO_A_CODE
)
def code_exchanged_too_late() -> Seen:
    flow = begun()
    code = flow.code()
    late = timezone.now() - timedelta(seconds=90)
    Grant.objects.update(created=late, expires=late + timedelta(seconds=60))
    return Seen(flow.exchange(code))


@ends_at(
    "token",
    "check_used_once",
    "The code was used already, on {time}; a code is good for one exchange.",
    f"{TO_TOKENS} revocation",
)
def code_exchanged_twice() -> Seen:
    flow = begun()
    code = flow.code()
    flow.exchange(code)
    return Seen(flow.exchange(code))


@ends_at(
    "token", "check_code_client", "The code was given to another client, {owner} (Lab Viewer).", TO_A_CODE
)
def code_of_another_client() -> Seen:
    flow, (other, _) = begun(), make_client()
    answer = Flow(other, None, verifier=flow.verifier).exchange(flow.code())
    return Seen(answer, values={"owner": flow.application.client_id})


@ends_at(
    "token",
    "check_code_verifier",
    "The code_verifier does not match: its SHA-256 is not the code_challenge of the authorization.",
    TO_A_CODE,
)
def verifier_of_another_request() -> Seen:
    flow = begun()
    return Seen(flow.exchange(flow.code(), code_verifier="v" * 43))


@ends_at("token", "check_code_verifier", "The code_challenge itself came as code_verifier.", TO_A_CODE)
def challenge_in_the_place_of_the_verifier() -> Seen:
    flow = begun()
    return Seen(flow.exchange(flow.code(), code_verifier=challenge_of(flow.verifier)))


@ends_at(
    "token",
    "check_code_verifier",
    "code_verifier is missing: PKCE was begun at the authorization and not ended here.",
    TO_A_CODE,
)
def pkce_forgotten_at_the_exchange() -> Seen:
    flow = begun()
    return Seen(flow.exchange(flow.code(), code_verifier=None))


@ends_at(
    "token",
    "check_redirect_uri",
    "redirect_uri differs from that of the authorization request only by a trailing slash.",
    TO_A_CODE,
)
def another_redirect_uri_at_the_exchange() -> Seen:
    flow = begun()
    return Seen(flow.exchange(flow.code(), redirect_uri=f"{flow.redirect_uri}/"))


@ends_at(
    "token",
    "check_redirect_uri",
    "redirect_uri is missing, which the authorization request had.",
    TO_A_CODE,
)
def no_redirect_uri_at_the_exchange() -> Seen:
    flow = begun()
    return Seen(flow.exchange(flow.code(), redirect_uri=None))


@ends_at("token", "check_client", "The client {client} is suspended, since {time}.", TO_A_CODE)
def client_suspended_before_the_exchange() -> Seen:
    flow = begun()
    code = flow.code()
    client_status.change(Application.objects.filter(pk=flow.application.pk), "suspended")
    return Seen(flow.exchange(code), values={"client": flow.application.client_id})


@ends_at("token", "check_code", "The consent was withdrawn on {time}.", TO_A_CODE)
def consent_withdrawn_before_the_exchange() -> Seen:
    flow = begun()
    code = flow.code()
    withdraw(flow.user, flow.application)
    return Seen(flow.exchange(code))


@ends_at(
    "refresh",
    "check_used_once",
    "The refresh token was used already, on {time}; its successor is still good.",
    f"{TO_TOKENS} refresh",
)
def refresh_token_used_twice() -> Seen:
    flow = begun()
    shown = tokens_of(flow)["refresh_token"]
    flow.refresh(shown)
    return Seen(flow.refresh(shown))


@ends_at(
    "refresh",
    "check_refresh_alive",
    "The refresh token was revoked on {time}: The app revoked its refresh token, and with it all 2 tokens of"
    " the authorization.",
    f"{TO_TOKENS} revocation",
)
def refresh_token_revoked_by_the_app_itself() -> Seen:
    flow = begun()
    shown = tokens_of(flow)["refresh_token"]
    post("/oauth/revoke", {"token": shown, "client_id": flow.application.client_id})
    return Seen(flow.refresh(shown))


@ends_at(
    "refresh",
    "check_refresh_alive",
    "The refresh token was revoked on {time}. The consent was withdrawn on {time}.",
    TO_TOKENS,
)
def refresh_after_the_consent_was_withdrawn() -> Seen:
    flow = begun()
    shown = tokens_of(flow)["refresh_token"]
    withdraw(flow.user, flow.application)
    return Seen(flow.refresh(shown))


@ends_at(
    "refresh",
    "check_refresh_alive",
    "The refresh token was revoked on {time}. The consent ran out on {time}.",
    TO_TOKENS,
)
def refresh_after_the_consent_ran_out() -> Seen:
    flow = begun()
    shown = tokens_of(flow)["refresh_token"]
    Consent.objects.update(expires=timezone.now() - timedelta(seconds=1))
    return Seen(flow.refresh(shown))


@ends_at("refresh", "check_scope", "scope grew: patient/*.cruds was not granted.", TO_TOKENS)
def refresh_with_more_scope() -> Seen:
    flow = begun()
    return Seen(flow.refresh(tokens_of(flow)["refresh_token"], scope="patient/*.cruds"))


@ends_at("refresh", "check_refresh_token", "An access token came as refresh_token.", TO_TOKENS)
def access_token_in_the_place_of_the_refresh_token() -> Seen:
    flow = begun()
    return Seen(flow.refresh(tokens_of(flow)["access_token"]))


@ends_at(
    "refresh",
    "check_refresh_client",
    "The refresh token was given to another client, {owner} (Lab Viewer).",
    TO_TOKENS,
)
def refresh_token_of_another_client() -> Seen:
    flow, (other, _) = begun(), make_client()
    answer = Flow(other, None).refresh(tokens_of(flow)["refresh_token"])
    return Seen(answer, values={"owner": flow.application.client_id})
