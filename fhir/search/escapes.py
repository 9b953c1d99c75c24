"""Values with escapes: a comma, bar or dollar sign after a backslash is plain text.

https://hl7.org/fhir/R4/search.html#escaping
"""

import re

_ESCAPE = re.compile(r"\\([,|$\\])")


def split(text: str, separator: str) -> list[str]:
    """Return the pieces of `text` between separators that are not escaped; the pieces keep their escapes."""
    pieces = [""]
    escaped = False
    for letter in text:
        if letter == separator and not escaped:
            pieces.append("")
        else:
            pieces[-1] += letter
        escaped = letter == "\\" and not escaped
    return pieces


def unescape(text: str) -> str:
    """Return `text` with each escape replaced by what it stands for."""
    return _ESCAPE.sub(r"\1", text)
