"""The end of tokens before their time. Rows stay, so that staff can see what was revoked and when.

https://www.rfc-editor.org/rfc/rfc7009#section-2.1
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from oauth.client_authentication import token_checksum
from oauth.models import AccessToken, Application, Consent, Grant, RefreshToken


@transaction.atomic
def revoke_all(**which: Any) -> int:
    """Revoke every code, access token and refresh token that `which` selects, by fields that all three have.

    These are `application`, `user`, `consent`, `token_family` and `session_digest`. Returns how many
    tokens were alive by then (codes are not counted).
    """
    now = timezone.now()
    if "session_digest" in which:
        which["session_expires__isnull"] = False  # as the index says
    Grant.objects.filter(**which, used__isnull=True).update(used=now)
    return _revoke_refresh_tokens(which, now) + _unrevoked(AccessToken, which).update(revoked=now)


def _revoke_refresh_tokens(which: dict[str, Any], now: datetime) -> int:
    """A refresh under way holds the token that it spends: an update waits for it, and cannot see its
    successor.

    While a refresh is under way there is an unrevoked token to be seen here, so this ends with none.
    """
    tokens, count = _unrevoked(RefreshToken, which), 0
    while tokens.exists():
        count += tokens.update(revoked=now)
    return count


def _unrevoked(model: type[Model], which: dict[str, Any]) -> QuerySet[Any, Any]:
    return model._default_manager.filter(**which, revoked__isnull=True)


@transaction.atomic
def withdraw(user: Any, application: Application) -> int:
    """Take back all that a person allowed an app: consents and tokens. Returns how many tokens were
    revoked.
    """
    count = revoke_all(user=user, application=application)
    Consent.objects.in_force().filter(user=user, application=application).update(withdrawn=timezone.now())
    return count


def revoke_token(text: str, application: Application) -> None:
    """Do what a client asks for one of its tokens; anything else, another client's token too, is left alone.

    A refresh token ends everything that came of the same authorization, an access token only itself.
    """
    own = {"token_checksum": token_checksum(text), "application": application}
    refresh_token = RefreshToken.objects.filter(**own).first()
    if refresh_token is None:
        AccessToken.objects.filter(**own, revoked__isnull=True).update(revoked=timezone.now())
    elif refresh_token.token_family is not None:
        revoke_all(token_family=refresh_token.token_family)
    else:
        refresh_token.revoke()
