"""How much room the data take in PostgreSQL, and in which tables and indexes."""

from typing import NamedTuple

import psycopg

_QUERY = """
SELECT c.relname, pg_table_size(c.oid), pg_indexes_size(c.oid) FROM pg_class c
WHERE c.relkind = 'r' AND c.relname LIKE 'fhir\\_%' ORDER BY pg_total_relation_size(c.oid) DESC
"""


class Room(NamedTuple):
    """Bytes of one table and of all its indexes, for each resource in the database."""

    table: str
    data: float
    indexes: float


def room(url: str, resources: int) -> list[Room]:
    """The room of each table of the repository that takes at least a byte for each resource."""
    with psycopg.connect(url) as connection:
        found = connection.execute(_QUERY).fetchall()
    rooms = [Room(name, data / resources, indexes / resources) for name, data, indexes in found]
    return [each for each in rooms if each.data + each.indexes >= 1]
