"""Random questions about random resources, answered by the server and by a plain evaluation in memory.

The evaluation (tests.fhir.search.naive) has its own reading of dates, codes, quantities and texts, and its
own list of where parameters look. A difference is an error in one of the two.
"""

import itertools
import random
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.fhir.search.naive.clinic import Clinic
from tests.fhir.search.naive.evaluation import found
from tests.fhir.search.naive.ordering import ORDERS, in_order
from tests.fhir.search.naive.parameters import PARAMETERS
from tests.fhir.search.naive.questions import Asker
from tests.fhir.search.shelf import bundle, entries, put, walk

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("https://hl7.org/fhir/R4/search.html"),
]

QUERIES = 220


def stored(seed: int) -> list[dict[str, Any]]:
    """A random clinic, as the server has stored it."""
    made = Clinic(random.Random(seed)).resources()
    put(*made)
    return [
        resource
        for resource_type in PARAMETERS
        for resource in entries(bundle(f"{resource_type}?_count=1000"), "match")
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_queries_find_what_a_plain_evaluation_finds(db: None, seed: int) -> None:
    resources = stored(seed)
    asker = Asker(random.Random(seed + 100))
    differences, some = [], 0
    for _ in range(QUERIES):
        resource_type, questions = asker.query()
        url = f"{resource_type}?{urlencode(questions)}"
        answer = bundle(f"{url}&_count=1000", handling="strict")
        there = [resource["id"] for resource in entries(answer, "match")]
        expected = found(resources, resource_type, questions)
        some += bool(expected)
        if sorted(there) != sorted(expected) or bundle(f"{url}&_count=0")["total"] != len(expected):
            differences.append((questions, sorted(set(there) ^ expected)))
    assert not differences, "\n".join(map(repr, differences))
    # Questions that nothing answers prove little.
    assert some > QUERIES // 3


def later(number: int) -> list[dict[str, Any]]:
    """Resources of each type that somebody else adds, of which none was there before."""
    made = Clinic(random.Random(number)).resources()
    first = {each["resourceType"]: each for each in made}
    return [{**each, "id": f"later-{number}-{each['id']}"} for each in first.values()]


@pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#sort")
@pytest.mark.parametrize("seed", [4, 5])
def test_random_queries_are_paged_in_the_order_asked_for_while_another_writes(db: None, seed: int) -> None:
    resources = stored(seed)
    known = {(each["resourceType"], each["id"]): each for each in resources}
    chance = random.Random(seed + 100)
    asker, numbers = Asker(chance), itertools.count(1000 * seed)
    for _ in range(30):
        resource_type = chance.choice(list(PARAMETERS))
        question = asker.question(resource_type, 0)
        sort = [chance.choice(("", "-")) + code for code in chance.sample(ORDERS[resource_type], 2)]
        pairs = [question, ("_sort", ",".join(sort)), ("_count", str(chance.choice((1, 3, 7))))]
        url = f"{resource_type}?{urlencode(pairs)}"
        seen: list[str] = []
        for place, page in enumerate(walk(url)):
            seen += page
            if place < 3:
                put(*later(next(numbers)))
        old = [fhir_id for fhir_id in seen if not fhir_id.startswith("later-")]
        assert len(seen) == len(set(seen)), url
        assert sorted(old) == sorted(found(resources, resource_type, [question])), url
        assert in_order([known[resource_type, fhir_id] for fhir_id in old], sort), (url, old)
