"""Why a code was not exchanged for tokens, in the order in which oauthlib asks oauth.validator."""

import base64
import hashlib
from collections.abc import Mapping

from django.utils import timezone

from oauth.catalogue import enabled_text, grantable_of_texts
from oauth.causes.clients import moment
from oauth.causes.differences import joined, of_urls
from oauth.causes.endings import of_ending
from oauth.causes.masking import masked
from oauth.causes.why import Why
from oauth.models import AccessToken, Application, Grant
from oauth.tokens.checksum import token_checksum

_LENGTH = 43


def of_code(client: Application, form: Mapping[str, str]) -> Why:
    """Why this client got nothing for the code in these form fields."""
    code = form.get("code", "")
    if not code:
        return Why("check_code", "code is missing.", "the code of the authorization response")
    if not client.may_use_grant("authorization_code"):
        registered = ", ".join(client.grant_types)
        cause = f"The client is registered for {registered} only."
        return Why("check_grant_type", cause, registered, "authorization_code")
    grant = Grant.objects.select_related("application", "user", "launch_context", "consent")
    found = grant.filter(code=token_checksum(code)).first()
    if found is None:
        return Why("check_code", _unknown(code), "a code that this server gave")
    why = _of_grant(client, found) or _of_proof(found, form)
    return why or Why("check_code", "What the code rests on was changed in this moment.")


def _unknown(code: str) -> str:
    """What has run out is removed in time, so that nobody can tell it from what never was."""
    if len(code) == _LENGTH:
        return "No code is known that is equal to the one that came: it was never given, or has long run out."
    return f"The code that came has {len(code)} characters, and those of this server have {_LENGTH}."


def _of_grant(client: Application, grant: Grant) -> Why | None:
    if grant.application_id != client.pk:
        owner = grant.application
        cause = f"The code was given to another client, {owner.client_id} ({owner.name[:100]})."
        return Why("check_code_client", cause, owner.client_id, client.client_id)
    if grant.used is not None:
        return _of_used(grant, moment(grant.used))
    seconds = (timezone.now() - grant.expires).total_seconds()
    if seconds >= 0:
        lived = (grant.expires - grant.created).total_seconds()
        cause = f"The code expired {seconds:.0f} seconds ago; it is good for {lived:.0f} seconds."
        return Why("check_code_in_time", cause, f"within {lived:.0f} seconds")
    if ending := of_ending(grant):
        return Why("check_code", ending)
    if not grantable_of_texts(grant.scope, client.scope, enabled_text()):
        cause = "Of the granted scopes the client is registered for none any more, or the catalogue has none."
        return Why("check_scope", cause, client.scope[:500], grant.scope[:500])
    return None


def _of_used(grant: Grant, when: str) -> Why:
    if AccessToken.objects.filter(token_family=grant.token_family).exists():
        cause = f"The code was used already, on {when}; a code is good for one exchange."
        return Why("check_used_once", cause, "a code that was not used", f"used on {when}")
    cause = of_ending(grant) or f"The code was revoked on {when}, before it was used."
    return Why("check_code", cause)


def _of_proof(grant: Grant, form: Mapping[str, str]) -> Why | None:
    """PKCE comes before redirect_uri. https://www.rfc-editor.org/rfc/rfc7636#section-4.6"""
    verifier = form.get("code_verifier", "")
    if not verifier:
        cause = "code_verifier is missing: PKCE was begun at the authorization and not ended here."
        return Why("check_code_verifier", cause, "the code_verifier of the code_challenge")
    if _challenge_of(verifier) != grant.code_challenge:
        return Why("check_code_verifier", _of_verifier(grant, verifier), "the verifier of the code_challenge")
    return _of_redirect_uri(grant, form.get("redirect_uri", ""))


def _of_verifier(grant: Grant, verifier: str) -> str:
    if verifier == grant.code_challenge:
        return "The code_challenge itself came as code_verifier."
    if _challenge_of(verifier.strip()) == grant.code_challenge:
        return "The code_verifier came with white space around it."
    if not 43 <= len(verifier) <= 128:
        return f"The code_verifier has {len(verifier)} characters; it has to have 43 to 128."
    return "The code_verifier does not match: its SHA-256 is not the code_challenge of the authorization."


def _of_redirect_uri(grant: Grant, received: str) -> Why | None:
    rule, expected = "check_redirect_uri", masked(grant.redirect_uri)
    if not received:
        return Why(rule, "redirect_uri is missing, which the authorization request had.", expected)
    phrases = of_urls(received, grant.redirect_uri)
    if not phrases:
        return None
    only = "only " if len(phrases) == 1 else ""
    cause = f"redirect_uri differs from that of the authorization request {only}by {joined(phrases)}."
    return Why(rule, cause, expected, masked(received))


def _challenge_of(verifier: str) -> str:
    """https://www.rfc-editor.org/rfc/rfc7636#section-4.2"""
    digest = hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
