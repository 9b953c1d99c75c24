"""The prefixes of ordered values. https://hl7.org/fhir/R4/search.html#prefix"""

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")


def split_prefix(text: str) -> tuple[str, str]:
    """Return the prefix of a value, `eq` where it has none, and the rest."""
    if text[:2] in PREFIXES:
        return text[:2], text[2:]
    return "eq", text
