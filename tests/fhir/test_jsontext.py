"""JSON text in and out: exact numbers, and everything ambiguous refused with its place."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir import jsontext
from fhir.jsontext import JsonTextError

NUMBERS = [
    "0",
    "-0",
    "-0.0",
    "0.40",
    "0.4",
    "1.0",
    "1.00",
    "100",
    "1E5",
    "1e-5",
    "1.0e+2",
    "0.000001",
    "0.0000001",
    "1e22",
    "3.0E0",
    "185.0",
    "1e-300",
    "123456789012345678901234567890",
    "9223372036854775807",
    "18446744073709551616",
    "-9223372036854775809",
    "0.1234567890123456789",
    "1.455778737656197",
    "42.350000000000001",
]


@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.requirement("https://hl7.org/fhir/R4/datatypes.html#decimal precision is preserved")
def test_a_number_comes_back_with_the_digits_it_came_with(text: str) -> None:
    body = b'{"a":[{"value":%s}],"b":%s}' % (text.encode(), text.encode())
    value = jsontext.parse(body)
    assert jsontext.serialise(value) == body
    assert jsontext.number_text(value["b"]) == text
    assert jsontext.as_decimal(value["b"]) == Decimal(text)


def test_numbers_of_one_text_can_be_compared_whatever_their_python_type() -> None:
    value = jsontext.parse(b'{"small":0.40,"large":12345678901234567890123,"plain":1,"odd":1E1}')
    assert value["small"] < value["plain"] < value["odd"] < value["large"]
    assert value["small"] == Decimal("0.4")


def test_digits_within_strings_do_not_disturb_the_numbers_outside() -> None:
    body = rb'{"a":"\":0.40,","b":": 1E5 [0.10]","c":0.5,"d":"\\","e":0.50}'
    assert jsontext.serialise(jsontext.parse(body)) == body


def test_white_space_and_escapes_do_not_change_the_value() -> None:
    text = b'\n{ "a" : [ 1 ,\t2.50 ] , "b" : "\\u00e9\\/\\n" }\r\n'
    assert jsontext.serialise(jsontext.parse(text)) == '{"a":[1,2.50],"b":"é/\\n"}'.encode()


def test_a_byte_order_mark_in_front_is_passed_over() -> None:
    assert jsontext.parse(b'\xef\xbb\xbf{"a":0.40}') == jsontext.parse(b'{"a":0.40}')


def test_pretty_text_keeps_the_digits_too() -> None:
    assert jsontext.serialise(jsontext.parse(b'{"a":0.40}'), pretty=True) == b'{\n  "a": 0.40\n}'


REFUSED: list[tuple[str, bytes, str]] = [
    ("empty", b"", "syntax"),
    ("cut off", b'{"a":1', "syntax"),
    ("two values", b"{}{}", "syntax"),
    ("a comment", b'{"a":1 /* x */}', "syntax"),
    ("a trailing comma", b'{"a":1,}', "syntax"),
    ("a leading zero", b'{"a":01}', "syntax"),
    ("a plus sign", b'{"a":+1}', "syntax"),
    ("a bare point", b'{"a":1.}', "syntax"),
    ("two byte order marks", b"\xef\xbb\xbf\xef\xbb\xbf{}", "syntax"),
    ("a raw control character", b'{"a":"\x01"}', "syntax"),
    ("NaN", b'{"a":NaN}', "number"),
    ("Infinity", b'{"a":Infinity}', "number"),
    ("minus Infinity", b'{"a":-Infinity}', "number"),
    ("too large", b'{"a":1e400}', "number"),
    ("too small", b'{"a":1e-400}', "number"),
    ("an escaped NUL", b'{"a":"x\\u0000y"}', "nul"),
    ("an escaped NUL in a key", b'{"a\\u0000":1}', "nul"),
    ("a raw NUL", b'{"a":"\x00"}', "syntax"),
    ("a lone high surrogate", b'{"a":"\\ud800"}', "surrogate"),
    ("a lone low surrogate", b'{"a":"\\udc00"}', "surrogate"),
    ("invalid UTF-8", b'{"a":"\xff"}', "encoding"),
    ("an encoded surrogate", b'{"a":"\xed\xa0\x80"}', "encoding"),
    ("an array", b"[]", "top-level"),
    ("a string", b'"{}"', "top-level"),
    ("null", b"null", "top-level"),
    ("65 levels", b'{"a":' * 65 + b"1" + b"}" * 65, "depth"),
    ("65 levels of arrays", b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "depth"),
    ("66 levels of both kinds", b'{"a":[' * 33 + b"]}" * 33, "depth"),
    ("65 levels beside others", b'{"x":[[],{},[{}]],"a":' * 64 + b"{}" + b"}" * 64, "depth"),
    ("100,000 levels", b'{"a":' * 100_000, "depth"),
    ("a key twice", b'{"a":1,"a":1}', "duplicate-key"),
    ("a key twice, once escaped", b'{"a":1,"\\u0061":1}', "duplicate-key"),
    ("a key twice, deep in a dropped value", b'{"a":{"b":[{"c":1,"c":"x\\"y"}]}}', "duplicate-key"),
]


@pytest.mark.parametrize(("name", "text", "rule"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_not_one_plain_json_object_is_refused_by_the_rule_it_breaks(
    name: str, text: bytes, rule: str
) -> None:
    with pytest.raises(JsonTextError) as refused:
        jsontext.parse(text)
    assert refused.value.rule == rule, name


def test_a_refusal_says_the_line_and_column_of_a_syntax_error() -> None:
    with pytest.raises(JsonTextError, match=r"line 2, column 6") as refused:
        jsontext.parse(b'{\n "a":?}')
    assert (refused.value.line, refused.value.column) == (2, 6)


def test_a_refusal_says_where_the_invalid_byte_lies() -> None:
    with pytest.raises(JsonTextError) as refused:
        jsontext.parse(b'{\n "a":"\xff"}')
    assert (refused.value.line, refused.value.column) == (2, 7)


def test_a_refusal_says_where_the_key_stands_twice() -> None:
    with pytest.raises(JsonTextError, match="'given' stands twice") as refused:
        jsontext.parse(b'{"x":1,"name":[{"given":["A"]},{"given":["B"],"given":["C"]}]}')
    assert refused.value.path is not None
    assert refused.value.path.startswith("name")
    assert refused.value.path.endswith("given")


def test_a_key_that_stands_twice_in_a_value_that_is_doubled_itself_is_refused() -> None:
    with pytest.raises(JsonTextError) as refused:
        jsontext.parse(b'{"a":{"b":1,"b":2},"a":0}')
    assert refused.value.rule == "duplicate-key"


def test_a_refusal_of_depth_says_the_path() -> None:
    with pytest.raises(JsonTextError) as refused:
        jsontext.parse(b'{"x":[' + b'{"a":' * 64 + b"1" + b"}" * 64 + b"]}")
    assert str(refused.value.path).startswith("x[0].a.a.a")


def test_64_levels_are_accepted_and_brackets_within_strings_do_not_count() -> None:
    deep = b'{"a":' * 63 + b'{"b":"' + b"[{" * 100 + b'"}' + b"}" * 63
    assert jsontext.serialise(jsontext.parse(deep)) == deep


def test_64_levels_of_both_kinds_are_accepted() -> None:
    deep = b'{"a":[' * 32 + b'"[[","{{"' + b"]}" * 32
    assert jsontext.serialise(jsontext.parse(deep)) == deep


def test_brackets_within_strings_cannot_hide_the_depth() -> None:
    hidden = b'{"a":["]}",' * 64 + b"1" + b',"[{"]}' * 64
    with pytest.raises(JsonTextError) as refused:
        jsontext.parse(hidden)
    assert refused.value.rule == "depth"


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    body = rb'{"a":"\\u0000"}'
    assert jsontext.serialise(jsontext.parse(body)) == body


def test_a_value_without_a_json_form_is_not_serialised() -> None:
    with pytest.raises(TypeError):
        jsontext.serialise({"a": {1, 2}})


NUMBER_TEXT = st.from_regex(r"\A-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?\Z")
PLAIN = (
    st.none()
    | st.booleans()
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
)


@given(st.lists(st.tuples(NUMBER_TEXT, PLAIN), max_size=8), st.booleans())
def test_any_mixture_comes_back_the_same(rows: list[tuple[str, Any]], ascii_only: bool) -> None:
    parts = [
        f'{{"n": {number}, "v": {json.dumps(plain, ensure_ascii=ascii_only)}}}' for number, plain in rows
    ]
    value = jsontext.parse(f'{{"rows": [{", ".join(parts)}]}}'.encode())
    again = json.loads(jsontext.serialise(value), parse_float=str, parse_int=str)
    assert [(row["n"], row["v"]) for row in again["rows"]] == rows
