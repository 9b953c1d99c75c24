"""$everything: a patient's whole record. https://hl7.org/fhir/R4/patient-operation-everything.html

The Patient, all resources of the patient's compartment, and what these refer to that belongs to no
patient. Types that the token may not search are left out, as a search for them would be refused.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from django.conf import settings

from fhir import reach, record, store
from fhir.access import Access
from fhir.associated import follow
from fhir.elements import is_resource_type
from fhir.enforcement import require, visible
from fhir.exchange import Answer, Request
from fhir.hashing import digest, reference_key
from fhir.interactions.operation_input import Given, from_body, from_query
from fhir.interactions.read import unknown
from fhir.jsontext import serialise
from fhir.outcome import BadRequest, Forbidden, Gone, Issue, outcome
from fhir.record import Care
from fhir.registry import RESOURCE_TYPES, SHARED_TYPES, compartment_class
from fhir.search.engine import Hit, shown
from fhir.search.sorting import read_cursor, write_cursor

_OF_A_PATIENT = frozenset(
    name for name in RESOURCE_TYPES if compartment_class(name) == "compartment" and name != "Patient"
)
KNOWN = frozenset({"start", "end", "_since", "_type", "_count", "_cursor"})


def everything(request: Request) -> Answer:
    """A page of the record as a searchset; `_count` says how many resources of the record, without it 1000
    at most.

    Raises Forbidden, NotFound (also for another's patient), Gone, and BadRequest for what is not understood.
    """
    return _everything(request, from_query(request, KNOWN))


def everything_posted(request: Request) -> Answer:
    """The same with the parameters in a Parameters resource."""
    return _everything(request, from_body(request, KNOWN))


def own_everything(request: Request) -> Answer:
    """The record of the one patient that the token is about: Patient/$everything."""
    return everything(replace(request, id=_sole_patient(request.access)))


def own_everything_posted(request: Request) -> Answer:
    """The same with the parameters in a Parameters resource."""
    return everything_posted(replace(request, id=_sole_patient(request.access)))


def _sole_patient(access: Access) -> str:
    rules = access.rules_for("Patient", "r")
    named = frozenset[str]().union(*(rule.patients or () for rule in rules))
    if not rules and not access.own.startswith("Patient/"):
        raise Forbidden("The token's scopes do not allow 'r' on Patient.")
    if any(rule.patients is None for rule in rules) or len(named) > 1:
        raise BadRequest(
            "This token reaches several patients: ask for Patient/[id]/$everything, or for an $export.",
            code="too-costly",
        )
    return next(iter(named), access.own.removeprefix("Patient/"))


def _everything(request: Request, given: Given) -> Answer:
    require(request.access, "Patient", "r")
    types = _types(given)
    order = record.order(
        digest("everything", request.id, *(f"{name}={value}" for name, value in _asked(given)))
    )
    behind = read_cursor(order, given.one("_cursor")) if given.one("_cursor") else None
    _check_patient(request)
    key = reference_key("Patient", request.id)
    first: list[Hit] = []
    if behind is None and "Patient" in types:
        own = {"Patient": visible(request.access, "Patient", "r")}
        first, _ = record.page(request.access, key, own, Care(given.since("_since")), None, 1)
    wanted = reach.found(request.access, types & _OF_A_PATIENT)
    hits, last = record.page(request.access, key, wanted, _care(given), behind, _size(given))
    shared = reach.one_of(reach.read_or_found(request.access, sorted(types & SHARED_TYPES)))
    others, complete = follow(request.access, first + hits, shared, settings.FHIR_MAX_PAGE_SIZE)
    said = [] if complete else [Issue("warning", "incomplete", "More is referred to than one answer holds.")]
    links = [("self", _asked(given))]
    if last is not None:
        links.append(("next", [*_asked(given), ("_cursor", write_cursor(order, last[:2], last[2]))]))
    text = _bundle(request.id, links, first + hits, others, said)
    return Answer(200, text, shown=shown(first, hits, others))


def _check_patient(request: Request) -> None:
    """Raise NotFound for a patient that is not there or that this access may not know of, Gone for a
    deleted one."""
    patient = store.read(request.access, "Patient", request.id)
    if patient is None:
        raise unknown(request)
    if patient.deleted:
        raise Gone(f"Patient/{request.id} was deleted.")


def _types(given: Given) -> frozenset[str]:
    names = given.words("_type")
    for name in names:
        if not is_resource_type(name):
            raise BadRequest(f"{name[:64]!r} is no resource type of FHIR R4.", code="value")
    return frozenset(names or RESOURCE_TYPES)


def _care(given: Given) -> Care:
    return Care(
        since=given.since("_since"),
        start=given.span("start")[0] if given.one("start") else None,
        end=given.span("end")[1] if given.one("end") else None,
    )


def _size(given: Given) -> int:
    text = given.one("_count")
    largest: int = settings.FHIR_MAX_PAGE_SIZE
    if not text:
        return largest
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise BadRequest(f"'_count' takes a number from 1, not '{text[:20]}'.", code="value")
    return min(int(text), largest)


def _asked(given: Given) -> list[tuple[str, str]]:
    """The parameters as they were given, without the cursor."""
    return [(name, value) for name, values in given.values.items() if name != "_cursor" for value in values]


def _bundle(
    patient: str,
    links: list[tuple[str, list[tuple[str, str]]]],
    matches: list[Hit],
    others: list[Hit],
    said: list[Issue],
) -> str:
    """The searchset's text, joined from the texts as they are stored: none of them is parsed."""
    here = f"{settings.FHIR_BASE}/Patient/{patient}/$everything"
    urls = [
        {"relation": relation, "url": f"{here}?{urlencode(pairs, safe=':,/-')}" if pairs else here}
        for relation, pairs in links
    ]
    entries = [_entry(hit, "match") for hit in matches] + [_entry(hit, "include") for hit in others]
    if said:
        entries.append(f'{{"resource":{serialise(outcome(said)).decode()},"search":{{"mode":"outcome"}}}}')
    head = f'{{"resourceType":"Bundle","type":"searchset","link":{serialise(urls).decode()}'
    return f'{head},"entry":[{",".join(entries)}]}}' if entries else head + "}"


def _entry(hit: Hit, mode: str) -> str:
    url = f"{settings.FHIR_BASE}/{hit.type}/{hit.fhir_id}"
    return f'{{"fullUrl":"{url}","resource":{hit.text},"search":{{"mode":"{mode}"}}}}'
