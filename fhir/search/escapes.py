"""Values with escapes: a comma, bar or dollar sign after a backslash is plain text.

https://hl7.org/fhir/R4/search.html#escaping
"""

import re

_ESCAPE = re.compile(r"\\([,|$\\])")


def split(text: str, separator: str) -> list[str]:
    """Return the pieces of `text` between separators that are not escaped; the pieces keep their escapes."""
    if "\\" not in text:
        return text.split(separator)
    pieces: list[str] = []
    start, escaped = 0, False
    for place, letter in enumerate(text):
        if letter == separator and not escaped:
            pieces.append(text[start:place])
            start = place + 1
        escaped = letter == "\\" and not escaped
    return [*pieces, text[start:]]


def unescape(text: str) -> str:
    """Return `text` with each escape replaced by what it stands for."""
    return _ESCAPE.sub(r"\1", text) if "\\" in text else text
