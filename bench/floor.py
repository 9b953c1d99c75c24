"""The addresses of what the benchmark serves itself, beside the product, to compare with."""

PREFIX = "/bench/"
CONSTANT = b'{"resourceType":"Basic"}'
PLAIN_CONSTANT, DJANGO_CONSTANT = "/bench/constant", "/bench/django/constant"
FLOOR, DJANGO_FLOOR = "/bench/floor/", "/bench/django/floor/"
"""Followed by a resource's address: Type/id."""
QUERY = "SELECT text FROM fhir_resource WHERE type = {0} AND fhir_id = {0}"
"""The one SELECT, with the database's own sign for a parameter."""
UNTOLD = "Bench-Untold"
"""A header: of a request that has it the audit trail is not told; and its name in the environ."""
UNTOLD_IN_ENVIRON = f"HTTP_{UNTOLD.upper().replace('-', '_')}"
