"""One signing key follows another without a refused token, in steps that somebody has to take in time.

A new key is published and does not sign yet. Once everybody who keeps /oauth/jwks has seen it, it signs, and
the one before it retires. Once nothing that the retired one signed can be alive, that one is withdrawn.
https://openid.net/specs/openid-connect-core-1_0.html#RotateSigningKeys
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from oauth.models import AccessToken, SigningKey
from oauth.signing_keys import ALGORITHMS, activate, lock, new_key, withdraw
from oauth.tokens.access_token import LONGEST
from oauth.tokens.liveness import alive

Status = SigningKey.Status


def until_all_have_seen_it() -> timedelta:
    """How long a new key is only published: as long as /oauth/jwks may be kept, and a margin."""
    return timedelta(seconds=settings.JWKS_SECONDS + settings.SIGNING_KEY_MARGIN_SECONDS)


def until_all_has_run_out() -> timedelta:
    """How long a retired key still verifies: the longest life of what it signed, and a margin."""
    longest = max(LONGEST, settings.OAUTH2_PROVIDER["ID_TOKEN_EXPIRE_SECONDS"])
    return timedelta(seconds=longest + settings.SIGNING_KEY_MARGIN_SECONDS)


def rotate(algorithms: Iterable[str] = ALGORITHMS, *, begin: bool = False) -> list[str]:
    """Take the steps that are due and say so, with when the next one is; safe to run often and in parallel.

    Keys are replaced when they have signed for SIGNING_KEY_SECONDS; with `begin`, however young they are.
    """
    with transaction.atomic():
        lock()
        return [words for algorithm in algorithms for words in _rotate(algorithm, begin)]


def replace_compromised(key: SigningKey) -> list[str]:
    """Withdraw a key that others may know: whatever it signed is refused from now on. Says what was done.

    If it signs, another one takes its place at once, without waiting until all have seen that one.
    """
    with transaction.atomic():
        lock()
        key.refresh_from_db()
        if key.status == Status.WITHDRAWN:
            return [f"{key} had been withdrawn before: nothing to do."]
        said = []
        if key.status == Status.ACTIVE:
            successor = _published(key.algorithm).first() or new_key(key.algorithm)
            activate(successor)
            said.append(f"{successor} signs from now on.")
        count = living_tokens(key)
        withdraw(key)
    return [
        *said,
        f"{key} is withdrawn for good. Living access tokens that it signed, refused from now on: {count}.",
        "Apps with a refresh token fetch new ones. No id_token that it signed can be verified any more.",
        f"Who keeps the key set may still trust the withdrawn key for {settings.JWKS_SECONDS} seconds.",
    ]


def living_tokens(key: SigningKey) -> int:
    """How many access tokens that this key signed are alive."""
    return alive(AccessToken.objects.filter(kid=key.kid)).count()


def _rotate(algorithm: str, begin: bool) -> list[str]:
    now = timezone.now()
    done = [*_withdraw_what_is_over(algorithm, now), *_replace(algorithm, begin, now)]
    when, what = min(_to_come(algorithm))
    next_step = f"{algorithm}: next, at {max(when, now):%Y-%m-%d %H:%M:%S %Z} or later, {what}."
    return [*(done or [f"{algorithm}: nothing is due."]), next_step]


def _withdraw_what_is_over(algorithm: str, now: datetime) -> list[str]:
    over = _in(algorithm, Status.RETIRED).filter(retired__lte=now - until_all_has_run_out())
    return [_withdraw(key, "nothing that it signed is alive") for key in over]


def _replace(algorithm: str, begin: bool, now: datetime) -> list[str]:
    """The step towards a new signing key that is due, if one is."""
    signing = _in(algorithm, Status.ACTIVE).first()
    seen = now - until_all_have_seen_it() if signing else now
    if ready := _published(algorithm).filter(created__lte=seen).first():
        activate(ready)
        overtaken = _published(algorithm).filter(created__lte=ready.created)
        return [
            f"{ready} signs from now on. The one before it signs no more, and what it signed stays good.",
            *(_withdraw(key, "a newer one was there when its turn came") for key in overtaken),
        ]
    if _published(algorithm).exists():
        return []
    if signing is None:
        return [f"{new_key(algorithm, Status.ACTIVE)} is new, and signs at once: there was none."]
    if begin or _end_of_signing(signing) <= now:
        return [f"{new_key(algorithm)} is new, and published. It does not sign yet."]
    return []


def _to_come(algorithm: str) -> list[tuple[datetime, str]]:
    """When which step will be due. There is always one, as there is always a key that signs."""
    signing = [(_end_of_signing(key), "a new key is published") for key in _in(algorithm, Status.ACTIVE)]
    waiting = [(key.created + until_all_have_seen_it(), f"{key} signs") for key in _published(algorithm)]
    over = [
        (key.retired + until_all_has_run_out(), f"{key} is withdrawn")
        for key in _in(algorithm, Status.RETIRED)
        if key.retired
    ]
    return [*(waiting or signing), *over]


def _end_of_signing(key: SigningKey) -> datetime:
    return (key.activated or key.created) + timedelta(seconds=settings.SIGNING_KEY_SECONDS)


def _withdraw(key: SigningKey, why: str) -> str:
    withdraw(key)
    return f"{key} is withdrawn: {why}."


def _published(algorithm: str) -> QuerySet[SigningKey, SigningKey]:
    return _in(algorithm, Status.PUBLISHED).order_by("-created", "-pk")


def _in(algorithm: str, status: str) -> QuerySet[SigningKey, SigningKey]:
    return SigningKey.objects.filter(algorithm=algorithm, status=status)
