"""Which FHIR user of ours a claim of a provider names."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

from accounts.federation.identity_provider import IdentityProvider
from accounts.models import FHIR_USER

LONGEST = 500


def mapped(claim: Any, provider: IdentityProvider) -> str | None:
    """`Practitioner/1` and the like; None if the provider names nobody, the empty string if what it names
    is nobody here: of another base, of a kind that it does not speak for, or no reference at all.

    https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-identity-data
    """
    if claim is None or claim == "":
        return None
    if not isinstance(claim, str) or len(claim) > LONGEST:
        return ""
    reference = _relative(claim, provider.fhir_base)
    try:
        FHIR_USER(reference)
    except ValidationError:
        return ""
    return reference if reference.partition("/")[0] in provider.kinds.split() else ""


def _relative(claim: str, fhir_base: str) -> str:
    """The reference without the base, if the base is ours or known to hold the same ids; else as it is."""
    for base in (settings.FHIR_BASE, fhir_base.rstrip("/")):
        if base and claim.startswith(f"{base}/"):
            return claim[len(base) + 1 :]
    return claim
