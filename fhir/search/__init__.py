"""Search: from a query string to rows, and from resources to the index rows that answer it.

Nothing is imported here, so that indexing needs only the modules of `fhir.search.types`.
"""
