"""The 64-bit digests that the index tables are keyed by."""

from hashlib import blake2b

MIXED = -1
NONE = 0


def digest(*parts: str) -> int:
    """A signed 64-bit number for these texts in this order; never 0 or -1, which mean something else in a
    row.

    64 bits of BLAKE2b: among ten million values the chance of one accidental clash is below one in 300,000.
    """
    number = int.from_bytes(blake2b("\x1f".join(parts).encode(), digest_size=8).digest(), "big", signed=True)
    return number if number not in (NONE, MIXED) else 1


def reference_key(resource_type: str, fhir_id: str) -> int:
    """The digest under which a resource is referred to: Resource.key, ReferenceIndex.target,
    Compartment.patient.
    """
    return digest(f"{resource_type}/{fhir_id}")
