"""From the Authorization header of a FHIR request to the Access that the repository asks.

The first request with a token verifies its signature and reads its row. What was found is kept in the
process, but never that the token is alive: every later Access carries a guard, which the repository evaluates
inside the statement that reads the data. If that fails, all is looked up again, and the token either has
changed or is refused.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from django.conf import settings
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.models import User
from audit.origin import client_address
from fhir.access import Access, Guard, Rule
from fhir.outcome import FhirError, Unauthorized
from launch.rights import depend_on_identity_alone, rights_of
from oauth import catalogue
from oauth.causes.endings import of_access_token
from oauth.foreign import access as foreign_access
from oauth.foreign.tokens import BadForeignToken, CannotTell
from oauth.models import AccessToken
from oauth.scopes import Scope, parse_scopes
from oauth.tokens import backend_services, effective_access, standing
from oauth.tokens.attempts import attempt_of_family
from oauth.tokens.checksum import token_checksum
from oauth.tokens.liveness import alive, guard_condition, living_id
from oauth.tokens.recent_holders import RecentHolders
from oauth.tokens.verification import NotOurToken, verify

KEPT_TOKENS = 20_000
_ENDED = "The access token has expired or was revoked, or what it rests on has ended."
REALM = f'Bearer realm="{settings.FHIR_BASE}"'


@dataclass(frozen=True, slots=True)
class Holder:
    """What is known of a token from its row. `rules` are None where they depend on data that can change
    unnoticed.

    `stamp` is the standing under which all this was read. `ends` is when time ends the token, in seconds
    since 1970. `attempt` is the reference code of the authorization that it came of, if one is known.
    """

    token: int
    checksum: str
    kid: str
    stamp: int
    ends: float
    user: User | None
    fhir_user: str
    subject: str
    client: str
    patient: str
    scopes: tuple[Scope, ...]
    rules: tuple[Rule, ...] | None
    attempt: str


_recent: RecentHolders[Holder] = RecentHolders(KEPT_TOKENS)


class BearerAuthentication(BaseAuthentication):
    """Django REST framework's way to `access_for`: request.auth is the Access, or None without an
    Authorization header.
    """

    def authenticate(self, request: Request) -> tuple[str, Access] | None:
        """Raises fhir.outcome.Unauthorized (401) for a header that does not hold a living token."""
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        access = access_for(header, client_address(request.META))
        return access.subject, access

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401. https://www.rfc-editor.org/rfc/rfc6750#section-3"""
        return REALM


