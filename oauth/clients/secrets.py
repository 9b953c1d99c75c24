"""Clients' secrets: made by us from 256 random bits, shown once, kept as a salted digest.

A password needs a slow hash because people choose it; a random secret of this length cannot be guessed
however fast the hash is, and the token endpoint checks one at every call. Secrets that were brought along
from another server may have been chosen by people, and are kept under a slow one; guesses at them are
counted.
"""

import hashlib
import secrets
import string
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.crypto import constant_time_compare

from oauth.clients.secret_guesses import is_right
from oauth.models import Application, ClientSecret

# Basic credentials are form-encoded before base64: letters and digits survive every client's idea of that.
# https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 43  # 62 ** 43 is just above 2 ** 256
_LAST_USED_PRECISION = timedelta(minutes=1)
# scrypt with 16 MB and some 50 ms of work. https://www.rfc-editor.org/rfc/rfc7914#section-2
_SLOW = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}


def generate() -> str:
    """A new secret: 43 letters and digits, 256 random bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def digest(secret: str, salt: str | None = None) -> str:
    """What is stored of a secret: `sha256$salt$hex`. Without a salt a fresh one is drawn."""
    salt = secrets.token_hex(16) if salt is None else salt
    return f"sha256${salt}${hashlib.sha256(f'{salt}{secret}'.encode()).hexdigest()}"


def slow_digest(secret: str, salt: str | None = None) -> str:
    """What is stored of a secret that we have not made ourselves: `scrypt$salt$hex`."""
    salt = secrets.token_hex(16) if salt is None else salt
    return f"scrypt${salt}${hashlib.scrypt(secret.encode(), salt=salt.encode(), **_SLOW).hex()}"


def add_secret(
    application: Application,
    description: str = "",
    ends: datetime | None = None,
    starts: datetime | None = None,
) -> str:
    """Give the client one more secret and return it. This is the only moment at which it can be seen.

    It counts from `starts` (from now on if left out) until `ends` (for good if left out).
    """
    secret = generate()
    ClientSecret.objects.create(
        application=application,
        digest=digest(secret),
        description=description,
        starts=starts or timezone.now(),
        ends=ends,
    )
    return secret


def verify(application: Application, secret: str) -> bool:
    """Whether one of the client's secrets now in force is this one; remembers when it was last used."""
    return is_one_of(ClientSecret.objects.in_force().filter(application=application), secret)


def is_one_of(in_force: Iterable[ClientSecret], secret: str) -> bool:
    """Whether this is one of the secrets, all of them in force; remembers when it was last used."""
    matching = [known for known in in_force if is_same(known.digest, secret)]
    for known in matching:
        _note_use(known)
    return bool(matching)


_DIGESTS: dict[str, Callable[[str, str | None], str]] = {"sha256": digest, "scrypt": slow_digest}


def is_same(stored: str, secret: str) -> bool:
    """Whether a stored digest is that of this secret."""
    method, _, rest = stored.partition("$")
    salt = rest.partition("$")[0]
    if not salt or method not in _DIGESTS:
        return False

    def check() -> bool:
        return constant_time_compare(stored, _DIGESTS[method](secret, salt))

    return check() if method == "sha256" else is_right(stored, secret, check)


def _note_use(known: ClientSecret) -> None:
    """Write the time of use, to the minute: a busy client must not cost a write at each call."""
    now = timezone.now()
    if known.last_used is None or now - known.last_used > _LAST_USED_PRECISION:
        ClientSecret.objects.filter(pk=known.pk).update(last_used=now)
        known.last_used = now
