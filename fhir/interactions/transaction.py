"""transaction: all entries of a Bundle, or none. https://hl7.org/fhir/R4/http.html#transaction"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from fhir import accounting, store
from fhir.conditional import existing, hold_matches, meanings, only_one
from fhir.enforcement import require
from fhir.exchange import Answer, Request
from fhir.interactions.bundle_answers import looked, of_change, of_match, of_nothing
from fhir.interactions.bundle_entries import ORDER, Entry, check_once_each, located, twice
from fhir.interactions.conditional_patch import no_match
from fhir.interactions.entry_changes import LETTERS, change_of
from fhir.interactions.written import answer_about_existing
from fhir.outcome import BadRequest, FhirError, Unprocessable
from fhir.references import Link, LinkFinder, relinked
from fhir.store import Change, Current
from fhir.validation.references import foresees_at

Look = Callable[[Request], Answer]
Locked = dict[tuple[str, str], Current]
Told = tuple[Request, Answer]


@dataclass(slots=True)
class Plan:
    """One attempt at a transaction: the id of each entry that writes, and what ifNoneExist has found instead,
    by the entry's position; what each fullUrl has become; and which entries' criteria have found something
    (`met`), or nothing that could be deleted (`idle`). A `lenient` one lets a reference lead to any type."""

    request: Request
    entries: list[Entry]
    targets: dict[str, str]
    ids: dict[int, str] = field(default_factory=dict)
    matched: dict[int, str] = field(default_factory=dict)
    met: set[int] = field(default_factory=set)
    idle: set[int] = field(default_factory=set)
    lenient: bool = False


def transaction(request: Request, entries: list[Entry], look: Look) -> list[bytes]:
    """The entries of the response, in the order of the request. `look` carries out what changes nothing,
    after all writes.

    Raises the first FhirError of an entry, with its place; then nothing is written.
    """
    write = writer(request, entries, {})

    def run() -> tuple[list[tuple[int, bytes]], list[Told]]:
        plan, changes = write()
        told: list[Told] = []
        return [_answer(plan, entry, changes, look, told) for entry in sorted(entries, key=_turn)], told

    answers, told = store.in_transaction(run)
    # Not before: what a transaction has looked at that is rolled back, nobody gets to see.
    for each in told:
        accounting.tell(*each)
    return [text for _, text in sorted(answers)]


def writer(
    request: Request, entries: list[Entry], known: Mapping[str, str], *, lenient: bool = False
) -> Callable[[], tuple[Plan, dict[int, Change]]]:
    """A function for `store.in_transaction` that writes what the entries ask for, and returns the change for
    each position that is neither a GET nor answered by a match.

    `known` says what fullUrls mean that are not among these entries; `lenient`, that a reference may lead to
    a type that R4 does not foresee. Raises BadRequest and Forbidden for what
    is wrong whatever the data are.
    """
    check_once_each(entries)
    for entry in entries:
        with _naming(entry):
            if entry.method in LETTERS:
                require(request.access, entry.type, LETTERS[entry.method])
    finder = LinkFinder(frozenset(entry.full_url for entry in entries if entry.full_url) | known.keys())
    found = {entry.position: finder.links(entry.resource) for entry in entries if entry.resource is not None}

    def write() -> tuple[Plan, dict[int, Change]]:
        plan = Plan(request, entries, dict(known), lenient=lenient)
        return plan, _write(plan, found)

    return write


@contextmanager
def _naming(entry: Entry) -> Iterator[None]:
    """Errors from here on name the entry."""
    try:
        yield
    except FhirError as error:
        raise located(error, entry.place) from error


def _turn(entry: Entry) -> int:
    return ORDER.index(entry.method)


def _write(plan: Plan, found: dict[int, list[Link]]) -> dict[int, Change]:
    """Write what is to be written. Returns the change for each entry that is not answered by a match or a
    look."""
    _match(plan)
    _assign_ids(plan)
    writing = [entry for entry in plan.entries if entry.position in plan.ids]
    _resolve(plan, {entry.position: found.get(entry.position, []) for entry in writing})
    addresses = [(entry.type, plan.ids[entry.position]) for entry in writing if entry.method != "POST"]
    locked = store.lock(plan.request.access, addresses)
    met = [entry for entry in writing if entry.position in plan.met]
    hold_matches(
        plan.request.access, {(entry.type, entry.criteria): plan.ids[entry.position] for entry in met}
    )
    changes: dict[int, Change] = {}
    for entry in writing:
        with _naming(entry):
            changes[entry.position] = _change(plan, entry, locked)
            changes[entry.position].entry = entry.position
    store.apply(plan.request.access, list(changes.values()))
    return changes


def _match(plan: Plan) -> None:
    """Find what the criteria and each ifNoneExist mean; of the latter not what this transaction deletes."""
    asked = {entry.position: condition for entry in plan.entries if (condition := entry.condition)}
    found = existing(plan.request.access, set(asked.values()))
    for entry in plan.entries:
        if entry.criteria:
            with _naming(entry):
                _meet(plan, entry, only_one(found[asked[entry.position]]))
    deleted = {
        (entry.type, entry.id or plan.ids.get(entry.position))
        for entry in plan.entries
        if entry.method == "DELETE"
    }
    for entry in plan.entries:
        if entry.criteria or entry.position not in asked:
            continue
        with _naming(entry):
            ids = [each for each in found[asked[entry.position]] if (entry.type, each) not in deleted]
            match = only_one(ids)
        if match is not None:
            plan.matched[entry.position] = match


def _meet(plan: Plan, entry: Entry, fhir_id: str | None) -> None:
    """Note what the criteria of an entry have found."""
    if fhir_id is not None:
        plan.ids[entry.position] = fhir_id
        plan.met.add(entry.position)
    elif entry.method == "PATCH":
        raise no_match(entry.type)
    elif entry.method == "DELETE":
        plan.idle.add(entry.position)
    elif entry.resource is not None:
        plan.ids[entry.position] = entry.resource.get("id") or store.new_fhir_id()


def _assign_ids(plan: Plan) -> None:
    """Give each entry that writes its id, and each fullUrl its meaning.

    Raises BadRequest where two entries turn out to be about one resource.
    """
    taken: set[tuple[str, str]] = set()
    for entry in plan.entries:
        if entry.looks or entry.position in plan.idle:
            continue
        fhir_id = plan.matched.get(entry.position)
        if fhir_id is None:
            fhir_id = plan.ids.setdefault(entry.position, entry.id or store.new_fhir_id())
            if (entry.type, fhir_id) in taken:
                raise twice(entry)
            taken.add((entry.type, fhir_id))
        if entry.full_url and entry.method != "DELETE":
            plan.targets[entry.full_url] = f"{entry.type}/{fhir_id}"


def _resolve(plan: Plan, found: dict[int, list[Link]]) -> None:
    """Set each link of the resources to what it means in this attempt; conditional ones are looked up
    together."""
    places: dict[str, str] = {}
    for position, each in found.items():
        for link in each:
            if link.kind == "reference" and "?" in link.text:
                places.setdefault(
                    link.text, f"Bundle.entry[{position}].resource.{link.path.partition('.')[2]}"
                )
    meant = meanings(plan.request.access, places)
    for entry in plan.entries:
        with _naming(entry):
            _put(plan, entry, found.get(entry.position, []), meant)


def _put(plan: Plan, entry: Entry, found: list[Link], meant: dict[str, str]) -> None:
    base = _base_of(entry.full_url)

    def target(text: str) -> str | None:
        return plan.targets.get(text) or (plan.targets.get(f"{base}/{text}") if base else None)

    for link in found:
        if link.kind == "narrative":
            link.put(relinked(link.text, target))
        else:
            address = meant.get(link.text) or target(link.text)
            if address and link.kind == "reference" and not plan.lenient:
                _hold_to_foreseen(link, address)
            link.put(address or _as_it_is(link))


def _hold_to_foreseen(link: Link, address: str) -> None:
    """Raise Unprocessable where R4 does not foresee a reference to the type of this address."""
    named = address.partition("/")[0]
    if not foresees_at(link.path, named):
        text = f"R4 does not foresee a {named} at {link.path}."
        raise Unprocessable(text, code="business-rule", expression=link.path)


def _as_it_is(link: Link) -> str:
    """A link that names no entry; a URN in a reference could then never be followed, and is refused."""
    if link.kind == "reference" and link.text.startswith("urn:"):
        raise BadRequest(
            f"{link.text[:80]} is the fullUrl of no entry.", code="not-found", expression=link.path
        )
    return link.text


def _base_of(full_url: str) -> str:
    """The FHIR base of a fullUrl like https://example.org/fhir/Patient/1, empty for others.

    https://hl7.org/fhir/R4/bundle.html#references
    """
    parts = full_url.rsplit("/", 2)
    return parts[0] if len(parts) == 3 and full_url.startswith(("http://", "https://")) else ""


def _change(plan: Plan, entry: Entry, locked: Locked) -> Change:
    """The change that the entry asks for, if the caller may make it."""
    fhir_id = plan.ids[entry.position]
    request = replace(entry.request(plan.request), id=fhir_id)
    return change_of(entry, request, locked.get((entry.type, fhir_id)), matched=entry.position in plan.met)


def _answer(
    plan: Plan, entry: Entry, changes: dict[int, Change], look: Look, told: list[Told]
) -> tuple[int, bytes]:
    """The entry's position and its part of the response. What the store has not told the audit trail comes to
    `told`."""
    position, request = entry.position, entry.request(plan.request)
    if position in changes:
        return position, of_change(plan.request, changes[position])
    if position in plan.matched:
        found = answer_about_existing(plan.request, entry.type, plan.matched[position])
        told.append((request, found))
        return position, of_match(plan.request, found)
    if position in plan.idle:
        told.append((request, Answer(204)))
        return position, of_nothing(plan.request)
    with _naming(entry):
        found = look(request)
    told.append((request, found))
    return position, looked(entry, found)
