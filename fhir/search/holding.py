"""Whether a resource that is at hand meets a criterion: a probe by the key of its index, or its own row."""

from fhir.condition import Condition
from fhir.search.criteria import Criterion, any_of

_ONE_BY_ONE = "LIMIT 1 OFFSET 0"
"""Keeps PostgreSQL from turning a probe into a join, of whose size it has no idea."""


def holds(criterion: Criterion, row: str) -> Condition:
    """The condition that the resource with the alias `row` meets a criterion. `{home}` is left in it where
    it asks for a column that only fhir_resource has.
    """
    if criterion.home is not None:
        return criterion.home
    found = any_of(
        Condition(
            f"EXISTS (SELECT 1 FROM {probe.table} x WHERE {probe.where.sql} "
            f"AND x.patient = {row}.patient AND x.date = {row}.date AND x.resource_id = {row}.id "
            f"{_ONE_BY_ONE})",
            probe.where.params,
        )
        for probe in criterion.probes
    )
    return Condition(f"NOT {found.sql}", found.params) if criterion.negated else found
