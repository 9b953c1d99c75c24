"""Initial access tokens: what staff hand to developers so that their apps can register themselves.

Kept as a digest only. A number of registrations is counted down by the database itself, so that two requests
at the same moment never share the last one.
https://www.rfc-editor.org/rfc/rfc7591#section-1.2
"""

from django.db.models import F, Q
from django.utils import timezone

from oauth.clients.secrets import generate
from oauth.models import InitialAccessToken
from oauth.tokens.checksum import token_checksum


def draw(token: InitialAccessToken) -> str:
    """Give a token that is not saved yet its value and return it: it can be seen only at this moment."""
    text = generate()
    token.digest = token_checksum(text)
    return text


def find(text: str) -> InitialAccessToken | None:
    """The token of this value, if it still registers clients."""
    return InitialAccessToken.objects.filter(_in_force(), digest=token_checksum(text)).first()


def use(token: InitialAccessToken) -> bool:
    """Count one registration, and say whether there was one left. Call it in the transaction that saves the
    client: if that fails, nothing was used.
    """
    left = InitialAccessToken.objects.filter(_in_force(), pk=token.pk)
    return left.update(registrations_left=F("registrations_left") - 1) == 1


def _in_force() -> Q:
    not_ended = Q(expires__isnull=True) | Q(expires__gt=timezone.now())
    some_left = Q(registrations_left__isnull=True) | Q(registrations_left__gt=0)
    return Q(not_ended, some_left, revoked__isnull=True)
