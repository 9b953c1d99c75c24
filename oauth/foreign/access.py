"""From an access token of another authorization server to what it lets its holder do here.

What was found is kept for a while: a second where the issuer is asked about its tokens, else a minute, so
that keys that the issuer withdraws stop counting. Meanwhile it is never taken for granted that the token
stands: its guard is evaluated inside the statement that reads the data, as that of our own tokens.
"""

import time
from dataclasses import dataclass, replace

from django.conf import settings

from accounts.models import User
from fhir.access import Rule
from launch.rights import (
    NO_RIGHTS,
    depend_on_identity_alone,
    rights_of,
    rights_over_own_record,
)
from oauth import catalogue
from oauth.foreign.introspection import confirmed
from oauth.foreign.issuers import active_issuers
from oauth.foreign.tokens import BadForeignToken, ForeignToken, blaming, name_of_client, verify
from oauth.models import TrustedIssuer
from oauth.scopes import ResourceScope, Scope, parse_scopes
from oauth.signed_jwt import MalformedJwt, read_jwt
from oauth.tokens import effective_access, standing
from oauth.tokens.liveness import foreign_guard_condition
from oauth.tokens.recent_holders import RecentHolders

KEPT_TOKENS = 5_000
# Seconds for which a finding is kept, counted from before it was begun.
ASKED_AGE, VERIFIED_AGE = 1.0, 60.0
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class ForeignHolder:
    """What is known of a foreign token: as `oauth.authentication.Holder`, without a row.

    `person` is the primary key of the account whose rights count, 0 if nobody is known; `until` when the
    finding is out of date, by the monotonic clock. A token that names no person has an empty `fhir_user`.
    """

    checksum: str
    stamp: int
    ends: float
    until: float
    user: User | None
    fhir_user: str
    subject: str
    client: str
    patient: str
    scopes: tuple[Scope, ...]
    limits: tuple[Scope, ...]
    rules: tuple[Rule, ...] | None

    @property
    def own(self) -> str:
        """The person's own resource, if the scopes show it and the person is known here."""
        return self.fhir_user if self.user and effective_access.shows_own_record(self.scopes) else ""

    def guard(self) -> tuple[str, tuple[object, ...]]:
        """SQL and parameters that are true while nothing that this was decided from has changed."""
        return foreign_guard_condition(self.stamp, self.fhir_user, self.user.pk if self.user else 0)

    def rules_now(self) -> tuple[Rule, ...]:
        """The rules of the Access, found out anew where they depend on data that can change unnoticed."""
        return _rules(self) if self.rules is None else self.rules


_recent: RecentHolders[ForeignHolder] = RecentHolders(KEPT_TOKENS)


def drop(checksum: str) -> None:
    """Forget what was found of a token, since its guard failed."""
    _recent.drop(checksum)


def holder_of(token: str, checksum: str) -> tuple[ForeignHolder, bool] | None:
    """What a foreign token lets its holder do, and whether this process sees it for the first time; None if
    the token says that it is ours, or nothing that can be read.

    Raises BadForeignToken, and CannotTell where its issuer has to be asked something and does not answer.
    """
    known = _recent.get(checksum)
    if known is not None and time.monotonic() < known.until:
        if time.time() >= known.ends:
            with blaming(known.client):
                raise BadForeignToken("The token has expired (exp).")
        return known, False
    found = _look_up(token, checksum)
    return None if found is None else (found, known is None)


def _look_up(token: str, checksum: str) -> ForeignHolder | None:
    begun = time.monotonic()
    try:
        jwt = read_jwt(token, "The access token")
    except MalformedJwt:
        return None
    named = jwt.claims.get("iss")
    if not isinstance(named, str) or named == settings.SITE_URL:
        return None
    stamp = standing.current()
    issuer = active_issuers(stamp).get(named)
    if issuer is None:
        raise BadForeignToken("The token's issuer (iss) is not trusted here.")
    said = verify(jwt, issuer)
    with blaming(name_of_client(issuer, said.client)):
        if issuer.is_introspected:
            said = confirmed(token, said, issuer)
        age = ASKED_AGE if issuer.is_introspected else VERIFIED_AGE
        holder = _holder(said, issuer, checksum, stamp, begun + age)
    _recent.put(holder)
    return holder


def _holder(
    said: ForeignToken, issuer: TrustedIssuer, checksum: str, stamp: int, until: float
) -> ForeignHolder:
    user = _known_person(said)
    limits = parse_scopes(issuer.scope) or ()
    granted = catalogue.grantable(said.scopes, limits)
    holder = ForeignHolder(
        checksum=checksum,
        stamp=stamp,
        ends=said.ends,
        until=until,
        user=user,
        fhir_user=said.person,
        # In no subject of people here is a space either.
        subject=str(user.uid) if user else f"{issuer.issuer} {said.subject}"[:_LONGEST_NAME],
        client=name_of_client(issuer, said.client),
        patient=said.patient,
        scopes=tuple(scope for scope in granted if _has_meaning(scope, bool(said.person))),
        limits=limits,
        rules=None,
    )
    lasting = user is None or depend_on_identity_alone(said.person)
    return replace(holder, rules=_rules(holder)) if lasting else holder


def _known_person(said: ForeignToken) -> User | None:
    """The one active account here that is the person. Raises BadForeignToken if since the token was issued
    staff have reset its credentials, or it was made, switched off, or given to another person.
    """
    found = list(User.objects.filter(fhir_user=said.person, is_active=True)[:2]) if said.person else []
    if len(found) != 1:
        return None
    reset = found[0].credentials_reset_at
    if reset is not None and said.issued <= reset.timestamp():
        raise BadForeignToken("The token was issued (iat) before the person's credentials were reset here.")
    changed = found[0].standing_changed_at
    if changed is not None and said.issued <= changed.timestamp():
        raise BadForeignToken("The token was issued (iat) before the person's account last changed here.")
    # It may have read by an account that was deleted since. Many an iat has whole seconds.
    if said.issued < int(found[0].date_joined.timestamp()):
        raise BadForeignToken("The token was issued (iat) before the person had this account here.")
    return found[0]


def _has_meaning(scope: Scope, names_person: bool) -> bool:
    """As in our own tokens: `system/` only where no person stands behind the token, `user/` only where one
    does.
    """
    return not isinstance(scope, ResourceScope) or scope.context != ("system" if names_person else "user")


def _rules(holder: ForeignHolder) -> tuple[Rule, ...]:
    """With a person: what the scopes leave of the person's rights, none if nobody knows the person. Without
    one: `system/` as far as the issuer may grant it, and `patient/` as far as the patient's own rights go.
    """
    if holder.fhir_user:
        rights = rights_of(holder.user) if holder.user else NO_RIGHTS
        return effective_access.rules(holder.scopes, rights, holder.patient)
    rights = rights_over_own_record(holder.patient)
    return (
        *effective_access.client_rules(holder.scopes, holder.limits),
        *effective_access.rules(holder.scopes, rights, holder.patient),
    )
