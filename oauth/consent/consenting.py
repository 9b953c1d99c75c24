"""What was consented to: recorded, and remembered, so that people are asked again only for more."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest

from accounts.models import User
from oauth.consent.duration import UNTIL_REVOKED, Lasting
from oauth.consent.lines import approved, is_required, unapproved
from oauth.consent.narrowing import undoes
from oauth.models import Application, AuthorizationRequest, Consent
from oauth.models.consent import ConsentQuerySet
from oauth.scopes import Scope, implies, narrow, parse_scopes, to_text
from oauth.tokens.online_sessions import session_digest
from oauth.tokens.revocation import revoke_all

Scopes = tuple[Scope, ...]


def latest(request: HttpRequest, stored: AuthorizationRequest, user: User) -> Consent | None:
    """The last answer that is in force, for this client, person and patient."""
    return in_force(request, stored, user).first()


def remembered(stored: AuthorizationRequest, consent: Consent | None) -> tuple[Consent, Scopes] | None:
    """The latest consent, if everything asked was answered for by it, with what it grants of that.

    What the person declined or narrowed stays so. None where consents of this client are not remembered,
    where the app wants something that was not asked for before or that it now requires, and where nothing
    would be left to grant: then the person is asked.
    """
    if consent is None or not _remembers(stored.application) or "consent" in stored.prompt:
        return None
    asked = parse_scopes(stored.scope) or ()
    limits = (*(parse_scopes(consent.scope) or ()), *approved(stored))
    granted = narrow(asked, limits)
    needed = [scope for scope in asked if is_required(stored, scope)]
    is_answered = _are_within(asked, (*answered(consent), *limits)) and _are_within(needed, granted)
    return (consent, granted) if granted and is_answered else None


def approved_in_advance(
    request: HttpRequest, stored: AuthorizationRequest, user: User
) -> tuple[Consent, Scopes] | None:
    """The consent to a request that has nothing to show, as staff approved all of it beforehand."""
    if "consent" in stored.prompt or not _remembers(stored.application) or unapproved(stored):
        return None
    granted = parse_scopes(stored.scope) or ()
    return record(request, stored, user, granted, UNTIL_REVOKED), granted


def answered(consent: Consent) -> Scopes:
    """Every scope that the person has answered for, whether allowed or not."""
    return tuple(dict.fromkeys((*(parse_scopes(consent.asked) or ()), *(parse_scopes(consent.scope) or ()))))


def kept_besides(consent: Consent, stored: AuthorizationRequest) -> Scopes:
    """What the consent allows that is not asked for now: a new answer's end counts for it as well."""
    asked = parse_scopes(stored.scope) or ()
    allowed = parse_scopes(consent.scope) or ()
    return tuple(scope for scope in allowed if not any(implies(wide, scope) for wide in asked))


@transaction.atomic
def record(
    request: HttpRequest, stored: AuthorizationRequest, user: User, granted: Scopes, lasting: Lasting
) -> Consent:
    """Keep what was consented to: one row per client, person and patient, which follows each answer.

    What an earlier answer allowed and this one withholds is taken back: it is no longer remembered, and the
    tokens that rest on it end.
    """
    asked = parse_scopes(stored.scope) or ()
    consent = in_force(request, stored, user).select_for_update().first()
    if consent is None:
        return Consent.objects.create(
            application=stored.application,
            user=user,
            patient=_patient(stored, user),
            scope=to_text(granted),
            asked=to_text(asked),
            expires=lasting.expires,
            session_digest=lasting.session_digest,
        )
    withheld = [scope for scope in asked if scope not in granted]
    before = parse_scopes(consent.scope) or ()
    over = {scope for scope in before if scope not in granted and _is_taken_back(scope, withheld)}
    if over:
        revoke_all(consent=consent)
    consent.scope = to_text((*(scope for scope in before if scope not in over), *granted))
    consent.asked = to_text((*(scope for scope in answered(consent) if scope not in over), *asked))
    consent.expires, consent.session_digest = lasting.expires, lasting.session_digest
    consent.save(update_fields=["scope", "asked", "expires", "session_digest", "updated"])
    return consent


def in_force(request: HttpRequest, stored: AuthorizationRequest, user: User) -> ConsentQuerySet:
    """This person's consents to the client for the patient in context, newest first.

    One that lasts until the person signs out is there in that session only.
    """
    here = session_digest(request.session.session_key or "")
    consents = Consent.objects.in_force().filter(application=stored.application, user=user)
    mine = Q(session_digest="") | Q(session_digest=here)
    return consents.filter(mine, patient=_patient(stored, user)).order_by("-updated", "-pk")


def _is_taken_back(scope: Scope, withheld: list[Scope]) -> bool:
    """Whether an earlier scope gives, or is a part of, what is withheld now."""
    return any(undoes(scope, no) or implies(no, scope) for no in withheld)


def _are_within(scopes: Iterable[Scope], wide: Scopes) -> bool:
    return all(any(implies(each, scope) for each in wide) for scope in scopes)


def _patient(stored: AuthorizationRequest, user: User) -> str:
    """Patients and proxies consent for one patient; clinicians for themselves, whoever the patient is."""
    if user.fhir_user_type == "Practitioner" or stored.launch_context is None:
        return ""
    return stored.launch_context.patient


def _remembers(client: Application) -> bool:
    """A native public client cannot prove that it is the one consented to, unless it owns an https address.

    https://www.rfc-editor.org/rfc/rfc8252#section-8.6
    """
    if client.consent_policy != Application.ConsentPolicy.REMEMBER:
        return False
    if client.application_type != Application.ApplicationType.NATIVE or not client.is_public:
        return True
    return all(uri.startswith("https://") for uri in client.redirect_uris.split())
