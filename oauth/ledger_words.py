"""PURE: events of the audit trail in the words of the people whose records they are about."""

from collections import Counter
from collections.abc import Sequence

from fhir.registry import RESOURCE_TYPES
from oauth.ledger import Use
from oauth.scope_words import noun

OUTCOMES = {"allowed": "Allowed", "refused": "Refused", "failed": "Did not work"}
ADMINISTRATION = "Administration of this service"
SEVERAL = "several kinds of records at once"
UNKNOWN = "records of a kind that does not exist"

_DONE = {
    "read": "Read",
    "vread": "Read an earlier version of",
    "search-type": "Searched for",
    "search-system": "Searched for",
    "history-instance": "Read the history of",
    "history-type": "Read the history of",
    "history-system": "Read the history of",
    "create": "Added",
    "update": "Changed",
    "patch": "Changed",
    "delete": "Deleted",
    "$everything": "Read everything in the record",
    "$validate": "Checked, without saving,",
    "$export": "Asked for a copy of many records at once",
    "export-file": "Downloaded from a copy of many records",
    "batch": "Sent several requests at once",
    "transaction": "Sent several requests at once",
    "console-read": "Looked in the administration at",
}
_WITHOUT_OBJECT = frozenset({"$everything", "$export", "batch", "transaction"})
_REFUSED = {"refused": "Was refused: ", "failed": "Did not work: "}


def done(kind: str, resource_type: str, outcome: str) -> str:
    """What somebody did or wanted to do, as in "Searched for prescriptions"."""
    verb = _DONE.get(kind, "Used")
    words = verb if kind in _WITHOUT_OBJECT else f"{verb} {kind_of_record(resource_type)}"
    if outcome not in _REFUSED:
        return words
    return _REFUSED[outcome] + words[0].lower() + words[1:]


def kind_of_record(resource_type: str) -> str:
    """The everyday words for a resource type; "" stands for several. What apps make up is not repeated."""
    if resource_type in RESOURCE_TYPES:
        return noun(resource_type)
    return UNKNOWN if resource_type else SEVERAL


def addresses(what: str) -> list[str]:
    """The relative references of an event's `what`, without versions, each once: "Observation/3"."""
    return list(dict.fromkeys("/".join(each.split("/")[:2]) for each in what.split() if "/" in each))


def given(found: Sequence[str]) -> str:
    """How much was given, by kind, for the relative references of an event; empty for none."""
    kinds = Counter(each.partition("/")[0] for each in found)
    return "; ".join(f"{kind_of_record(kind)}: {number:,}" for kind, number in kinds.most_common())


def times(number: int) -> str:
    """How often."""
    return "once" if number == 1 else f"{number:,} times"


def troubles(use: Use) -> str:
    """What of a use did not come to anything, as in "2 refused, 1 did not work"; empty for nothing."""
    parts = ((use.refused, "refused"), (use.failed, "did not work"))
    return ", ".join(f"{number:,} {words}" for number, words in parts if number)


def by_kind(use: Use) -> list[tuple[str, str]]:
    """The kinds of records and how often each was asked for, the most frequent first."""
    ordered = sorted(use.types.items(), key=lambda each: (-each[1], each[0]))
    return [(kind_of_record(kind), times(number)) for kind, number in ordered]
