"""Why somebody may not introspect."""

from django.utils import timezone

from oauth.causes.callers import status_of
from oauth.causes.clients import moment
from oauth.causes.why import Why
from oauth.models import AccessToken, Application
from oauth.tokens.verification import NotOurToken, verify

Introspection = Application.Introspection


def of_introspection(client: Application) -> Why:
    """Why this client, which has proven itself, may ask about no token."""
    if client.is_public:
        cause = f"The client {client.client_id} is public; anybody could ask in its name."
        return Why("check_introspection", cause, "a confidential client", "a public client")
    cause = f"The client {client.client_id} is registered for introspection of: {client.introspection}."
    return Why("check_introspection", cause, "own or any", client.introspection)


def of_bearer(token: str) -> Why:
    """Why whoever holds this access token may not ask."""
    rule, expected = "check_introspection", "a living access token with the scope introspection"
    try:
        verified = verify(token)
    except NotOurToken as error:
        return Why(rule, f"The bearer token is none of this server's: {error}", expected)
    rows = AccessToken.objects.select_related("application")
    row = rows.filter(token_checksum=verified.checksum).first()
    if row is None:
        return Why(rule, "The bearer token is none that this server has kept.", expected)
    if row.revoked is not None:
        return Why(rule, f"The bearer token was revoked on {moment(row.revoked)}.", expected)
    if row.expires <= timezone.now():
        return Why(rule, f"The bearer token expired on {moment(row.expires)}.", expected)
    if not row.application.is_live:
        return Why(rule, status_of(row.application), expected)
    if "introspection" not in row.scope.split():
        return Why(rule, "The bearer token lacks the scope introspection.", "introspection", row.scope[:500])
    if row.application.introspection != Introspection.ANY:
        client = row.application
        cause = f"The client {client.client_id} is registered for introspection of: {client.introspection}."
        return Why(rule, cause, "any", client.introspection)
    return Why(rule, "What the bearer token rests on has ended.", expected)
