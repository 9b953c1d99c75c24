"""Where a search starts: the one index that is walked, cut into branches of which each can be walked in
order.

Every other criterion is a probe for the resource at hand, by the key of its index: (hash, patient, date,
id). So a page costs some rows of one index for each branch, however many resources there are.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fhir.access import Access, Rule
from fhir.condition import ALWAYS, Condition
from fhir.enforcement import visible
from fhir.hashing import MIXED, NONE, reference_key
from fhir.registry import compartment_class
from fhir.search.criteria import TOKENS, Criterion, Probe, all_of, any_of
from fhir.search.holding import holds
from fhir.search.rowsets import by_key
from fhir.tables import TYPE_NUMBERS

MOST_BRANCHES = 16
"""More alternatives than these are looked up together and then sorted."""

# The type stands in the text: how many resources there are of each decides which way is the quickest.
_RESOURCES = (
    "SELECT id, patient, date, fhir_id, last_updated, key FROM fhir_resource "
    "WHERE type = '{type}' AND NOT deleted"
)
_COMPARTMENT = (
    "SELECT c.resource_id AS id, f.patient, c.date, f.fhir_id, f.last_updated, f.key FROM fhir_compartment c "
    "JOIN fhir_resource f ON f.id = c.resource_id WHERE c.patient = %s AND c.type = %s"
)


@dataclass(frozen=True, slots=True)
class Branch:
    """Resources that match: those of `source` (a SELECT that becomes the alias r) for which `where` holds.

    `home` is the alias that has fhir_resource's columns, empty if it has to be joined. `unique`: no
    resource twice.
    """

    source: Condition
    where: Condition
    home: str
    unique: bool

    @property
    def home_alias(self) -> str:
        """The alias of the row in fhir_resource, joined or not."""
        return self.home or "h"

    def tables(self, *, with_home: bool) -> Condition:
        """What stands behind FROM: `r`, and fhir_resource beside it if its columns are asked for."""
        join = " JOIN fhir_resource h ON h.id = r.id" if with_home and not self.home else ""
        return Condition(f"({self.source.sql}) r{join}", self.source.params)


@dataclass(frozen=True, slots=True)
class _Reach:
    """What may be found of a type; if it lies in the compartments of certain patients, these too, and those
    of them of whom all may be found.
    """

    condition: Condition
    patients: frozenset[int]
    whole: frozenset[int]


def branches(
    access: Access, resource_type: str, criteria: tuple[Criterion, ...], most: int = MOST_BRANCHES
) -> list[Branch]:
    """Return the branches whose union are the resources that match all criteria and are within reach.

    More than `most` alternatives are not walked one by one.
    """
    reach = _reach(access, resource_type)
    start = _start(criteria)
    asked = next((each for each in criteria if each.patient != NONE), None)
    only = next(iter(reach.patients)) if len(reach.patients) == 1 else NONE
    patient = asked.patient if asked else only
    if start is None:
        source = _unguided(resource_type, NONE if asked else only)
        return [Branch(source, all_of((reach.condition, _filters(criteria, False))), "r", True)]
    rest = tuple(each for each in criteria if each is not start)
    if patient == NONE or start is asked:
        return [_branch(probe, reach.condition, ALWAYS, rest) for probe in _probes(start, most)]
    return list(_split(_probes(start, most), rest, reach, asked, patient))


def _split(
    probes: tuple[Probe, ...],
    rest: tuple[Criterion, ...],
    reach: _Reach,
    asked: Criterion | None,
    patient: int,
) -> Iterator[Branch]:
    """Yield the branches for one patient: the rows that name the patient, and those that cannot."""
    besides = tuple(each for each in rest if each is not asked)
    # A row that names a patient belongs to that one only, so no more has to be asked if that one is in reach.
    named = ALWAYS if patient in reach.whole else reach.condition
    for probe in probes:
        yield _branch(probe, named, Condition("x.patient = %s", (patient,)), besides)
        yield _branch(probe, reach.condition, Condition("x.patient = %s", (MIXED,)), rest)


def _start(criteria: tuple[Criterion, ...]) -> Criterion | None:
    """The criterion whose rows are walked; None to walk the resources themselves."""
    if any(each.starts_there for each in criteria):
        return None
    able = [each for each in criteria if each.probes and not each.negated and each.main is None]
    return min(able, key=lambda each: each.rank, default=None)


def _reach(access: Access, resource_type: str) -> _Reach:
    """What `access` may find of a type."""
    rules = access.rules_for(resource_type, "s")
    limited = compartment_class(resource_type) == "compartment" and all(
        rule.patients is not None for rule in rules
    )
    return _Reach(
        visible(access, resource_type, "s", home="{home}"),
        _named(rules) if limited else frozenset(),
        _named(rule for rule in rules if not rule.criteria) if limited else frozenset(),
    )


def _named(rules: Iterable[Rule]) -> frozenset[int]:
    return frozenset(reference_key("Patient", patient) for rule in rules for patient in rule.patients or ())


def _unguided(resource_type: str, patient: int) -> Condition:
    """All resources of a type, or those in the compartment of one patient."""
    if patient == NONE:
        return Condition(_RESOURCES.format(type=resource_type))
    return Condition(_COMPARTMENT, (patient, TYPE_NUMBERS[resource_type]))


def _probes(start: Criterion, most: int) -> tuple[Probe, ...]:
    if len(start.probes) <= most:
        return start.probes
    return (
        Probe(
            start.probes[0].table, any_of(Condition(f"({p.where.sql})", p.where.params) for p in start.probes)
        ),
    )


def _branch(probe: Probe, reach: Condition, patient: Condition, rest: tuple[Criterion, ...]) -> Branch:
    with_high = probe.table == TOKENS
    columns = "x.resource_id AS id, x.patient, x.date" + (", x.high" if with_high else "")
    inner = all_of((probe.where, patient))
    table = f"{probe.table} x" if patient is ALWAYS else by_key(probe.table, "x")
    source = Condition(f"SELECT {columns} FROM {table} WHERE {inner.sql}", inner.params)
    return Branch(source, all_of((reach, _filters(rest, with_high))), "", probe.unique)


def _filters(criteria: tuple[Criterion, ...], with_high: bool) -> Condition:
    return all_of(_filter(each, with_high) for each in criteria)


def _filter(criterion: Criterion, with_high: bool) -> Condition:
    """What a criterion says of a resource that was found by another one."""
    if criterion.main is not None and with_high:
        return all_of((criterion.bound, criterion.main))
    return all_of((criterion.bound, holds(criterion, "r")))
