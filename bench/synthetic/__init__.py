"""Invented records of any number of patients, in the shape of US Core 6.1, the same at every run.

Nothing here is drawn from anybody's data: codes are those of the terminologies, everything else is a seeded
draw. Codes are skewed as in real records: a few make up most of all rows, many are rare.
https://hl7.org/fhir/us/core/STU6.1/
"""
