"""The parts that a search is put together from: what was asked, and what it means in SQL.

Fragments of SQL use three aliases: `x` for a row of an index table, `r` for the resource's shared columns
(id, patient, date), `{home}` for its row in fhir_resource. Values are always parameters.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from fhir.condition import ALWAYS, Condition
from fhir.hashing import NONE
from fhir.registry import SearchParameter

TOKENS = "fhir_tokenindex"
REFERENCES = "fhir_referenceindex"
STRINGS = "fhir_stringindex"
DATES = "fhir_dateindex"
QUANTITIES = "fhir_quantityindex"


@dataclass(frozen=True, slots=True)
class Asked:
    """One parameter of a query: the values, of which any may match, still have their escapes."""

    parameter: SearchParameter
    modifier: str
    values: tuple[str, ...]

    @property
    def name(self) -> str:
        """The parameter as it was written, with its modifier."""
        return f"{self.parameter.code}:{self.modifier}" if self.modifier else self.parameter.code


@dataclass(frozen=True, slots=True)
class Chained:
    """A reference whose target is asked something: for each type it may be of, what is asked of that type.

    https://hl7.org/fhir/R4/search.html#chaining
    """

    parameter: SearchParameter
    options: tuple[tuple[str, "Part"], ...]


@dataclass(frozen=True, slots=True)
class Pointed:
    """Resources that others point at by `parameter`, of which something is asked.

    https://hl7.org/fhir/R4/search.html#has
    """

    parameter: SearchParameter
    part: "Part"


Part = Asked | Chained | Pointed
"""One parameter of a query."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Rows of one index table: those for which `where` holds; `unique`: a resource has one such at most."""

    table: str
    where: Condition
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Criterion:
    """What one asked parameter means: a resource matches if it has a row of any of the probes (if `negated`:
    none).

    `rank` is a guess at how many resources match, fewest first: the search starts from the smallest.
    `patient` is the digest of the one patient that is asked for, if that is all that is asked. `home` is a
    condition on the row in fhir_resource instead of probes, `starts_there` says that it selects few rows.
    `main` is the condition on the main date in terms of r.date and r.high, `bound` what follows of it for
    r.date.
    """

    probes: tuple[Probe, ...] = ()
    negated: bool = False
    rank: int = 50
    patient: int = NONE
    home: Condition | None = None
    starts_there: bool = False
    main: Condition | None = None
    bound: Condition = ALWAYS


def any_of(conditions: Iterable[Condition]) -> Condition:
    """The condition that one of these holds; there must be one at least."""
    found = tuple(conditions)
    if len(found) == 1:
        return found[0]
    return Condition(
        f"({' OR '.join(each.sql for each in found)})", tuple(v for each in found for v in each.params)
    )


def all_of(conditions: Iterable[Condition]) -> Condition:
    """The condition that all of these hold; without any, one that always does."""
    found = tuple(each for each in conditions if each is not ALWAYS)
    if not found:
        return ALWAYS
    return Condition(
        " AND ".join(each.sql for each in found), tuple(v for each in found for v in each.params)
    )
