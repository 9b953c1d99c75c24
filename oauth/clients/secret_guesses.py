"""Guesses at secrets that people may have chosen: few are looked at, as each also costs a slow digest.

A right one is known again by this process, so that guesses of others keep no client out that works.
https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
"""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable

from django.core.cache import cache

# The token endpoint looks twice at a wrong secret, so that this is half as many requests.
GUESSES, SECONDS = 20, 300
_MOST_KNOWN = 1000
_KEY = secrets.token_bytes(32)
_known: OrderedDict[bytes, None] = OrderedDict()


def is_right(stored: str, secret: str, check: Callable[[], bool]) -> bool:
    """Whether the secret belongs to the stored digest, as `check` finds out; False without asking it after
    too many guesses at this digest.
    """
    mark = hmac.digest(_KEY, f"{stored} {secret}".encode(), "sha256")
    if mark in _known:
        return True
    if _count(stored) > GUESSES or not check():
        return False
    _known[mark] = None
    if len(_known) > _MOST_KNOWN:
        _known.popitem(last=False)
    return True


def _count(stored: str) -> int:
    """How many guesses there were in these minutes, with this one, in all processes that share the cache."""
    name = f"secret-guesses-{hashlib.sha256(stored.encode()).hexdigest()}"
    if cache.add(name, 1, SECONDS):
        return 1
    try:
        return int(cache.incr(name))
    except ValueError:  # it ran out in this very moment
        return 1
