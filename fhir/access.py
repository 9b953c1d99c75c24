"""What a request may see and do. The repository asks nothing else; where the answer comes from is not its
business.

An `Access` is the union of its rules. A rule names types, interactions (the SMART letters c r u d s) and
patients; a rule with patients reaches resources in the compartments of those patients, and for r and s also
the types that fhir.registry lists as shared (Practitioner, Medication …), which are never writable under
such a rule. A rule with criteria reaches of all that only what a search with these criteria finds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LETTERS = "cruds"


@dataclass(frozen=True, slots=True)
class Rule:
    """One permission. `types` None means every type; `patients` None means every patient and everything
    beside them.

    `criteria` is a query that narrows the rule to the resources that it finds; such a rule names one type.
    Criteria that are not understood to the last word give nothing. Raises ValueError for criteria without a
    type.
    """

    types: frozenset[str] | None
    letters: frozenset[str]
    patients: frozenset[str] | None
    criteria: str = ""

    def __post_init__(self) -> None:
        """Criteria mean something only for one type."""
        if self.criteria and (self.types is None or len(self.types) != 1):
            raise ValueError("A rule with criteria names exactly one type.")

    def concerns(self, resource_type: str, letter: str) -> bool:
        """Whether this rule speaks about this type and interaction at all."""
        return letter in self.letters and (self.types is None or resource_type in self.types)


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition that must still hold when the data are read: evaluated inside the same SQL statement.

    `sql` is a boolean expression with %s placeholders for `params`. Where it turns out false, `renew` looks
    again from scratch: it returns a fresh Access, or raises the FhirError (401) that says why the token is
    dead.
    """

    sql: str
    params: tuple[object, ...]
    renew: Callable[[], Access]


@dataclass(frozen=True, slots=True)
class Access:
    """Everything that one request may see and do. `own` is the caller's fhirUser ("Patient/1"), readable if
    set.

    `ticket` is what work that outlives the request keeps: settings.FHIR_ACCESS_BY_TICKET names the function
    that turns it into an Access again. Without one no such work can be started.

    The rest is for the audit trail: the id of the `patient` in context, the address that the request came
    from, and the reference code of the authorization `attempt` behind it; `is_first` where it is the first
    one that this process sees of its token.
    """

    rules: tuple[Rule, ...]
    own: str = ""
    guard: Guard | None = None
    subject: str = ""
    client: str = ""
    ticket: str = ""
    patient: str = ""
    origin: str = ""
    attempt: str = ""
    is_first: bool = False

    @property
    def person(self) -> str:
        """The subject identifier of the person; empty where a client acts for itself."""
        return "" if self.subject == self.client else self.subject

    def rules_for(self, resource_type: str, letter: str) -> tuple[Rule, ...]:
        """The rules that allow this interaction on this type for some resources at least; empty means 403."""
        return tuple(rule for rule in self.rules if rule.concerns(resource_type, letter))

    def allows(self, resource_type: str, letter: str) -> bool:
        """Whether any resource of this type may be within reach of this interaction."""
        return any(rule.concerns(resource_type, letter) for rule in self.rules)


EVERYTHING = Access(rules=(Rule(types=None, letters=frozenset(LETTERS), patients=None),))
"""For our own commands (load_fhir, the demo), which act for the operator and not for a token."""
