"""Why somebody is told nothing of a person."""

from oauth.causes.endings import of_access_token
from oauth.causes.why import Why
from oauth.clients.calling import Refused
from oauth.models import AccessToken
from oauth.tokens.liveness import alive

_RULE, _EXPECTED = "check_userinfo", "a living access token of a person with the scope openid"


def of_userinfo(refused: Refused, token: AccessToken | None) -> Why:
    """Why the holder of this token was refused; None stands for one that is not kept here, or for none."""
    if token is None or refused.error == "invalid_request":
        return Why(_RULE, refused.description, _EXPECTED)
    if not alive(AccessToken.objects.filter(pk=token.pk)).exists():
        return Why(_RULE, of_access_token(token), _EXPECTED)
    if token.user is None:
        return Why(_RULE, f"The access token was given to {token.application.client_id} itself.", _EXPECTED)
    if refused.error == "insufficient_scope" and "openid" in token.scope.split():
        cause = "The scope openid was granted; the catalogue or the registration does not allow it any more."
        return Why(_RULE, cause, _EXPECTED, token.scope[:500])
    return Why(_RULE, refused.description, _EXPECTED, token.scope[:500])
