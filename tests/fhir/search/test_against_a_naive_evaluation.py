"""Random questions about random resources, answered by the server and by a plain evaluation in memory.

The evaluation (tests.fhir.search.naive) has its own reading of dates, codes, quantities and texts, and its
own list of where parameters look. A difference is an error in one of the two.
"""

import itertools
import random
from typing import Any
from urllib.parse import urlencode

import pytest

from fhir.access import Access, Rule
from fhir.outcome import Forbidden
from tests.fhir.search.naive.clinic import PATIENTS, Clinic
from tests.fhir.search.naive.evaluation import found
from tests.fhir.search.naive.ordering import ORDERS, in_order
from tests.fhir.search.naive.parameters import PARAMETERS
from tests.fhir.search.naive.questions import Asker
from tests.fhir.search.shelf import bundle, bundle_at_base, entries, link, put, walk

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("https://hl7.org/fhir/R4/search.html"),
]

QUERIES = 220
WITH_ENCOUNTER = {"Observation", "Condition", "MedicationRequest"}


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


def both(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """Type and id of each match."""
    return [(each["resourceType"], each["id"]) for each in entries(answer, "match")]


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#search")
@pytest.mark.parametrize("seed", [6, 7])
def test_random_queries_of_several_types_find_what_a_plain_evaluation_finds(db: None, seed: int) -> None:
    resources = stored(seed)
    asker = Asker(random.Random(seed + 100))
    some = 0
    for _ in range(QUERIES // 2):
        types, questions = asker.common_query()
        url = f"?{urlencode([('_type', ','.join(types)), *questions])}"
        there = both(bundle_at_base(f"{url}&_count=1000", handling="strict"))
        expected = {(name, fhir_id) for name in types for fhir_id in found(resources, name, questions)}
        assert len(there) == len(set(there)), url
        assert set(there) == expected, url
        assert bundle_at_base(f"{url}&_count=0")["total"] == len(expected), url
        some += len({name for name, _ in expected}) > 1
    assert some > QUERIES // 12


@pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#sort")
@pytest.mark.parametrize("seed", [8, 9])
def test_several_types_are_paged_in_one_order_while_another_writes(db: None, seed: int) -> None:
    resources = stored(seed)
    known = {(each["resourceType"], each["id"]): each for each in resources}
    chance = random.Random(seed + 100)
    asker, numbers = Asker(chance), itertools.count(1000 * seed)
    for _ in range(20):
        types, [question, *_] = asker.common_query()
        codes = ["_id", "_lastUpdated", *(["encounter"] if set(types) <= WITH_ENCOUNTER else [])]
        sort = [chance.choice(("", "-")) + code for code in chance.sample(codes, 2)]
        pairs = [("_type", ",".join(types)), question, ("_sort", ",".join(sort))]
        following: str | None = f"?{urlencode([*pairs, ('_count', str(chance.choice((2, 5, 9))))])}"
        seen: list[tuple[str, str]] = []
        while following:
            answer = bundle_at_base(following)
            seen += both(answer)
            if len(seen) < 20:
                put(*later(next(numbers)))
            following = link(answer, "next")
        old = [place for place in seen if not place[1].startswith("later-")]
        assert len(seen) == len(set(seen)), pairs
        expected = {(name, fhir_id) for name in types for fhir_id in found(resources, name, [question])}
        assert set(old) == expected, pairs
        assert in_order([known[place] for place in old], sort), pairs


@pytest.mark.parametrize("seed", [10])
def test_several_types_are_searched_within_the_reach_of_each(db: None, seed: int) -> None:
    """Who may see some patients, some types or what a query finds: as one search, and one type by one."""
    stored(seed)
    chance = random.Random(seed + 100)
    asker = Asker(chance)
    some = 0
    for _ in range(60):
        types, questions = asker.common_query()
        access = Access(tuple(_rule(chance, types) for _ in range(chance.choice((1, 2, 3)))))
        may = [name for name in types if access.allows(name, "s")]
        url = f"?{urlencode([('_type', ','.join(may)), *questions])}"
        if not may:
            with pytest.raises(Forbidden):
                bundle_at_base(f"?{urlencode([('_type', types[0]), *questions])}", access)
            continue
        each_by_itself = [
            place
            for name in may
            for place in both(bundle(f"{name}?{urlencode(questions)}&_count=1000", access))
        ]
        assert sorted(both(bundle_at_base(f"{url}&_count=1000", access))) == sorted(each_by_itself), url
        assert bundle_at_base(f"{url}&_count=0", access)["total"] == len(each_by_itself), url
        some += bool(each_by_itself)
    assert some > 15


def _rule(chance: random.Random, types: list[str]) -> Rule:
    patients = frozenset(chance.sample(PATIENTS, 4)) if chance.random() < 0.7 else None
    if chance.random() < 0.3:
        return Rule(frozenset({chance.choice(types)}), frozenset("rs"), patients, "_tag:missing=true")
    named = frozenset(chance.sample(types, chance.randint(1, len(types))))
    return Rule(chance.choice((None, named)), frozenset("rs"), patients)


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