def access_for(authorization: str, origin: str = "") -> Access:
    """The Access of an Authorization header's value that came from the address `origin`.

    Raises fhir.outcome.Unauthorized (401), and FhirError (503) while another server whose token it is cannot
    be asked about it. https://www.rfc-editor.org/rfc/rfc6750#section-2.1
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token or not token.isascii():
        raise Unauthorized("Send the access token as 'Authorization: Bearer …'.", challenge=REALM)
    checksum = token_checksum(token)
    holder = _recent.get(checksum)
    is_first = holder is None
    if holder is None:
        if foreign := _foreign(token, checksum, origin):
            return foreign
        holder = _look_up(token, origin)
    elif time.time() >= holder.ends or (
        # Rights that are gone would answer 403 before the guard is ever asked; a dead token is a 401.
        holder.rules is None and living_id(AccessToken, holder.checksum) is None
    ):
        raise _ended(holder.checksum, origin)
    return _access(holder, partial(_renew, token, origin), origin, is_first=is_first)


def _foreign(token: str, checksum: str, origin: str) -> Access | None:
    """The Access of a token of another authorization server; None if the token is not one.

    It has no ticket: nobody could tell later whether the token still counts.
    """
    try:
        found = foreign_access.holder_of(token, checksum)
    except BadForeignToken as error:
        raise _invalid(str(error), Access(rules=(), client=error.client, origin=origin)) from error
    except CannotTell as error:
        raise FhirError(503, "transient", str(error), headers={"Retry-After": "2"}) from error
    if found is None:
        return None
    holder, is_first = found

    def renew() -> Access:
        foreign_access.drop(checksum)
        renewed = _foreign(token, checksum, origin)
        if renewed is None:
            raise _invalid(_ENDED)
        return renewed

    condition, parameters = holder.guard()
    return Access(
        rules=holder.rules_now(),
        own=holder.own,
        guard=Guard(condition, parameters, renew=renew),
        subject=holder.subject,
        client=holder.client,
        patient=holder.patient,
        origin=origin,
        is_first=is_first,
    )


def access_by_ticket(ticket: str) -> Access:
    """The Access again of the token that an Access with this ticket came from: for jobs, which may outlast
    it.

    The token may have expired meanwhile, since its client will fetch the results with another one. Whatever
    else ends a token ends the job. Raises Unauthorized.
    """
    checksum, _, kid = ticket.partition(".")
    stamp = standing.current()
    tokens = AccessToken.objects.filter(token_checksum=checksum)
    row = (
        alive(tokens, expiring=False)
        .select_related("user", "application", "launch_context", "consent")
        .first()
    )
    if row is None:
        raise _invalid(_ENDED)
    return _access(_holder(row, kid, stamp), partial(access_by_ticket, ticket))


def _access(
    holder: Holder, renew: Callable[[], Access], origin: str = "", *, is_first: bool = False
) -> Access:
    condition, parameters = guard_condition(holder.token, holder.checksum, holder.stamp)
    return Access(
        rules=_rules(holder) if holder.rules is None else holder.rules,
        own=holder.fhir_user if effective_access.shows_own_record(holder.scopes) else "",
        guard=Guard(condition, parameters, renew=renew),
        subject=holder.subject,
        client=holder.client,
        ticket=f"{holder.checksum}.{holder.kid}",
        patient=holder.patient,
        origin=origin,
        attempt=holder.attempt,
        is_first=is_first,
    )


def _renew(token: str, origin: str) -> Access:
    """Look again from scratch, since the guard of an earlier look failed. Raises Unauthorized if the token is
    dead.
    """
    known = _recent.get(token_checksum(token))
    _recent.drop(token_checksum(token))
    holder = _look_up(token, origin, known.attempt if known else "")
    return _access(holder, partial(_renew, token, origin), origin)


def _look_up(token: str, origin: str, attempt: str = "") -> Holder:
    """Verify the token, read its row, and keep what was found. Its attempt, if it is known, stays what it is.

    Raises Unauthorized.
    """
    stamp = standing.current()
    try:
        verified = verify(token)
    except NotOurToken as error:
        raise _invalid(str(error)) from error
    found = living_id(AccessToken, verified.checksum)
    if found is None:
        raise _ended(verified.checksum, origin)
    row = AccessToken.objects.select_related("user", "application", "launch_context", "consent").get(pk=found)
    holder = _holder(row, verified.kid, stamp, attempt)
    _recent.put(holder)
    return holder


def _holder(row: AccessToken, kid: str, stamp: int, attempt: str = "") -> Holder:
    granted, registered = parse_scopes(row.scope) or (), parse_scopes(row.application.scope) or ()
    holder = Holder(
        token=row.pk,
        checksum=row.token_checksum,
        kid=kid,
        stamp=stamp,
        ends=_end(row),
        user=row.user,
        fhir_user=row.user.fhir_user if row.user else "",
        subject=str(row.user.uid) if row.user else row.application.client_id,
        client=row.application.client_id,
        patient=row.launch_context.patient if row.launch_context else "",
        scopes=catalogue.grantable(granted, registered),
        rules=None,
        attempt=attempt or attempt_of_family(row.token_family, row.jti),
    )
    lasting = row.user is None or depend_on_identity_alone(holder.fhir_user)
    return replace(holder, rules=_rules(holder)) if lasting else holder


def _end(row: AccessToken) -> float:
    """When time alone ends the token, its session or its consent, in seconds since 1970."""
    ends = (row.expires, row.session_expires, row.consent.expires if row.consent else None)
    return min((end.timestamp() for end in ends if end is not None), default=math.inf)


def _rules(holder: Holder) -> tuple[Rule, ...]:
    if holder.user is None:
        return backend_services.rules(holder.client, holder.scopes)
    return effective_access.rules(holder.scopes, rights_of(holder.user), holder.patient)


def _ended(checksum: str, origin: str) -> Unauthorized:
    """The 401 for a token that was good once, with whose it was and what has ended it for the audit trail."""
    rows = AccessToken.objects.select_related("user", "application", "launch_context", "consent")
    row = rows.filter(token_checksum=checksum).first()
    if row is None:
        return _invalid(
            _ENDED, Access(rules=(), origin=origin), "The access token is not kept here any more."
        )
    client = row.application.client_id
    known = Access(
        rules=(),
        subject=str(row.user.uid) if row.user else client,
        client=client,
        patient=row.launch_context.patient if row.launch_context else "",
        origin=origin,
        attempt=attempt_of_family(row.token_family, row.jti),
    )
    return _invalid(_ENDED, known, of_access_token(row))


def _invalid(why: str, known: Access | None = None, cause: str = "") -> Unauthorized:
    """401 with error="invalid_token". https://www.rfc-editor.org/rfc/rfc6750#section-3.1"""
    challenge = f'{REALM}, error="invalid_token", error_description="{why}"'
    return Unauthorized(why, challenge=challenge, known=known, cause=cause)
