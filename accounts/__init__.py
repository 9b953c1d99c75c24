"""People: who signs in, and which FHIR person they are."""
