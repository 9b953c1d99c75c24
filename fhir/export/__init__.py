"""Bulk Data exports: who asked for which data, the worker that writes them to files, and how long these
are kept.

https://hl7.org/fhir/uv/bulkdata/STU2/export.html
"""
