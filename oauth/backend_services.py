"""Backend services: a client without a person gets an access token for itself, and nothing else.

Only a client that proves itself by a private key may: SMART means its secrets for apps with people.
https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html
https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-symmetric.html#profile-audience-and-scope
"""

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from fhir.access import Rule
from oauth.catalogue import enabled_column, grantable_of_texts
from oauth.claims import Authorization, access_token_claims
from oauth.client_authentication import token_checksum
from oauth.effective_access import client_rules
from oauth.models import AccessToken, Application
from oauth.own_scopes import launch_context_scope
from oauth.prepared import Prepared, insert_at_leisure, value
from oauth.scopes import NamedScope, ResourceScope, Scope, UriScope, parse_scopes, to_text
from oauth.signing_keys import active_column, signer_among, signers_of

GRANT_TYPE = "client_credentials"
SECONDS = 300
_REGISTERED = Prepared(lambda: Application.objects.filter(client_id=value("client_id")).values_list("scope"))
# The catalogue and the signing keys, asked for together.
_MOMENT = Prepared(
    lambda: (
        Application.objects.filter(client_id=value("client_id"))
        .annotate(enabled_scopes=enabled_column(), active_keys=active_column())
        .values_list("enabled_scopes", "active_keys")
    )
)


class RefusedError(Exception):
    """The request is refused: `error` is for programs, the message for the client's developers.

    https://www.rfc-editor.org/rfc/rfc6749#section-5.2
    """

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


def issue(client: Application, asked: str) -> dict[str, Any]:
    """The token response for a client that has proven itself, with the scopes of the text `asked`.

    The token lives for 300 seconds and cannot be refreshed. Raises RefusedError.
    https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html#issue-access-token
    """
    if not client.has_keys or not client.may_use_grant(GRANT_TYPE):
        raise RefusedError("unauthorized_client", "The client is not registered as a backend service.")
    enabled_scopes, active_keys = _MOMENT(client_id=client.client_id)[0]
    scope = to_text(_granted(client, asked, enabled_scopes))
    jti = uuid.uuid4().hex
    claims = access_token_claims(
        Authorization(
            user=None, client_id=client.client_id, scope=scope, launch_context=None, seconds=SECONDS, jti=jti
        )
    )
    signer = signer_among(signers_of(active_keys), settings.ACCESS_TOKEN_ALG)
    token = signer.sign(claims, "at+jwt")
    # A token whose row got lost is refused, and the service asks for another: no need to wait for the disk.
    insert_at_leisure(
        AccessToken,
        application_id=client.pk,
        jti=jti,
        kid=signer.kid,
        token="",
        token_checksum=token_checksum(token),
        scope=scope,
        expires=timezone.now() + timedelta(seconds=SECONDS),
    )
    return {"access_token": token, "token_type": "Bearer", "expires_in": SECONDS, "scope": scope}


def rules(client_id: str, scopes: tuple[Scope, ...]) -> tuple[Rule, ...]:
    """What a token with these scopes lets a client do that acts for itself, by its registration of now."""
    rows = _REGISTERED(client_id=client_id)
    return client_rules(scopes, parse_scopes(rows[0][0]) or ()) if rows else ()


def is_without_person(scope: Scope) -> bool:
    """Whether a scope means something in a token behind which nobody stands: `system/`, and our own two."""
    match scope:
        case ResourceScope():
            return scope.context == "system"
        case NamedScope(name):
            return name == "introspection"
        case UriScope():
            return scope == launch_context_scope()
        case _:
            return False


def is_with_person(scope: Scope) -> bool:
    """Whether a scope can be granted by a person: anything but `system/` and the making of launches."""
    if isinstance(scope, ResourceScope):
        return scope.context != "system"
    return scope != launch_context_scope()


def _granted(client: Application, asked: str, enabled_scopes: str) -> tuple[Scope, ...]:
    """What of the asked scopes the client is registered for and the catalogue has enabled.

    https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html#evaluate-requested-access
    """
    scopes = parse_scopes(asked)
    if not asked or scopes is None:
        raise RefusedError("invalid_scope", "scope must name what is asked for, such as system/Patient.rs.")
    for scope in scopes:
        if isinstance(scope, ResourceScope) and not is_without_person(scope):
            raise RefusedError("invalid_scope", f"{scope.text[:100]} has no meaning without a person.")
    # Libraries add launch/patient and the like by themselves: such a scope is not granted, and does no harm.
    own = to_text(filter(is_without_person, scopes))
    granted = grantable_of_texts(own, client.scope, enabled_scopes)
    if not granted:
        raise RefusedError("invalid_scope", "The client is registered for none of the asked scopes.")
    return granted
