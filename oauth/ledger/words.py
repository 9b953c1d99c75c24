"""PURE: events of the audit trail in the words of the people whose records they are about."""

from collections import Counter
from collections.abc import Sequence

import orjson

from fhir.registry import RESOURCE_TYPES
from oauth.ledger.ledger import OF_SEVERAL_TYPES, Use
from oauth.scope_words import noun

OUTCOMES = {"allowed": "Allowed", "refused": "Refused", "failed": "Did not work"}
ADMINISTRATION = "Administration of this service"
SEVERAL = "several kinds of records at once"
UNKNOWN = "records of a kind that does not exist"

_VERBS = {
    "read": ("Read", "read"),
    "vread": ("Read an earlier version of", "read an earlier version of"),
    "search-type": ("Searched for", "search for"),
    "search-system": ("Searched for", "search for"),
    "history-instance": ("Read the history of", "read the history of"),
    "history-type": ("Read the history of", "read the history of"),
    "history-system": ("Read the history of", "read the history of"),
    "create": ("Added", "add"),
    "update": ("Changed", "change"),
    "patch": ("Changed", "change"),
    "delete": ("Deleted", "delete"),
    "$everything": ("Read everything in the record", "read everything in the record"),
    "$validate": ("Checked, without saving,", "check, without saving,"),
    "$export": ("Copied many records at once", "copy many records at once"),
    "export-file": ("Downloaded a copy of many records", "download a copy of many records"),
    "batch": ("Sent several requests at once", "send several requests at once"),
    "transaction": ("Sent several requests at once", "send several requests at once"),
    "console-read": ("Looked in the administration at", "look in the administration at"),
}
"""What was done, and what somebody wanted to do."""
_SEARCHING = frozenset({"search-type", "search-system"})
_WRITING = frozenset({"create", "update", "patch", "delete"})


def done(kind: str, resource_type: str, outcome: str) -> str:
    """What somebody did or wanted to do, as in "Searched for prescriptions"."""
    past, infinitive = _VERBS.get(kind, ("Used", "use"))
    verb = past if outcome == "allowed" else f"Wanted to {infinitive}"
    return verb if kind in OF_SEVERAL_TYPES else f"{verb} {kind_of_record(resource_type)}"


def kind_of_record(resource_type: str) -> str:
    """The everyday words for a resource type; "" stands for several. What apps make up is not repeated."""
    if resource_type in RESOURCE_TYPES:
        return noun(resource_type)
    return UNKNOWN if resource_type else SEVERAL


def addresses(what: str) -> list[str]:
    """The relative references of an event's `what`, without versions, each once: "Observation/3". What is
    named without a version was asked for, and is not known to be there: it is left out.
    """
    parts = (each.split("/") for each in what.split())
    return list(dict.fromkeys(f"{part[0]}/{part[1]}" for part in parts if part[2:3] == ["_history"]))


def copied(detail: str) -> Counter[str]:
    """How many resources of each type an export took, as the detail of its event says it."""
    try:
        numbers = orjson.loads(detail)["resources"]
        return Counter({name: number for name, number in numbers.items() if isinstance(number, int)})
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return Counter()


def given(kind: str, resource_type: str, found: Sequence[str], detail: str) -> str:
    """How much an allowed interaction gave, for the relative references and the detail of its event; empty
    where records were written, or where nothing is known of it.
    """
    if kind in _WRITING:
        return ""
    kinds = copied(detail) if kind == "$export" else Counter(each.partition("/")[0] for each in found)
    if not kinds:
        return "nothing, as there was none" if kind in _SEARCHING else ""
    if list(kinds) == [resource_type]:
        return "1 record" if kinds.total() == 1 else f"{kinds.total():,} records"
    return "; ".join(f"{kind_of_record(name)}: {number:,}" for name, number in kinds.most_common())


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
