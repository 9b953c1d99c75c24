"""The two rules that JSON Schema cannot say, as keywords of our own."""

from typing import Any


class Whole:
    """`whole`: an integer is written without a decimal point and exponent, so 1.0 is none."""

    def __init__(self, parent_schema: dict[str, Any], value: Any, schema_path: list[str | int]) -> None:
        """Take no options: the keyword's value is always true."""

    def validate(self, instance: Any) -> None:
        """Raise ValueError unless the number was written as a whole one."""
        if not isinstance(instance, int):
            raise ValueError("not written as a whole number")


class Paired:
    """`paired`: the array of the name given and its `_` sibling belong together, place by place.

    https://hl7.org/fhir/R4/json.html#primitive
    """

    def __init__(self, parent_schema: dict[str, Any], value: Any, schema_path: list[str | int]) -> None:
        """Take the name of the array."""
        self.name: str = value

    def validate(self, instance: Any) -> None:
        """Raise ValueError unless every place has a value, or an id or extension, or both."""
        if not isinstance(instance, dict):
            return  # the type rule says so
        siblings = instance.get(f"_{self.name}")
        values = instance.get(self.name, [None] * len(siblings) if isinstance(siblings, list) else None)
        if not isinstance(values, list) or not isinstance(siblings, list):
            return
        if len(values) != len(siblings):
            raise ValueError("not of the same length as its sibling")
        if any(value is None and sibling is None for value, sibling in zip(values, siblings, strict=True)):
            raise ValueError("a place without a value and without an extension")


KEYWORDS: dict[str, type] = {"whole": Whole, "paired": Paired}
