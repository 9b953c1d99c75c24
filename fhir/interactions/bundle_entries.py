"""The entries of a batch or transaction Bundle, read once. https://hl7.org/fhir/R4/bundle.html#transaction"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from fhir.elements import is_resource_type
from fhir.exchange import Request
from fhir.incoming import check, is_id
from fhir.outcome import BadRequest, FhirError, Issue, Unprocessable
from fhir.search.query import parse
from fhir.validation import validate

Check = Callable[[dict[str, Any], str], None]
CONDITIONS = ("ifMatch", "ifNoneMatch", "ifModifiedSince", "ifNoneExist")
ORDER = ("DELETE", "POST", "PUT", "PATCH", "GET", "HEAD")
"""Transactions are processed in this order: https://hl7.org/fhir/R4/http.html#trules"""
_WRITING = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: `method` and `address` are what its request says; `address` are the parts of the URL's
    path."""

    position: int
    method: str
    address: tuple[str, ...]
    query: str
    full_url: str
    resource: dict[str, Any] | None
    conditions: dict[str, str]

    @property
    def place(self) -> str:
        """The entry as a simple FHIRPath."""
        return f"Bundle.entry[{self.position}]"

    @property
    def type(self) -> str:
        """The resource type in the URL, empty for a URL without one."""
        return "" if self.address == ("_history",) else self.address[0]

    @property
    def id(self) -> str:
        """The id in the URL, empty for a URL without one."""
        return self.address[1] if len(self.address) > 1 and self.address[1] != "_history" else ""

    @property
    def looks(self) -> bool:
        """Whether it asks for something and changes nothing."""
        return self.method in ("GET", "HEAD")

    @property
    def criteria(self) -> str:
        """The query that names what a PUT, PATCH or DELETE is about, empty where an id does."""
        return "" if self.looks or self.method == "POST" or self.id else self.query

    @property
    def condition(self) -> tuple[str, str] | None:
        """The type and query that decide about this entry: its criteria, or its ifNoneExist."""
        if self.method == "POST" and "ifNoneExist" in self.conditions:
            return self.type, self.conditions["ifNoneExist"]
        return (self.type, self.criteria) if self.criteria else None

    @property
    def kind(self) -> str:
        """The code of the interaction that it is: https://hl7.org/fhir/R4/valueset-restful-interaction.html"""
        if not self.looks:
            return _WRITING[self.method]
        if len(self.address) == 4:
            return "vread"
        level = "instance" if self.id else "type" if self.type else "system"
        if self.address[-1] == "_history":
            return f"history-{level}"
        return "read" if self.id else f"search-{level}"

    def request(self, outer: Request) -> Request:
        """The entry as a request of its own, by the caller of `outer`."""
        return Request(
            access=outer.access,
            type=self.type,
            id=self.id,
            version=self.address[3] if len(self.address) == 4 else "",
            history=self.address[-1] == "_history",
            query=self.query,
            resource=self.resource,
            if_match=self.conditions.get("ifMatch", ""),
            if_none_match=self.conditions.get("ifNoneMatch", ""),
            if_modified_since=self.conditions.get("ifModifiedSince", ""),
            if_none_exist=self.conditions.get("ifNoneExist", ""),
            prefer=outer.prefer,
            kind=self.kind,
            entry=self.position,
        )


def check_envelope(bundle: dict[str, Any]) -> None:
    """Raise Unprocessable with what is wrong with the Bundle itself; what its entries hold is not looked
    at."""
    entries = bundle.get("entry")
    bare = bundle
    if isinstance(entries, list):
        bare = {**bundle, "entry": [_without_resource(entry) for entry in entries]}
    issues = validate(bare, expected_type="Bundle")
    if issues:
        raise Unprocessable.because(issues)


def _without_resource(entry: Any) -> Any:
    if not isinstance(entry, dict) or not isinstance(entry.get("resource"), dict):
        return entry
    # An entry must not be empty, so the resource leaves its fullUrl or request, or else a mark of its own.
    rest = {key: value for key, value in entry.items() if key != "resource"}
    return rest or {"fullUrl": "urn:x"}


