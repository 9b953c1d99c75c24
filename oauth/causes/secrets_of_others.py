"""Whose secret a client has sent in the place of its own: often that of the app's other environment."""

from oauth.clients.secrets import is_same
from oauth.models import Application, ClientSecret

MOST = 2_000


def whose_secret(client: Application, secret: str) -> Application | None:
    """Another client that has, or had, this secret. Secrets under a slow digest are not tried: each would
    cost a twentieth of a second.
    """
    others = ClientSecret.objects.exclude(application=client).filter(digest__startswith="sha256$")
    for one in others.select_related("application").order_by("-pk")[:MOST]:
        if is_same(one.digest, secret):
            found: Application = one.application
            return found
    return None
