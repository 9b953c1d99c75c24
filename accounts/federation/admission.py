"""Who somebody that a provider vouches for is here: the one place that decides, and fails closed.

(issuer, identity) alone leads to an account, never a name or an e-mail address. No provider makes anybody
staff, and none gives a FHIR user that another account has.
"""

import re
import secrets
from collections.abc import Mapping
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.db import transaction

from accounts.events import tell
from accounts.federation.fhir_identity import mapped
from accounts.federation.identity_provider import IdentityProvider
from accounts.federation.refused import Refused
from accounts.models import User

LONGEST_IDENTITY = 191
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.+-]+")
Claims = Mapping[str, Any]


@transaction.atomic
def admit(provider: IdentityProvider, claims: Claims) -> User:
    """The account that these claims belong to, made or brought up to date if the provider may do so.

    Raises Refused. Whether the account is in use is asked later, as at every sign-in.
    """
    # One after the other, whichever provider: otherwise two could give one FHIR user to two people.
    locked = {each.pk: each for each in IdentityProvider.objects.select_for_update().order_by("pk")}
    current = locked.get(provider.pk)
    if current is None or not current.active:
        raise Refused("active", "a provider in use", "one that is switched off")
    identity = identity_of(current, claims)
    named = mapped(claims.get(current.fhir_user_claim), current)
    link = current.links.filter(uid=identity).select_related("user").first()
    if link is None and current.new_people != IdentityProvider.NewPeople.CREATED:
        raise Refused("account", "an account that staff linked", identity)
    if not named and current.without_fhir_user != IdentityProvider.WithoutFhirUser.ADMITTED:
        given = claims.get(current.fhir_user_claim)
        raise Refused("fhir_user", f"{current.fhir_user_claim} of {current.kinds}", str(given))
    if link is None:
        return _new_person(current, identity, named or "", claims)
    user: User = link.user
    _settle_fhir_user(current, user, named)
    link.save(update_fields=["last_login"])
    return user


def identity_of(provider: IdentityProvider, claims: Claims) -> str:
    """The identity that the provider's links go by. Raises Refused."""
    identity = claims.get(provider.identity_claim)
    if not isinstance(identity, str) or not 0 < len(identity) <= LONGEST_IDENTITY:
        expected = f"{provider.identity_claim} of 1 to {LONGEST_IDENTITY} characters"
        raise Refused("identity", expected, type(identity).__name__)
    if not identity.isprintable():
        raise Refused("identity", "printable characters", repr(identity))
    return identity


def _new_person(provider: IdentityProvider, identity: str, fhir_user: str, claims: Claims) -> User:
    _refuse_taken(fhir_user, None)
    user = User(
        username=_user_name(provider, claims),
        first_name=_name(claims.get("given_name")),
        last_name=_name(claims.get("family_name")),
        fhir_user=fhir_user,
    )
    user.set_unusable_password()
    user.save()
    SocialAccount.objects.create(user=user, provider=provider.slug, uid=identity)
    tell("account", "allowed", user, change="made at sign-in", provider=provider.slug, fhir_user=fhir_user)
    return user


def _settle_fhir_user(provider: IdentityProvider, user: User, named: str | None) -> None:
    """Let the account and the provider agree, or refuse. A change ends the person's tokens by itself."""
    follows = provider.authority == IdentityProvider.Authority.PROVIDER
    differs = (named or "") != user.fhir_user
    if differs and follows:
        _refuse_taken(named or "", user)
        before, user.fhir_user = user.fhir_user, named or ""
        user.save(update_fields=["fhir_user"])
        tell(
            "account",
            "allowed",
            user,
            change="FHIR user, as the provider says",
            provider=provider.slug,
            before=before,
            fhir_user=user.fhir_user,
        )
    elif differs and named is not None:
        raise Refused(
            "fhir_user", f"{user.fhir_user or 'nobody'}, as the account has it", named or "nobody here"
        )
    if user.fhir_user and user.fhir_user_type not in provider.kinds.split():
        raise Refused("fhir_user", f"one of {provider.kinds}", user.fhir_user_type)


def _refuse_taken(fhir_user: str, user: User | None) -> None:
    others = User.objects.filter(fhir_user=fhir_user)
    if fhir_user and (others.exclude(pk=user.pk) if user else others).exists():
        raise Refused("fhir_user", "a FHIR user that no other account has", fhir_user)


def _user_name(provider: IdentityProvider, claims: Claims) -> str:
    """A name that nobody has, and that shows where the person comes from."""
    told = claims.get("preferred_username")
    stem = _NOT_IN_NAMES.sub("-", told)[:60].strip("-") if isinstance(told, str) else ""
    wanted = f"{stem or secrets.token_hex(4)}@{provider.slug}"
    while User.objects.filter(username__iexact=wanted).exists():
        wanted = f"{stem or 'person'}-{secrets.token_hex(4)}@{provider.slug}"
    return wanted


def _name(told: Any) -> str:
    return told[:150] if isinstance(told, str) and told.isprintable() else ""
