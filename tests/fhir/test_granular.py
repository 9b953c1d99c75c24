"""Criteria of rules: any parameter can be one, and a content is judged just as a search would find it."""

from __future__ import annotations

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from fhir.access import EVERYTHING
from fhir.elements import RESOURCE_TYPES
from fhir.granular import found_by, is_understood, satisfied
from fhir.indexing import index_rows
from fhir.jsontext import parse
from fhir.registry import SearchParameter, search_parameters
from fhir.search.modifiers import is_supported
from tests.fhir.search.shelf import ids
from tests.security.naive.clinics import TYPES
from tests.security.naive.generator import Generator
from tests.security.naive.product import fill

pytestmark = pytest.mark.requirement(
    "SMART 2.2 https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html"
    "#finer-grained-resource-constraints-using-search-parameters"
)
SAMPLES = {
    "token": "http://example.org|a",
    "string": "a",
    "uri": "http://example.org/a",
    "date": "ge2020-01-01",
    "number": "gt5",
    "quantity": "lt5.4|http://unitsofmeasure.org|mg",
    "reference": "http://example.org/a",
}


def _sample(parameter: SearchParameter) -> str:
    if not parameter.components:
        return SAMPLES[parameter.type]
    parts = [search_parameters(parameter.resource_type)[each.code].type for each in parameter.components]
    return "$".join(SAMPLES[kind] for kind in parts)


@pytest.mark.django_db
def test_every_parameter_that_can_be_searched_by_can_limit_a_rule() -> None:
    count = 0
    for resource_type in RESOURCE_TYPES:
        content = index_rows(
            resource_type, {"resourceType": resource_type, "id": "1", "meta": {"lastUpdated": "2020-01-01"}}
        )
        queries = [
            f"{parameter.code}={_sample(parameter)}"
            for parameter in search_parameters(resource_type).values()
            if is_supported(parameter) and parameter.code != "_list"
        ]
        assert [query for query in queries if not is_understood(resource_type, query)] == []
        # Its address is all that there is to find it by.
        assert satisfied(resource_type, [f"_id={content.fhir_id}", *queries], content) == {
            "_id=1",
            "_lastUpdated=ge2020-01-01",
        }
        conditions = [found_by(resource_type, query, "r", "r") for query in queries]
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT 1 FROM fhir_resource r WHERE {' OR '.join(each.sql for each in conditions)}",
                [value for each in conditions for value in each.params],
            )
            assert cursor.fetchall() == []
        count += len(queries)
    assert count > 1500


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(3))
def test_a_content_is_judged_as_a_search_would_find_it(seed: int) -> None:
    generator = Generator(seed, "http://testserver/fhir")
    fill(generator.world())
    asked = [(kind, generator.query(kind)) for kind in TYPES for _ in range(12)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT type, fhir_id, text FROM fhir_resource WHERE NOT deleted")
        stored = [
            (kind, fhir_id, index_rows(kind, parse(text.encode())))
            for kind, fhir_id, text in cursor.fetchall()
        ]
    hits = 0
    for kind, query in asked:
        found = set(ids(f"{kind}?{query}&_count=200", EVERYTHING))
        judged = {
            fhir_id for name, fhir_id, content in stored if name == kind and satisfied(kind, [query], content)
        }
        assert judged == found, query
        hits += len(found)
    assert hits > 100


@given(
    st.sampled_from(("Observation", "Patient", "Binary", "Encounter")),
    st.lists(
        st.tuples(
            st.sampled_from(
                ("code", "category", "date", "value-quantity", "family", "_id", "_has", "_x", "url")
            ),
            st.sampled_from(("", ":not", ":missing", ":exact", ":identifier", ":Patient", ".name", ":")),
            st.text(max_size=12)
            | st.sampled_from(("1e999", "ap", "%ff", "a|b|c", "\\", "$", "ge", "9" * 400)),
        ),
        max_size=3,
    ),
)
def test_whatever_stands_in_a_query_it_is_understood_or_not(
    resource_type: str, parts: list[tuple[str, str, str]]
) -> None:
    query = "&".join(f"{name}{modifier}={value}" for name, modifier, value in parts)
    if is_understood(resource_type, query):
        assert parts
        assert found_by(resource_type, query, "r", "r").sql
    else:
        with pytest.raises(ValueError, match="not understood"):
            found_by(resource_type, query, "r", "r")
