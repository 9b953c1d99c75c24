"""Why an app could not register itself, or not change its registration."""

from django.utils import timezone

from oauth.causes.callers import status_of
from oauth.causes.clients import moment
from oauth.causes.why import Why
from oauth.models import Application, ClientRegistration, InitialAccessToken
from oauth.tokens.checksum import token_checksum


def of_initial_token(token: str) -> Why:
    """Why this text does not let an app register."""
    rule, expected = "check_initial_access_token", "an initial access token in force"
    if not token:
        return Why(rule, "No initial access token came in the Authorization header.", expected)
    found = InitialAccessToken.objects.filter(digest=token_checksum(token)).first()
    if found is None:
        return Why(rule, "No initial access token is equal to the one that came.", expected)
    if found.revoked is not None:
        return Why(
            rule, f"The initial access token {found} was revoked on {moment(found.revoked)}.", expected
        )
    if found.expires is not None and found.expires <= timezone.now():
        return Why(rule, f"The initial access token {found} expired on {moment(found.expires)}.", expected)
    return Why(rule, f"The initial access token {found} has no registration left.", expected)


def of_registration_token(client_id: str, token: str) -> Why:
    """Why this text does not open the registration of this client."""
    rule, expected = "check_registration_access_token", "the registration access token of this client"
    if not token:
        return Why(rule, "No registration access token came in the Authorization header.", expected)
    rows = ClientRegistration.objects.select_related("application")
    found = rows.filter(digest=token_checksum(token)).first()
    if found is None:
        return Why(rule, _of_unknown_token(client_id), expected)
    if found.application.client_id != client_id:
        cause = f"The registration access token is that of another client, {found.application.client_id}."
        return Why(rule, cause, expected)
    return Why(rule, status_of(found.application), "not retired", found.application.status)


def _of_unknown_token(client_id: str) -> str:
    client = Application.objects.filter(client_id=client_id).first() if client_id.isprintable() else None
    if client is None:
        return "No client has the client_id of this address, and no registration this token."
    if not ClientRegistration.objects.filter(application=client).exists():
        return f"The client {client.client_id} did not register itself: staff did."
    return "The registration access token is wrong, or another one took its place."
