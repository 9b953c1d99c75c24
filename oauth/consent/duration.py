"""How long what a person allows lasts: until they sign out, for some days, or until they take it back.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-a-refresh-token
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format

from oauth.models import Consent
from oauth.models.tokens import Issued
from oauth.tokens.online_sessions import session_digest, session_end


class Duration(StrEnum):
    """What can be chosen; the value is what the page's form sends."""

    SESSION = "session"
    DAY = "day"
    QUARTER = "90-days"
    YEAR = "year"
    REVOKED = "revoked"


WORDS = {
    Duration.SESSION: "Until I sign out",
    Duration.DAY: "For 1 day",
    Duration.QUARTER: "For 90 days",
    Duration.YEAR: "For 1 year",
    Duration.REVOKED: "Until I take it back",
}
"""The words of the page, from the shortest to the longest."""

USUAL = Duration.YEAR
"""What is chosen if the person leaves the page as it is: nobody is asked at every visit, and nothing goes on
for ever unnoticed."""

_DAYS = {Duration.DAY: 1, Duration.QUARTER: 90, Duration.YEAR: 365}


@dataclass(frozen=True, slots=True)
class Lasting:
    """The end of a consent: at a time (None: at none), or sooner with the session of this digest."""

    expires: datetime | None = None
    session_digest: str = ""


UNTIL_REVOKED = Lasting()


def chosen(posted: str) -> Duration:
    """The choice that a form sends. Anything that the page did not offer is the shortest."""
    return Duration(posted) if posted in set(Duration) else Duration.SESSION


def lasting(request: HttpRequest, duration: Duration) -> Lasting:
    """The end of a consent that is given now, in this session, for so long."""
    if duration is Duration.SESSION:
        return Lasting(session_end(request), session_digest(request.session.session_key or ""))
    days = _DAYS.get(duration)
    return UNTIL_REVOKED if days is None else Lasting(timezone.now() + timedelta(days=days))


def in_words(consent: Consent) -> str:
    """Until when a consent that was given lasts, as in "until 3 May 2027, 12:00 UTC"."""
    if consent.expires is None:
        return "until it is taken back"
    moment = date_format(consent.expires.astimezone(UTC), "j F Y, H:i") + " UTC"
    if consent.session_digest:
        return f"until signing out where it was allowed, {moment} at the latest"
    return f"until {moment}"


def end_of(issued: Issued) -> datetime | None:
    """When the session or the consent that a code or token rests on is over at the latest; None: never."""
    ends = (issued.session_expires, issued.consent.expires if issued.consent else None)
    return min((end for end in ends if end is not None), default=None)
