"""The end of tokens before their time. Rows stay, so that staff can see what was revoked and when.

https://www.rfc-editor.org/rfc/rfc7009#section-2.1
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from audit.attempts import new_attempt, step
from oauth.models import AccessToken, Application, Consent, Grant, RefreshToken
from oauth.tokens.attempts import attempt_of_token
from oauth.tokens.checksum import token_checksum


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


@transaction.atomic
def revoke_token(text: str, application: Application, address: str = "") -> None:
    """Do what a client asks for one of its tokens; anything else, another client's token too, is left alone.

    A refresh token ends everything that came of the same authorization, an access token only itself. The
    audit trail is told in the same transaction of a request that came from `address`.
    """
    own = {"token_checksum": token_checksum(text), "application": application}
    refresh_token = RefreshToken.objects.filter(**own).first()
    access_token = None if refresh_token else AccessToken.objects.filter(**own).first()
    ended = _end(refresh_token, access_token)
    found = refresh_token or access_token
    step(
        "revocation",
        attempt_of_token(text) or new_attempt(),
        status=200,
        person=str(found.user.uid) if found is not None and found.user else "",
        client=application.client_id,
        address=address,
        rule="check_own_token",
        what="refresh token" if refresh_token else "access token" if access_token else "",
        ended=ended,
        cause=_cause(refresh_token, access_token, ended),
    )


def _end(refresh_token: RefreshToken | None, access_token: AccessToken | None) -> int:
    """Returns how many tokens were ended."""
    if access_token is not None:
        living = AccessToken.objects.filter(pk=access_token.pk, revoked__isnull=True)
        return living.update(revoked=timezone.now())
    if refresh_token is None:
        return 0
    if refresh_token.token_family is not None:
        return revoke_all(token_family=refresh_token.token_family)
    was_alive = refresh_token.revoked is None
    refresh_token.revoke()
    return int(was_alive)


def _cause(refresh_token: RefreshToken | None, access_token: AccessToken | None, ended: int) -> str:
    if refresh_token is None and access_token is None:
        return "Nothing was revoked: the token is unknown, or another client's."
    if not ended:
        return "Nothing was revoked: the token was not in force any more."
    if refresh_token is not None:
        return f"The app revoked its refresh token, and with it all {ended} tokens of the authorization."
    return "The app revoked its access token."
