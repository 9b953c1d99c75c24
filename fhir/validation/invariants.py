"""The rules between elements that are held besides the structure, as JSON Schema.

Each fails at the element that is at fault, and says in its `$comment` why, as `invariant:sentence`.
"""

from typing import Any

NOTHING_CONTAINED: dict[str, Any] = {
    "properties": {"contained": False},
    "$comment": "invariant:a contained resource contains no others (dom-2)",
}
"""https://hl7.org/fhir/R4/domainresource.html#invs"""

RULES: dict[str, tuple[dict[str, Any], ...]] = {
    # https://hl7.org/fhir/R4/codesystem-definitions.html#CodeSystem.supplements
    "CodeSystem": (
        {
            "if": {"required": ["supplements"]},
            "then": {"properties": {"content": {"const": "supplement"}}},
            "$comment": "invariant:what supplements another code system has the content 'supplement'",
        },
    ),
}
"""Type → rules about its elements."""
