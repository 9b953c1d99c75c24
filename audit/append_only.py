"""Events are written once and never changed: triggers refuse it on both databases, whoever asks.

Only events older than a removal that is being carried out may go, and that removal stays on record. A chain
moves forward only.
"""

from typing import Any, NamedTuple

from django.db import connections


class Ban(NamedTuple):
    """What may not be done to a table. `unless` says by the old (and new) row when it may; None: never."""

    table: str
    event: str
    unless: str | None
    words: str


_BEING_REMOVED = (
    "EXISTS (SELECT 1 FROM audit_removal m WHERE NOT m.done AND old.time < m.before)"
    " AND EXISTS (SELECT 1 FROM audit_chain c WHERE c.id = old.id / 4294967296"
    " AND old.id % 4294967296 < c.first_kept)"
)

BANS = {
    "event_update": Ban("audit_event", "UPDATE", None, "audit events are never changed"),
    "event_delete": Ban(
        "audit_event", "DELETE", _BEING_REMOVED, "audit events go by manage.py remove_old_events only"
    ),
    "chain_update": Ban(
        "audit_chain",
        "UPDATE",
        "new.id = old.id AND new.began = old.began AND new.before = old.before"
        " AND new.number >= old.number AND new.first_kept >= old.first_kept",
        "a chain of audit events moves forward only",
    ),
    "chain_delete": Ban("audit_chain", "DELETE", None, "chains of audit events stay"),
    "removal_update": Ban(
        "audit_removal",
        "UPDATE",
        "NOT old.done AND new.id = old.id AND new.time = old.time AND new.before = old.before"
        " AND new.operator = old.operator",
        "the record of a removal stays as it is",
    ),
    "removal_delete": Ban("audit_removal", "DELETE", None, "the record of a removal stays"),
}


def install(using: str, **kwargs: Any) -> None:
    """Make the triggers anew; a `post_migrate` receiver, since SQLite loses them when a table is altered."""
    database = connections[using]
    make = _on_postgresql if database.vendor == "postgresql" else _on_sqlite
    with database.cursor() as cursor:
        for name, ban in BANS.items():
            for statement in make(f"audit_{name}", ban):
                cursor.execute(statement)
        for table in {ban.table for ban in BANS.values()} if database.vendor == "postgresql" else ():
            for statement in _never_emptied(table):
                cursor.execute(statement)


def _on_postgresql(name: str, ban: Ban) -> list[str]:
    when = f" WHEN (NOT ({ban.unless}))" if ban.unless and "SELECT" not in ban.unless else ""
    check = f"IF {ban.unless} THEN RETURN old; END IF; " if ban.unless and not when else ""
    return [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {check}RAISE EXCEPTION '{ban.words}' USING ERRCODE = 'restrict_violation'; END $$",
        f"DROP TRIGGER IF EXISTS {name} ON {ban.table}",
        f"CREATE TRIGGER {name} BEFORE {ban.event} ON {ban.table} FOR EACH ROW{when}"
        f" EXECUTE FUNCTION {name}()",
    ]


def _never_emptied(table: str) -> list[str]:
    """PostgreSQL's TRUNCATE fires no trigger of rows."""
    return [
        "CREATE OR REPLACE FUNCTION audit_truncate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'the audit trail is never emptied' USING ERRCODE = 'restrict_violation'; END $$",
        f"CREATE OR REPLACE TRIGGER audit_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"
        " EXECUTE FUNCTION audit_truncate()",
    ]


def _on_sqlite(name: str, ban: Ban) -> list[str]:
    when = f" WHEN NOT ({ban.unless})" if ban.unless else ""
    return [
        f"DROP TRIGGER IF EXISTS {name}",
        f"CREATE TRIGGER {name} BEFORE {ban.event} ON {ban.table} FOR EACH ROW{when}"
        f" BEGIN SELECT RAISE(ABORT, '{ban.words}'); END",
    ]
