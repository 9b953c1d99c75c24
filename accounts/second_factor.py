"""Second factors: who has one, whether this session has shown it, and how staff take them away."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts import events
from accounts.encryption import box
from accounts.models import User

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""Recovery codes stand in for these, and are none by themselves."""
_SECRETS = frozenset({"secret", "seed"})
"""What `accounts.mfa_adapter` encrypts of the data that allauth keeps: an app's secret, the codes' seed."""


def has_second_factor(user: User) -> bool:
    """Whether sign-in asks this person for more than a password."""
    return bool(Authenticator.objects.filter(user=user, type__in=FACTORS).exists())


def must_stay(authenticator: Authenticator) -> bool:
    """Whether this is the only second factor of somebody who must have one: staff, if STAFF_SECOND_FACTOR
    says so. Another one is added before it is removed, so that the password alone never opens the account.
    """
    user = authenticator.user
    if not settings.STAFF_SECOND_FACTOR or not user.is_staff or authenticator.type not in FACTORS:
        return False
    others = Authenticator.objects.filter(user=user, type__in=FACTORS).exclude(pk=authenticator.pk)
    return not others.exists()


def missing_for_staff(request: HttpRequest) -> str:
    """The address of the page where a member of staff does what is still missing before the console opens;
    the empty string where nothing is.

    Only if STAFF_SECOND_FACTOR says so: the person must have a second factor, and must have shown it in this
    session, which may be older than the factor.
    """
    user = request.user
    if not settings.STAFF_SECOND_FACTOR or not isinstance(user, User):
        return ""
    if not has_second_factor(user):
        return reverse("mfa_index")
    return not_shown(request, user)


def not_shown(request: HttpRequest, user: User) -> str:
    """The address of the page where this session shows the person's second factor; the empty string if it has
    shown it, or if the person has none.

    A session that is older than the factor has given a password alone. Whoever holds such a one shall not
    take the factor away, or add one of their own.
    """
    if any(record.get("method") == "mfa" for record in get_authentication_records(request, user)):
        return ""
    if not has_second_factor(user):
        return ""
    ways = get_adapter().get_reauthentication_methods(user)
    return next(str(way["url"]) for way in ways if way["id"].startswith("mfa_"))


def note_new_factor(
    sender: type, request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any
) -> None:
    """A receiver of allauth's `authenticator_added`: whoever sets up a factor has just shown it."""
    if authenticator.type in FACTORS:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)


@transaction.atomic
def encrypt_anew() -> int:
    """Encrypt the secrets of authenticator apps and recovery codes with the first of KEY_ENCRYPTION_KEYS;
    returns how many there are. Passkeys have none: the public key is all that is kept of them.
    """
    kept = Authenticator.objects.select_for_update().exclude(type=Authenticator.Type.WEBAUTHN)
    for authenticator in kept:
        for name in _SECRETS.intersection(authenticator.data):
            authenticator.data[name] = box().rotate(authenticator.data[name].encode()).decode()
        authenticator.save(update_fields=["data"])
    return len(kept)


@transaction.atomic
def reset_second_factor(user: User) -> int:
    """Take all second factors from somebody who has lost them; returns how many rows there were.

    The moment is stamped, which ends every token given before and every session of the person.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    count, _ = Authenticator.objects.filter(user=user).delete()
    user.credentials_reset_at = timezone.now()
    user.save(update_fields=["credentials_reset_at"])
    events.factors_reset(user)
    return int(count)
