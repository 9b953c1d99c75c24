"""How moments are written in answers."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as some

from fhir.exchange import http_date, instant


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7")
@given(some.integers(min_value=0, max_value=253402300799999999))
def test_an_http_date_is_written_as_the_standard_library_does(microseconds: int) -> None:
    assert http_date(microseconds) == formatdate(microseconds // 1_000_000, usegmt=True)


def test_an_instant_has_microseconds_and_utc() -> None:
    assert instant(1_700_000_000_000_001) == "2023-11-14T22:13:20.000001Z"
