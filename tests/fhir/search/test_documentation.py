"""docs/search.md says what the tables say that search runs on."""

import re
from pathlib import Path

import pytest

from fhir.registry import RESOURCE_TYPES, search_parameters
from fhir.search import across, include, parts, query
from fhir.search.modifiers import UNDERSTOOD, is_supported
from fhir.search.prefixes import PREFIXES
from fhir.search.types import uri

PAGE = (Path(__file__).parents[3] / "docs" / "search.md").read_text()


def rows(heading: str) -> dict[str, list[str]]:
    """The first table behind a heading: the first cell → the others."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]
    return {first: rest for first, *rest in cells}


def quoted(cell: str) -> list[str]:
    """What stands in backquotes."""
    return re.findall(r"`([^`]+)`", cell)


def test_the_modifiers_of_each_type_are_those_that_work() -> None:
    told = {
        kind: {word.removeprefix(":") for word in quoted(cells[0])}
        for kind, cells in rows("Parameters").items()
    }
    assert told == {kind: set(modifiers) for kind, modifiers in UNDERSTOOD.items()}


def test_the_prefixes_are_those_that_work() -> None:
    ordered = {"date", "number", "quantity"}
    for kind, cells in rows("Parameters").items():
        assert quoted(cells[1]) == (list(PREFIXES) if kind in ordered else [])


def test_the_parameters_of_the_answer_are_those_that_are_read() -> None:
    told = {name for first in rows("The answer") for name in quoted(first)}
    assert told == query.RESULT - {"_cursor"}


def test_the_limits_are_those_that_hold() -> None:
    assert {what: int(number) for what, (number,) in rows("Limits").items()} == {
        "parameters in a query": query.LARGEST_QUERY,
        "characters in a query": query.LONGEST_QUERY,
        "characters in the value of a parameter": query.LONGEST_VALUE,
        "values of a parameter": parts.LARGEST_VALUE,
        "values in a query, each counted in every type that it is asked of": query.MOST_VALUES,
        "parameters times types, at the base": across.MOST_QUESTIONS,
        "chains, `_has` and lists in a query": query.MOST_CHAINS,
        "references that a chain follows": parts.LONGEST_CHAIN,
        "types that a chain leads to": parts.MOST_WAYS,
        "URIs that the values of `:above` lie under": uri.MOST_ABOVE,
        "keys of `_sort`": query.MOST_SORT_KEYS,
        "rounds of `:iterate`": include.ROUNDS,
    }


@pytest.mark.parametrize("code", ["_text", "_content", "_query", "phonetic", "near"])
def test_what_counts_as_unknown_is_supported_for_no_type(code: str) -> None:
    found = [search_parameters(resource_type).get(code) for resource_type in RESOURCE_TYPES]
    assert any(found)
    assert not any(is_supported(each) for each in found if each)
    assert f"`{code}`" in PAGE.partition("## What is refused")[2]


def test_every_other_parameter_is_supported() -> None:
    unsupported = {
        code
        for resource_type in RESOURCE_TYPES
        for code, parameter in search_parameters(resource_type).items()
        if not is_supported(parameter)
    }
    assert unsupported == {"_text", "_content", "_query", "phonetic", "near"}
