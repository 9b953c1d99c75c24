"""What a person is asked, what they answered, and what need not be asked again."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction

from accounts.models import User
from oauth.models import Application, AuthorizationRequest, Consent
from oauth.models import Scope as CatalogueLine
from oauth.models.consent import ConsentQuerySet
from oauth.scope_words import describe
from oauth.scopes import LaunchScope, NamedScope, Scope, implies, parse_scope, parse_scopes, to_text

# Without it nobody could sign in to the app; it comes with any other scope and has no tick of its own.
_GIVEN = NamedScope("openid")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the consent page. `optional` ones have a tick."""

    text: str
    words: str
    optional: bool
    sensitive: bool


def lines(stored: AuthorizationRequest) -> list[Line]:
    """What the page shows, in the order asked; scopes approved without asking are left out.

    The words are the catalogue's own for exactly this scope, else those that its grammar gives.
    """
    catalogue = CatalogueLine.objects.values_list("pattern", "description", "sensitive")
    own_words = {pattern: description for pattern, description, _ in catalogue if description}
    sensitive = [wide for pattern, _, marked in catalogue if marked and (wide := parse_scope(pattern))]
    approved = parse_scopes(stored.application.auto_approved_scope) or ()
    return [
        Line(
            scope.text,
            own_words.get(scope.text) or describe(scope),
            _is_optional(scope),
            any(implies(wide, scope) for wide in sensitive),
        )
        for scope in parse_scopes(stored.scope) or ()
        if not any(implies(wide, scope) for wide in approved)
    ]


def chosen(stored: AuthorizationRequest, ticked: Collection[str]) -> tuple[Scope, ...]:
    """The scopes granted by these ticks; none at all if something could be ticked and nothing was.

    Ticks that the page did not offer count for nothing.
    """
    shown = lines(stored)
    optional = {line.text for line in shown if line.optional}
    if optional and not optional.intersection(ticked):
        return ()
    declined = optional.difference(ticked)
    return tuple(scope for scope in parse_scopes(stored.scope) or () if scope.text not in declined)


def remembered(stored: AuthorizationRequest, user: User) -> Consent | None:
    """A consent in force that covers everything asked, if this client's consents are remembered."""
    if not _remembers(stored.application) or "consent" in stored.prompt:
        return None
    asked = parse_scopes(stored.scope) or ()
    approved = parse_scopes(stored.application.auto_approved_scope) or ()
    for consent in _in_force(stored, user):
        given = (*(parse_scopes(consent.scope) or ()), *approved)
        if all(any(implies(wide, scope) for wide in given) for scope in asked):
            return consent
    return None


def approved_in_advance(stored: AuthorizationRequest, user: User) -> Consent | None:
    """The consent to a request that has nothing to show, as staff approved all of it beforehand."""
    if "consent" in stored.prompt or not _remembers(stored.application) or lines(stored):
        return None
    return record(stored, user, parse_scopes(stored.scope) or ())


def record(stored: AuthorizationRequest, user: User, granted: tuple[Scope, ...]) -> Consent:
    """Keep what was consented to: one row per client, person and patient, which follows each answer."""
    asked = parse_scopes(stored.scope) or ()
    declined = {scope.text for scope in asked} - {scope.text for scope in granted}
    with transaction.atomic():
        consent = _in_force(stored, user).select_for_update().first()
        if consent is None:
            patient = _patient(stored, user)
            return Consent.objects.create(
                application=stored.application, user=user, patient=patient, scope=to_text(granted)
            )
        kept = (scope for scope in parse_scopes(consent.scope) or () if scope.text not in declined)
        consent.scope = to_text((*kept, *granted))
        consent.save(update_fields=["scope", "updated"])
    return consent


def _in_force(stored: AuthorizationRequest, user: User) -> ConsentQuerySet:
    consents = Consent.objects.in_force().filter(application=stored.application, user=user)
    return consents.filter(patient=_patient(stored, user)).order_by("-updated")


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


def _is_optional(scope: Scope) -> bool:
    return scope != _GIVEN and not isinstance(scope, LaunchScope)
