"""Smart CDR: a SMART on FHIR authorization server and FHIR R4 repository. This package only mounts the
apps.
"""
