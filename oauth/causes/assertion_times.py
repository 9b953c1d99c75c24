"""Why an assertion does not count by its times: as a rule the clock of the app's machine is wrong."""

import math
import time
from decimal import Decimal
from typing import Any

from oauth.causes.why import Why
from oauth.clients.assertion import LONGEST_SECONDS, SKEW_SECONDS


def of_times(claims: dict[str, Any]) -> Why | None:
    """Why exp, nbf or iat are refused at this moment; None if they are in order."""
    now = time.time()
    for name in ("exp", "nbf", "iat"):
        if name in claims and not _is_time(claims[name]):
            return Why(f"check_{name}", f"{name} is not a number of seconds since 1970.", "a number")
    if "exp" not in claims:
        return Why("check_exp", "exp is missing.", "at most five minutes from now")
    ahead = {str(name): _float(claims[name]) - now for name in ("exp", "nbf", "iat") if name in claims}
    return _of_exp(ahead) or _of_nbf(ahead) or _of_iat(ahead)


def _of_exp(ahead: dict[str, float]) -> Why | None:
    exp = ahead["exp"]
    if exp <= 0:
        cause = f"exp is {_seconds(exp)} in the past{_behind(ahead)}."
        return Why("check_exp", cause, "a time to come", f"{_seconds(exp)} ago")
    if exp > LONGEST_SECONDS + SKEW_SECONDS:
        # A clock that is right makes an iat of this moment.
        skew = ahead.get("iat", 0.0)
        clock = f": the app's clock is about {_seconds(skew)} ahead" if skew > SKEW_SECONDS else ""
        cause = f"exp is {_seconds(exp)} in the future, {LONGEST_SECONDS} are the most{clock}."
        return Why("check_exp", cause, f"{LONGEST_SECONDS} seconds at most", f"in {_seconds(exp)}")
    return None


def _of_nbf(ahead: dict[str, float]) -> Why | None:
    nbf = ahead.get("nbf", 0.0)
    if nbf <= SKEW_SECONDS:
        return None
    cause = f"nbf is {_seconds(nbf)} in the future: the app's clock is about so much ahead."
    return Why("check_nbf", cause, "now or before", f"in {_seconds(nbf)}")


def _of_iat(ahead: dict[str, float]) -> Why | None:
    iat = ahead.get("iat", 0.0)
    if iat > SKEW_SECONDS:
        cause = f"iat is {_seconds(iat)} in the future: the app's clock is about so much ahead."
        return Why("check_iat", cause, "now or before", f"in {_seconds(iat)}")
    if iat < -(LONGEST_SECONDS + SKEW_SECONDS):
        cause = f"iat is {_seconds(iat)} in the past{_behind(ahead)}."
        return Why("check_iat", cause, f"{LONGEST_SECONDS} seconds ago at most", f"{_seconds(iat)} ago")
    return None


def _behind(ahead: dict[str, float]) -> str:
    """How far the clock is behind if the assertion was made for this very request."""
    if ahead.get("iat", 0.0) >= -SKEW_SECONDS:
        return ""
    return f": the app's clock is about {_seconds(ahead['iat'])} behind, or it kept the assertion for so long"


def _seconds(number: float) -> str:
    return f"{abs(number):.0f} seconds"


def _float(number: float | Decimal) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _is_time(number: object) -> bool:
    return isinstance(number, int | float | Decimal) and not isinstance(number, bool)
