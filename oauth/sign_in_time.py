"""When the person at the browser last proved who they are, and whether a request wants that to be more
recent.
"""

from datetime import UTC, datetime

from allauth.account.authentication import get_authentication_records
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from oauth.models import AuthorizationRequest


def auth_time(request: HttpRequest, user: User) -> datetime:
    """The last time this session's person gave a password or another proof.

    https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    """
    proofs = [float(record["at"]) for record in get_authentication_records(request, user) if "at" in record]
    if proofs:
        return datetime.fromtimestamp(max(proofs), tz=UTC)
    return user.last_login or timezone.now()


def proofs(request: HttpRequest, user: User) -> list[str]:
    """What this session's person has proven who they are by, oldest first: password, mfa (totp) and so on."""
    records = get_authentication_records(request, user)
    said = (
        record["method"] + (f" ({more})" if (more := record.get("type") or record.get("provider")) else "")
        for record in records
        if "method" in record
    )
    return list(dict.fromkeys(said))


def must_sign_in_anew(request: HttpRequest, user: User, stored: AuthorizationRequest) -> bool:
    """Whether `prompt=login` or `max_age` asks for a proof that this session does not have yet.

    So does `select_account`: the page that asks for the password names the account, and lets somebody else
    sign in instead.
    https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
    """
    proven = auth_time(request, user)
    if {"login", "select_account"}.intersection(stored.prompt) and proven < stored.created:
        return True
    max_age = stored.one("max_age")
    # max_age=0 is the same as prompt=login: proven since the request came is recent enough.
    return (
        bool(max_age) and proven < stored.created and (timezone.now() - proven).total_seconds() > int(max_age)
    )