def read_entry(position: int, entry: dict[str, Any], check: Check = check) -> Entry:
    """The entry, if its request is one that can be carried out here.

    `check` holds its resource against the rules of R4 and the type in the URL. Raises BadRequest,
    Unprocessable, each with the place.
    """
    place = f"Bundle.entry[{position}]"
    asked = entry.get("request")
    if not asked:
        raise BadRequest(
            "An entry of a batch or transaction needs a request.", code="required", expression=place
        )
    address, query = _split(asked["url"])
    found = Entry(
        position=position,
        method=asked["method"],
        address=address,
        query=query,
        full_url=entry.get("fullUrl", ""),
        resource=entry.get("resource"),
        conditions={key: asked[key] for key in CONDITIONS if key in asked},
    )
    try:
        _check_type(found)
        _check_address(found)
        if found.criteria:
            parse(found.type, found.criteria, strict=True)
        _check_resource(found, check)
    except FhirError as error:
        raise located(error, place) from error
    return found


def _split(url: str) -> tuple[tuple[str, ...], str]:
    """The path's parts and the query of a URL that is relative to our base or lies under it."""
    path, _, query = url.partition("?")
    if path == settings.FHIR_BASE or path.startswith(f"{settings.FHIR_BASE}/"):
        path = path.removeprefix(settings.FHIR_BASE)
    return tuple(path.strip("/").split("/")), query


def _check_type(entry: Entry) -> None:
    """Before its URL, since a file of resources has its URLs from them."""
    if entry.resource is not None and not is_resource_type(str(entry.resource.get("resourceType"))):
        raise Unprocessable.because(validate(entry.resource))


def _check_address(entry: Entry) -> None:
    place = f"{entry.place}.request.url"
    if entry.looks and entry.address in (("_history",), ("",)):
        return
    if not is_resource_type(entry.type):
        raise BadRequest(
            "The URL does not begin with a resource type of FHIR R4.", code="value", expression=place
        )
    if not _fits(entry):
        raise BadRequest(f"{entry.method} does not go with this URL.", code="value", expression=place)


def _fits(entry: Entry) -> bool:
    """Whether the URL is one that the method can be used with."""
    depth = len(entry.address)
    if entry.looks:
        return depth in (1, 2) or (entry.address[2:3] == ("_history",) and depth in (3, 4))
    if entry.method == "POST":
        return depth == 1 and not entry.query
    # Either an id or criteria: both would be two answers to one question.
    return (depth == 2 and is_id(entry.id) and not entry.query) or (depth == 1 and bool(entry.query))


def _check_resource(entry: Entry, check: Check) -> None:
    has = entry.resource is not None
    if entry.method in ("POST", "PUT", "PATCH") and not has:
        raise BadRequest(f"{entry.method} needs a resource.", code="required", expression=entry.place)
    if (entry.looks or entry.method == "DELETE") and has:
        raise BadRequest(f"{entry.method} takes no resource.", expression=f"{entry.place}.resource")
    if entry.resource is not None:
        # https://hl7.org/fhir/R4/http.html#patch: in a Bundle a patch is the data of a Binary.
        check(entry.resource, "Binary" if entry.method == "PATCH" else entry.type)


def located(error: FhirError, place: str) -> FhirError:
    """The same error; where it names an element of the resource, that is now below the entry at `place`."""
    error.issues = tuple(
        Issue(issue.severity, issue.code, issue.diagnostics, _below(place, issue.expression))
        for issue in error.issues
    )
    return error


def _below(place: str, expression: str | None) -> str:
    if expression is None:
        return place
    if expression.startswith("Bundle.entry["):
        return expression
    _, dot, rest = expression.partition(".")
    return f"{place}.resource.{rest}" if dot else f"{place}.resource"


def check_once_each(entries: Iterable[Entry]) -> None:
    """Raise BadRequest if a transaction changes a resource twice, or names two entries by one fullUrl.

    https://hl7.org/fhir/R4/http.html#trules
    """
    seen: set[str] = set()
    for entry in entries:
        names = {entry.full_url} if entry.method in ("POST", "PUT") and entry.full_url else set()
        if entry.method in ("PUT", "PATCH", "DELETE") and entry.id:
            names.add(f"{entry.type}/{entry.id}")
        if not seen.isdisjoint(names):
            raise twice(entry)
        seen |= names


def twice(entry: Entry) -> BadRequest:
    """The error of an entry about a resource that another entry is about already."""
    return BadRequest(
        "A transaction may name a resource once only.", code="duplicate", expression=entry.place
    )
