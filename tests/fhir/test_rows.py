"""The short way to a statement's rows: those of Django's cursor, and nothing that Django watches is lost."""

import pytest
from django.db import DatabaseError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from fhir.rows import fetched

pytestmark = pytest.mark.django_db(transaction=True)

SQL = "SELECT %s, 'a%%b', 7 UNION ALL SELECT %s, '%%s', NULL ORDER BY 1"


def test_the_rows_are_those_of_djangos_cursor() -> None:
    with connection.cursor() as cursor:
        cursor.execute(SQL, ("x", "y"))
        expected = cursor.fetchall()
    assert fetched(SQL, ("x", "y")) == expected == [("x", "a%b", 7), ("y", "%s", None)]


def test_a_connection_that_was_closed_is_made_anew() -> None:
    assert fetched("SELECT 1", ()) == [(1,)]
    connection.close()
    assert fetched("SELECT 2", ()) == [(2,)]


def test_an_error_is_djangos_and_the_connection_goes_on() -> None:
    with pytest.raises(DatabaseError):
        fetched("SELECT nothing FROM nowhere", ())
    assert connection.errors_occurred
    assert fetched("SELECT 1", ()) == [(1,)]


def test_what_a_transaction_has_written_is_seen_in_it_and_gone_with_it() -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO oauth_standing (id, stamp, renewed_by) VALUES (2, 5, '')")
        assert fetched("SELECT stamp FROM oauth_standing WHERE id = %s", (2,)) == [(5,)]
        transaction.set_rollback(True)
    assert fetched("SELECT stamp FROM oauth_standing WHERE id = %s", (2,)) == []


def test_whoever_counts_statements_counts_these(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        fetched("SELECT 1", ())
