"""The reference code that refusals carry: read, or taken out of answers that are to be compared."""

import re
from typing import Any

_REFERENCE = re.compile(r" \(reference ([2-9A-Z]{8})\)")


def reference_of(answer: Any) -> str:
    """The reference code in the error_description of a JSON answer."""
    found = _REFERENCE.search(answer.json()["error_description"])
    assert found is not None, answer.content
    return found[1]


def description_of(answer: Any) -> str:
    """The error_description of a JSON answer without its reference code."""
    return plain(str(answer.json()["error_description"]))


def plain(text: str | bytes) -> str:
    """A text without the reference code in it."""
    return _REFERENCE.sub("", text.decode() if isinstance(text, bytes) else text)
