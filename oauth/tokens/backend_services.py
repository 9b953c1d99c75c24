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

from audit.events import Event
from fhir.access import Rule
from oauth.catalogue import grantable_of_texts
from oauth.claims import Authorization, access_token_claims
from oauth.clients.authentication import Proven
from oauth.clients.calling import Refused, replayed
from oauth.models import Application
from oauth.own_scopes import launch_context_scope
from oauth.prepared import Prepared, value
from oauth.remembered import active_signers, enabled_scopes
from oauth.scopes import NamedScope, ResourceScope, Scope, UriScope, parse_scopes, to_text
from oauth.signing_keys import signer_among
from oauth.tokens.attempts import attempt_of
from oauth.tokens.checksum import token_checksum
from oauth.tokens.effective_access import client_rules
from oauth.tokens.service_tokens import ReplayedError, record

GRANT_TYPE = "client_credentials"
SECONDS = 300
_REGISTERED = Prepared(lambda: Application.objects.filter(client_id=value("client_id")).values_list("scope"))


def issue(proven: Proven, asked: str, address: str = "") -> dict[str, Any]:
    """The token response for a client that has proven itself, with the scopes of the text `asked`, at a
    request that came from `address`.

    The token lives for 300 seconds and cannot be refreshed. Raises Refused, and OutdatedError if what is
    known of the client is no longer so; then its assertion is not used up.
    https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html#issue-access-token
    """
    client = proven.client
    if proven.assertion is None or not client.may_use_grant(GRANT_TYPE):
        description = "The client is not registered as a backend service."
        raise Refused(400, "unauthorized_client", description)
    scope = to_text(_granted(client, asked, enabled_scopes(proven.stamp)))
    jti = uuid.uuid4().hex
    claims = access_token_claims(
        Authorization(
            user=None, client_id=client.client_id, scope=scope, launch_context=None, seconds=SECONDS, jti=jti
        )
    )
    signer = signer_among(active_signers(proven.stamp), settings.ACCESS_TOKEN_ALG)
    token = signer.sign(claims, "at+jwt")
    try:
        record(
            client,
            proven.assertion,
            proven.stamp,
            _issued(client, jti, scope, address),
            jti=jti,
            kid=signer.kid,
            token="",
            token_checksum=token_checksum(token),
            scope=scope,
            expires=timezone.now() + timedelta(seconds=SECONDS),
        )
    except ReplayedError as error:
        raise replayed() from error
    return {"access_token": token, "token_type": "Bearer", "expires_in": SECONDS, "scope": scope}


def _issued(client: Application, jti: str, scope: str, address: str) -> Event:
    detail = {
        "rule": "check_assertion",
        "expected": "an assertion by a key of the client's, not used before, and scopes that it may have",
        "received": "one that is, and such scopes",
        "scope": scope,
        "access_token_seconds": SECONDS,
        "given": ["access_token"],
    }
    return Event(
        "service-token",
        "allowed",
        200,
        client=client.client_id,
        address=address,
        attempt=attempt_of(jti),
        detail=detail,
    )


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
        raise Refused(400, "invalid_scope", "scope must name what is asked for, such as system/Patient.rs.")
    for scope in scopes:
        if isinstance(scope, ResourceScope) and not is_without_person(scope):
            raise Refused(400, "invalid_scope", f"{scope.text[:100]} has no meaning without a person.")
    # Libraries add launch/patient and the like by themselves: such a scope is not granted, and does no harm.
    own = to_text(filter(is_without_person, scopes))
    granted = grantable_of_texts(own, client.scope, enabled_scopes)
    if not granted:
        raise Refused(400, "invalid_scope", "The client is registered for none of the asked scopes.")
    return granted
