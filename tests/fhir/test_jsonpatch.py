"""JSON Patch on JSON values: https://www.rfc-editor.org/rfc/rfc6902."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fhir.jsonpatch import PatchError, PatchTooLarge, patched, read_patch
from fhir.jsontext import JsonTextError, parse, serialise

PLENTY = 1_000_000


def apply(resource: Any, *operations: dict[str, Any]) -> Any:
    """The resource as it is after the patch."""
    return patched(resource, read_patch(json.dumps(operations).encode()), PLENTY)


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6902#appendix-A")
@pytest.mark.parametrize(
    ("before", "operation", "after"),
    [
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux"}, {"foo": "bar", "baz": "qux"}),
        ({"foo": ["a", "c"]}, {"op": "add", "path": "/foo/1", "value": "b"}, {"foo": ["a", "b", "c"]}),
        ({"foo": ["a"]}, {"op": "add", "path": "/foo/-", "value": ["b"]}, {"foo": ["a", ["b"]]}),
        ({"foo": ["a"]}, {"op": "add", "path": "/foo/1", "value": "b"}, {"foo": ["a", "b"]}),
        ({"foo": 1}, {"op": "add", "path": "/foo", "value": None}, {"foo": None}),
        ({"foo": 1}, {"op": "add", "path": "", "value": {"bar": 2}}, {"bar": 2}),
        ({"foo": 1, "baz": 2}, {"op": "remove", "path": "/baz"}, {"foo": 1}),
        ({"foo": ["a", "b", "c"]}, {"op": "remove", "path": "/foo/1"}, {"foo": ["a", "c"]}),
        ({"foo": 1}, {"op": "replace", "path": "/foo", "value": {"x": []}}, {"foo": {"x": []}}),
        ({"foo": [1, 2]}, {"op": "replace", "path": "/foo/0", "value": 3}, {"foo": [3, 2]}),
        ({"a": {"b": 1}, "c": {}}, {"op": "move", "from": "/a/b", "path": "/c/d"}, {"a": {}, "c": {"d": 1}}),
        ({"a": [1, 2, 3]}, {"op": "move", "from": "/a/0", "path": "/a/2"}, {"a": [2, 3, 1]}),
        ({"a": [1, 2, 3]}, {"op": "move", "from": "/a/2", "path": "/a/0"}, {"a": [3, 1, 2]}),
        ({"a": 1}, {"op": "move", "from": "/a", "path": "/a"}, {"a": 1}),
        ({"a": {"b": [1]}}, {"op": "copy", "from": "/a", "path": "/c"}, {"a": {"b": [1]}, "c": {"b": [1]}}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 1.0}, {"a": 1}),
        ({"a": {"x": 1, "y": [True]}}, {"op": "test", "path": "/a", "value": {"y": [True], "x": 1}}, None),
        ({"a/b": 1, "m~n": 2}, {"op": "replace", "path": "/a~1b", "value": 3}, {"a/b": 3, "m~n": 2}),
        ({"a/b": 1, "m~n": 2}, {"op": "replace", "path": "/m~0n", "value": 3}, {"a/b": 1, "m~n": 3}),
        ({"~1": 1}, {"op": "test", "path": "/~01", "value": 1}, {"~1": 1}),
        ({"": 1}, {"op": "remove", "path": "/"}, {}),
        ({"0": 1}, {"op": "replace", "path": "/0", "value": 2}, {"0": 2}),
        ({"foo": 1}, {"op": "add", "path": "/bar", "value": 1, "unknown": "ignored"}, {"foo": 1, "bar": 1}),
    ],
)
def test_each_operation_does_what_the_standard_says(before: Any, operation: Any, after: Any) -> None:
    expected = before if after is None else after
    assert apply(json.loads(json.dumps(before)), operation) == expected


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "/a/b/c", "value": 1},
        {"op": "add", "path": "/foo/3", "value": 1},
        {"op": "add", "path": "/foo/01", "value": 1},
        {"op": "add", "path": "/foo/x", "value": 1},
        {"op": "add", "path": "/foo/-1", "value": 1},
        {"op": "add", "path": "/text/0", "value": 1},
        {"op": "remove", "path": "/bar"},
        {"op": "remove", "path": "/foo/-"},
        {"op": "remove", "path": ""},
        {"op": "replace", "path": "/bar", "value": 1},
        {"op": "replace", "path": "/foo/2", "value": 1},
        {"op": "move", "from": "/bar", "path": "/a"},
        {"op": "copy", "from": "/foo/9", "path": "/a"},
        {"op": "test", "path": "/foo", "value": [1]},
        {"op": "test", "path": "/one", "value": "1"},
        {"op": "test", "path": "/one", "value": True},
        {"op": "test", "path": "/none", "value": None},
        {"op": "test", "path": "/text", "value": "textual"},
        {"op": "replace", "path": "", "value": [1]},
    ],
)
def test_what_cannot_be_carried_out_is_refused_by_name(operation: dict[str, Any]) -> None:
    with pytest.raises(PatchError) as refused:
        apply(
            {"foo": ["a", "b"], "text": "text", "one": 1},
            {"op": "test", "path": "/one", "value": 1},
            operation,
        )
    assert not refused.value.malformed
    assert operation == {"op": "replace", "path": "", "value": [1]} or "Operation 1 (" in str(refused.value)


@pytest.mark.parametrize(
    "operation",
    [
        [],
        "add",
        {},
        {"op": "increment", "path": "/a"},
        {"op": ["add"], "path": "/a"},
        {"op": "add", "path": "/a"},
        {"op": "replace", "path": "/a"},
        {"op": "test", "path": "/a"},
        {"op": "add", "value": 1},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "/a~2", "value": 1},
        {"op": "add", "path": "/a~", "value": 1},
        {"op": "move", "path": "/a"},
        {"op": "move", "from": "/a", "path": "/a/b"},
        {"op": "add", "path": "/a" * 65, "value": 1},
    ],
)
def test_what_is_no_operation_is_malformed(operation: Any) -> None:
    with pytest.raises(PatchError) as refused:
        read_patch(json.dumps([operation]).encode())
    assert refused.value.malformed
    assert "Operation 0" in str(refused.value)


@pytest.mark.parametrize("text", [b"{}", b"1", b"[", b"[]]", b'[{"op":"add","op":"add"}]', b"[NaN]", b"\xff"])
def test_a_patch_is_an_array_by_the_same_rules_as_every_json_here(text: bytes) -> None:
    with pytest.raises(JsonTextError):
        read_patch(text)


def test_an_empty_patch_changes_nothing() -> None:
    assert apply({"a": 1}) == {"a": 1}


@pytest.mark.requirement("https://hl7.org/fhir/R4/datatypes.html#decimal")
def test_numbers_keep_their_digits_wherever_they_come_from() -> None:
    before = parse(b'{"a":1.50,"b":1E5,"c":12345678901234567890}')
    operations = read_patch(
        b'[{"op":"test","path":"/a","value":1.5},{"op":"copy","from":"/a","path":"/d"},'
        b'{"op":"move","from":"/b","path":"/e"},{"op":"add","path":"/f","value":0.100}]'
    )
    found = serialise(patched(before, operations, PLENTY))
    assert found == b'{"a":1.50,"c":12345678901234567890,"d":1.50,"e":1E5,"f":0.100}'


def test_copies_share_nothing_and_a_patch_can_be_used_again() -> None:
    operations = read_patch(
        b'[{"op":"add","path":"/a","value":{"x":[]}},{"op":"copy","from":"/a","path":"/b"},'
        b'{"op":"add","path":"/a/x/-","value":1}]'
    )
    for _ in range(2):
        assert patched({}, operations, PLENTY) == {"a": {"x": [1]}, "b": {"x": []}}


def test_doubling_copies_end_at_the_limit_of_bytes() -> None:
    doubling = [{"op": "copy", "from": "/a", "path": "/a/-"}] * 60
    with pytest.raises(PatchError):
        apply({"a": [1]}, *doubling)
    flat = [{"op": "copy", "from": f"/{n}", "path": f"/{n + 1}/0"} for n in range(1)]
    with pytest.raises(PatchTooLarge):
        patched({"0": ["x" * 90], "1": []}, read_patch(json.dumps(flat * 20).encode()), 1000)


def test_what_grows_too_large_without_copies_is_refused_too() -> None:
    with pytest.raises(PatchTooLarge):
        patched({}, read_patch(json.dumps([{"op": "add", "path": "/a", "value": "x" * 99}]).encode()), 50)


def test_what_would_nest_too_deep_is_refused() -> None:
    steps = "/a" * 40
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"a": deep}
    with pytest.raises(PatchError, match="nests deeper"):
        apply(json.loads(json.dumps(deep)), {"op": "add", "path": f"{steps}/b", "value": deep})


def test_more_operations_than_the_limit_are_refused() -> None:
    with pytest.raises(PatchError, match="1000 operations"):
        read_patch(b"[" + b",".join([b'{"op":"remove","path":"/a"}'] * 1001) + b"]")
