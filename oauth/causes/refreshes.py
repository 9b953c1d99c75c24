"""Why a refresh token was not exchanged, in the order of oauth.tokens.refreshing."""

from collections.abc import Mapping

from django.utils import timezone

from oauth.catalogue import enabled_text, grantable_of_texts, is_enforced
from oauth.causes.clients import moment
from oauth.causes.endings import of_ending, of_revocation
from oauth.causes.masking import masked
from oauth.causes.why import Why
from oauth.models import AccessToken, Application, RefreshToken
from oauth.scopes import Scope, implies, parse_scope, to_text
from oauth.tokens.checksum import token_checksum

GRANT_TYPE = "refresh_token"
_MOST = 20


def of_refresh(client: Application, form: Mapping[str, str]) -> Why:
    """Why this client got nothing for the refresh token in these form fields."""
    if not client.may_use_grant(GRANT_TYPE):
        registered = ", ".join(client.grant_types)
        cause = f"The client is registered for {registered} only."
        return Why("check_grant_type", cause, registered, GRANT_TYPE)
    text = form.get("refresh_token", "")
    if not text:
        return Why("check_refresh_token", "refresh_token is missing.", "a refresh token")
    rows = RefreshToken.objects.select_related("application", "user", "launch_context", "consent")
    row = rows.filter(token_checksum=token_checksum(text)).order_by("-revoked").first()
    if row is None:
        return Why("check_refresh_token", _unknown(text), "a refresh token that this server gave")
    why = _of_token(client, row) or _of_scope(client, row, form.get("scope", ""))
    return why or Why("check_refresh_token", "What the refresh token rests on was changed in this moment.")


def _unknown(text: str) -> str:
    if AccessToken.objects.filter(token_checksum=token_checksum(text)).exists():
        return "An access token came as refresh_token."
    return "No refresh token is known that is equal to the one that came, or it has long run out."


def _of_token(client: Application, row: RefreshToken) -> Why | None:
    if row.application_id != client.pk:
        owner = row.application
        cause = f"The refresh token was given to another client, {owner.client_id} ({owner.name[:100]})."
        return Why("check_refresh_client", cause, owner.client_id, client.client_id)
    if row.revoked is not None:
        return _of_revoked(row)
    if row.expires is not None and row.expires <= timezone.now():
        seconds = (timezone.now() - row.expires).total_seconds()
        return Why("check_refresh_in_time", f"The refresh token expired {seconds:.0f} seconds ago.")
    ending = of_ending(row)
    return Why("check_refresh_alive", ending) if ending else None


def _of_revoked(row: RefreshToken) -> Why:
    """A refresh token with a successor was used; any other one was revoked."""
    if not AccessToken.objects.filter(source_refresh_token=row).exists():
        return Why("check_refresh_alive", of_revocation(row))
    living = RefreshToken.objects.filter(token_family=row.token_family, revoked__isnull=True).exists()
    then = "its successor is still good" if living else "whatever followed it has ended"
    cause = f"The refresh token was used already, on {moment(row.revoked)}; {then}."
    return Why("check_used_once", cause, "the latest refresh token", f"used on {moment(row.revoked)}")


def _of_scope(client: Application, row: RefreshToken, asked: str) -> Why | None:
    still = grantable_of_texts(row.scope, client.scope, enabled_text())
    texts = to_text(still).split()
    if not {"offline_access", "online_access"}.intersection(texts) or (
        "offline_access" not in texts and not row.session_digest
    ):
        cause = "Neither offline_access nor online_access in a session is still granted."
        return Why("check_outlasts", cause, "offline_access or online_access", to_text(still)[:500])
    more = [word for word in asked.split(" ") if asked and not _is_within(word, still)]
    if not more:
        return None
    said = ", ".join(
        masked(word)[:80] if parse_scope(word) else "a word that is no scope" for word in more[:_MOST]
    )
    return Why("check_scope", f"scope grew: {said} was not granted.", to_text(still)[:500], said)


def _is_within(word: str, still: tuple[Scope, ...]) -> bool:
    slim = parse_scope(word)
    return slim is not None and is_enforced(slim) and any(implies(wide, slim) for wide in still)
