"""Whether anything that tokens rest on has changed: one number that the database itself renews.

A decision about a token is made from rows of many tables (`oauth.tokens.liveness`), and so is one about a
client (`oauth.remembered`). To ask all of them at every request would cost more than the request. Triggers
renew the stamp in the same transaction as any such change, whoever makes it: a decision made under a stamp
stands as long as the stamp does.
"""

from typing import Any

from django.db import connections

from fhir.rows import fetched

RESTS_ON: dict[str, tuple[str, ...]] = {
    "accounts_proxy": (),
    "accounts_user": ("credentials_reset_at", "fhir_user", "is_active"),
    "oauth_accesstoken": (
        "application_id",
        "consent_id",
        "created",
        "expires",
        "launch_context_id",
        "scope",
        "session_expires",
        "user_id",
    ),
    "oauth_application": (),
    "oauth_clientsecret": ("application_id", "digest", "ends", "starts"),
    "oauth_consent": ("expires", "withdrawn"),
    "oauth_scope": (),
    "oauth_signingkey": (),
    "oauth_trustedissuer": (),
}
"""The tables that decisions rest on, with the columns whose new value may change one; without columns, any
change to any row may.

Rows of the others are not deleted as long as a token points at them. Whether the token's own row is there and
not revoked is asked at every request: tokens are revoked all the time, and one should not be looked up anew
for the sake of another. For the same reason the patient of a launch context is not watched, which somebody
picks with every launch: if another is put in place of one, `oauth.tokens.lasting_ends` revokes every token
of it.
"""

ROWS_COUNT = frozenset({"oauth_clientsecret"})
"""Those of them with columns in which also a row that is new or deleted changes what is decided."""

CURRENT = "coalesce((SELECT stamp FROM oauth_standing WHERE id = 1), 0)"
"""The stamp in SQL; zero before the first change."""

_EVENTS = ("INSERT", "UPDATE", "DELETE")

# The stamp is drawn by lot, so that none comes back after a rollback or a restored backup. A statement renews
# it once, however many rows it changes: PostgreSQL would keep a version of this row for each.
_FUNCTION = """
CREATE OR REPLACE FUNCTION oauth_renew_standing() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    statement text := txid_current() || ' ' || statement_timestamp();
BEGIN
    INSERT INTO oauth_standing (id, stamp, renewed_by) VALUES (1, (random() * 9e18)::bigint, statement)
    ON CONFLICT (id) DO UPDATE SET stamp = excluded.stamp, renewed_by = excluded.renewed_by
    WHERE oauth_standing.renewed_by <> excluded.renewed_by;
    RETURN NULL;
END $$
"""
_RENEW_ON_SQLITE = (
    "DELETE FROM oauth_standing; INSERT INTO oauth_standing (id, stamp, renewed_by) VALUES (1, random(), '');"
)


def current() -> int:
    """The stamp at this moment. Read it before what is decided under it, so that no change falls between."""
    [(stamp,)] = fetched(f"SELECT {CURRENT}", ())
    return int(stamp)


def install(using: str, **kwargs: Any) -> None:
    """Make the triggers anew; a `post_migrate` receiver, since SQLite loses them when a table is altered."""
    database = connections[using]
    on_postgresql = database.vendor == "postgresql"
    with database.cursor() as cursor:
        if on_postgresql:
            cursor.execute(_FUNCTION)
        for table, columns in RESTS_ON.items():
            for event in _EVENTS if not columns or table in ROWS_COUNT else ["UPDATE"]:
                name = f"standing_{table}_{event.lower()}"
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}" + (f" ON {table}" if on_postgresql else ""))
                cursor.execute(_trigger(name, table, event, columns, on_postgresql=on_postgresql))


def _trigger(name: str, table: str, event: str, columns: tuple[str, ...], *, on_postgresql: bool) -> str:
    differs = "IS DISTINCT FROM" if on_postgresql else "IS NOT"
    changed = " OR ".join(f"old.{column} {differs} new.{column}" for column in columns)
    when = f"WHEN ({changed}) " if changed and event == "UPDATE" else ""
    renew = "EXECUTE FUNCTION oauth_renew_standing()" if on_postgresql else f"BEGIN {_RENEW_ON_SQLITE} END"
    return f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW {when}{renew}"
