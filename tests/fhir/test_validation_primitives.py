"""Values of each primitive type: what is one, and what is none."""

from decimal import Decimal
from typing import Any

import pytest

from fhir.outcome import Issue
from fhir.validation import validate


def _value(kind: str, value: Any) -> list[Issue]:
    """Validate one value of a type, as the value of a parameter."""
    name = "value" + kind[0].upper() + kind[1:]
    return validate({"resourceType": "Parameters", "parameter": [{"name": "x", name: value}]})


GOOD: dict[str, list[Any]] = {
    "base64Binary": ["QQ==", "QUI=", "QUJD", " QUJD\r\n QUJD "],
    "boolean": [True, False],
    "canonical": ["http://x|1.0#y"],
    "code": ["a", "a b", "é"],
    "date": ["2000", "2000-12", "2000-02-29", "2400-02-29", "0004-02-29", "9999-12-31", "2001-04-30"],
    "dateTime": [
        "2000",
        "2000-12",
        "2000-02-29",
        "2000-02-29T23:59:60Z",
        "2000-02-29T00:00:00.123456789+14:00",
    ],
    "decimal": [0, -1, 1.5, Decimal("1.50"), Decimal("1e-20")],
    "id": ["a", "A-1.b", "x" * 64],
    "instant": ["2000-02-29T23:59:59Z", "2000-02-28T23:59:59.1-13:59"],
    "integer": [0, -(2**31), 2**31 - 1],
    "markdown": ["*x*", " ", "a\n\tb"],
    "oid": ["urn:oid:1.2.0", "urn:oid:2.16.840"],
    "positiveInt": [1, 2**31 - 1],
    "string": ["x", " ", "a\r\n\tb", "\u0080 é 😀", "x" * 1024 * 1024],
    "time": ["00:00:00", "23:59:60", "12:00:00.5"],
    "unsignedInt": [0, 2**31 - 1],
    "uri": ["http://x", "urn:uuid:1", "a/b", "é"],
    "url": ["http://x"],
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
}

DAYS = [
    "2000-02-30",
    "2001-02-29",
    "1900-02-29",
    "2000-04-31",
    "2000-13",
    "2000-00",
    "2000-01-00",
    "2000-1-1",
    "0000",
]
BAD: dict[str, list[Any]] = {
    "base64Binary": ["", "Q", "QQ=", "QQ", "QU*J", "é===", "QUJD" * 250_000 + "*", 5],
    "boolean": ["true", 0, 1, None],
    "canonical": ["", "a b", 1],
    "code": ["", " a", "a ", "a  b", 1],
    "date": [*DAYS, "0000-02-29", "200", "20000", "2000-01-01T00:00:00Z", "2000-01-01\n", "٢٠٠٠", 2000],
    "dateTime": [
        *DAYS,
        "2000-01-01T00:00:00",
        "2000-01-01T24:00:00Z",
        "2000-01-01T00:00Z",
        "2000-01-01T00:00:61Z",
        "2000-01-01T00:00:00+15:00",
        "2001-02-29T00:00:00Z",
        "2000-01T00:00:00Z",
        "",
    ],
    "decimal": ["1", "", True, None],
    "id": ["", "x" * 65, "a_b", "a b", "é", 1],
    "instant": ["2000", "2000-01-01", "2000-01-01T00:00:00", "2001-02-29T00:00:00Z", 1],
    "integer": [-(2**31) - 1, 2**31, 1.5, 1.0, Decimal("1.0"), "1", True],
    "markdown": ["", "\x0b", 1],
    "oid": ["1.2.3", "urn:oid:3.1", "urn:oid:1.02", "urn:oid:1"],
    "positiveInt": [0, -1, 2**31, 1.0],
    "string": ["", "\x01", "a\x1fb", 1, True, "x" * (1024 * 1024 + 1)],
    "time": ["24:00:00", "12:00", "12:60:00", "12:00:00Z", ""],
    "unsignedInt": [-1, 2**31, 1.0],
    "uri": ["", "a b", "a\n", 1],
    "url": ["", " ", 1],
    "uuid": [
        "c757873d-ec9a-4326-a141-556f43239520",
        "urn:uuid:C757873D-EC9A-4326-A141-556F43239520",
        "urn:uuid:1",
    ],
}


@pytest.mark.requirement("https://hl7.org/fhir/R4/datatypes.html#primitive")
@pytest.mark.parametrize("kind", GOOD)
def test_good_primitive_values_are_accepted(kind: str) -> None:
    for value in GOOD[kind]:
        assert _value(kind, value) == [], value


@pytest.mark.requirement("https://hl7.org/fhir/R4/datatypes.html#primitive")
@pytest.mark.parametrize("kind", BAD)
def test_bad_primitive_values_are_refused(kind: str) -> None:
    for value in BAD[kind]:
        [issue] = _value(kind, value)
        assert issue.refuses, value
        assert issue.expression == "Parameters.parameter[0].value", value
        assert len(issue.diagnostics) < 400
