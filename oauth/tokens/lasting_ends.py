"""Dead stays dead: what ends tokens revokes them as well, so that undoing it later revives none.

Triggers do it, in the same transaction as the change and whoever makes it: the console, a command, a shell.
They fire when a cause begins and when it is undone. So what had ended by time alone, or was recorded just
while the cause began, is revoked before anything could bring it back.
"""

from typing import Any, NamedTuple

from django.db import connections

_NOW = {"postgresql": "statement_timestamp()", "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')"}
_DIFFERS = {"postgresql": "IS DISTINCT FROM", "sqlite": "IS NOT"}


# The column that says when a row ended, where it is not `revoked`.
_ENDED_BY = {
    "oauth_grant": "used",
    "launch_launchcontext": "expires",
    "oauth_trustedissuer": "refused_before",
    "accounts_user": "standing_changed_at",
}
# Those of them with a value to begin with.
_MOVED = frozenset({"expires", "refused_before", "standing_changed_at"})


class Cause(NamedTuple):
    """A change that ends tokens. `when` says by old and new row which one; None for any.

    `ends` selects the codes and tokens that it ends. `{now}` stands for this moment and `{differs}` for the
    operator that compares with NULL.
    """

    table: str
    event: str
    when: str | None
    ends: str
    of: tuple[str, ...] = ("oauth_grant", "oauth_refreshtoken", "oauth_accesstoken")


def _consent_is_over(row: str) -> str:
    return f"({row}.withdrawn IS NOT NULL OR {row}.expires <= {{now}})"


def _proxy_is_over(row: str) -> str:
    return f"(NOT {row}.active OR {row}.starts > {{now}} OR {row}.ends <= {{now}})"


_OF_PROXY = (
    "user_id = old.user_id AND launch_context_id IN"
    " (SELECT id FROM launch_launchcontext WHERE user_id = old.user_id AND patient = old.patient)"
)

CAUSES = {
    # The client stops being live, or comes back.
    "client": Cause("oauth_application", "UPDATE", "old.status <> new.status", "application_id = old.id"),
    # The person is deactivated, gets new credentials from staff, or becomes somebody else in FHIR.
    "person": Cause(
        "accounts_user",
        "UPDATE",
        "old.is_active <> new.is_active OR old.fhir_user <> new.fhir_user"
        " OR old.credentials_reset_at {differs} new.credentials_reset_at",
        "user_id = old.id",
    ),
    # A new password ends every session of the person, also those whose browsers do not come back to notice.
    "password": Cause(
        "accounts_user",
        "UPDATE",
        "old.password <> new.password",
        "user_id = old.id AND session_expires IS NOT NULL",
    ),
    "consent": Cause(
        "oauth_consent",
        "UPDATE",
        f"{_consent_is_over('old')} OR {_consent_is_over('new')}",
        "consent_id = old.id",
    ),
    "proxy": Cause(
        "accounts_proxy",
        "UPDATE",
        f"{_proxy_is_over('old')} OR {_proxy_is_over('new')}"
        " OR old.user_id <> new.user_id OR old.patient <> new.patient",
        _OF_PROXY,
    ),
    # Not while one is being picked: there are no tokens yet.
    "context": Cause(
        "launch_launchcontext", "UPDATE", "old.patient <> new.patient", "launch_context_id = old.id"
    ),
    "lost_proxy": Cause("accounts_proxy", "DELETE", None, _OF_PROXY),
    # What has run out by then has nothing left to lose, and may have an export to carry to its end.
    "key": Cause(
        "oauth_signingkey",
        "UPDATE",
        "(new.status = 'withdrawn') <> (old.status = 'withdrawn')",
        "kid = old.kid AND expires > {now}",
        of=("oauth_accesstoken",),
    ),
    # A launch that waits for its app, when the app or the external EHR that made it stops or comes back.
    "waiting_launch": Cause(
        "oauth_application",
        "UPDATE",
        "old.status <> new.status",
        "claimed_by = '' AND expires > {now} AND (application_id = old.id OR made_by_id = old.id)",
        of=("launch_launchcontext",),
    ),
    # Another authorization server's tokens have no row here: what it issued until now is refused from now on.
    "issuer": Cause(
        "oauth_trustedissuer",
        "UPDATE",
        "old.active <> new.active",
        "id = old.id",
        of=("oauth_trustedissuer",),
    ),
    # And what it issued to this person. Saving a person as they were before does not take the moment back.
    "person_elsewhere": Cause(
        "accounts_user",
        "UPDATE",
        "old.is_active <> new.is_active OR old.fhir_user <> new.fhir_user"
        " OR old.standing_changed_at > new.standing_changed_at"
        " OR (old.standing_changed_at IS NOT NULL AND new.standing_changed_at IS NULL)",
        "id = old.id",
        of=("accounts_user",),
    ),
}
"""By name. That time passes changes no row, so what ends by it is revoked by the first change after it."""


def install(using: str, **kwargs: Any) -> None:
    """Make the triggers anew; a `post_migrate` receiver, since SQLite loses them when a table is altered."""
    database = connections[using]
    make = _on_postgresql if database.vendor == "postgresql" else _on_sqlite
    with database.cursor() as cursor:
        for name, cause in CAUSES.items():
            for statement in make(f"ends_of_{name}", cause):
                cursor.execute(statement)


def _on_postgresql(name: str, cause: Cause) -> list[str]:
    body = " ".join(_ending(table, cause, "postgresql") for table in cause.of)
    return [
        f"CREATE OR REPLACE FUNCTION oauth_{name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {body} RETURN NULL; END $$",
        f"DROP TRIGGER IF EXISTS {name} ON {cause.table}",
        f"{_head(name, cause, 'postgresql')} EXECUTE FUNCTION oauth_{name}()",
    ]


def _on_sqlite(name: str, cause: Cause) -> list[str]:
    body = " ".join(_ending(table, cause, "sqlite") for table in cause.of)
    return [f"DROP TRIGGER IF EXISTS {name}", f"{_head(name, cause, 'sqlite')} BEGIN {body} END"]


def _head(name: str, cause: Cause, vendor: str) -> str:
    when = f" WHEN ({_filled(cause.when, vendor)})" if cause.when else ""
    return f"CREATE TRIGGER {name} AFTER {cause.event} ON {cause.table} FOR EACH ROW{when}"


def _ending(table: str, cause: Cause, vendor: str) -> str:
    """The statement that ends the rows of one table.

    Refresh tokens are ended until none is to be seen: PostgreSQL waits for a refresh under way, and sees what
    came of it only in the next statement (as in oauth.tokens.revocation).
    """
    column = _ENDED_BY.get(table, "revoked")
    those = ("" if column in _MOVED else f"{column} IS NULL AND ") + _filled(cause.ends, vendor)
    end = f"UPDATE {table} SET {column} = {_NOW[vendor]} WHERE {those};"  # noqa: S608  # our own words
    if vendor == "postgresql" and table == "oauth_refreshtoken":
        return f"WHILE EXISTS (SELECT 1 FROM {table} WHERE {those}) LOOP {end} END LOOP;"  # noqa: S608  # our own words
    return end


def _filled(text: str, vendor: str) -> str:
    return text.replace("{now}", _NOW[vendor]).replace("{differs}", _DIFFERS[vendor])
