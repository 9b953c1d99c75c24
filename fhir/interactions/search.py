"""search: the resources of a type, or of several, that match. https://hl7.org/fhir/R4/http.html#search"""

from __future__ import annotations

from django.conf import settings

from fhir.enforcement import require
from fhir.exchange import Answer, Request
from fhir.outcome import BadRequest, Issue, UnsupportedMediaType
from fhir.search import engine
from fhir.search.across import parse_at_base
from fhir.search.bundle import searchset
from fhir.search.engine import Page
from fhir.search.include import included
from fhir.search.query import Query, parse

_FORM = "application/x-www-form-urlencoded"


def search(request: Request) -> Answer:
    """A page of the matches as a searchset Bundle.

    Raises Forbidden where no right allows to search this type, BadRequest for what is not understood; an
    unknown parameter only under `Prefer: handling=strict` (https://hl7.org/fhir/R4/search.html#errors).
    """
    require(request.access, request.type, "s")
    return _answer(request, parse(request.type, request.query, strict=False))


def search_system(request: Request) -> Answer:
    """The same of several types: those that `_type` names, or all that this access may search.

    Raises Forbidden for a type that is named and may not be searched. https://hl7.org/fhir/R4/search.html#type
    """
    return _answer(request, parse_at_base(request.access, request.query))


def _answer(request: Request, query: Query) -> Answer:
    if query.ignored and request.prefer.get("handling") == "strict":
        raise BadRequest(" ".join(query.ignored), code="not-supported")
    said = [Issue("warning", "not-supported", sentence) for sentence in query.ignored]
    if query.count == 0:
        return Answer(200, searchset(query, (), (), engine.count(request.access, query), "", said))
    size = min(query.count or settings.FHIR_PAGE_SIZE, settings.FHIR_MAX_PAGE_SIZE)
    page = engine.page(request.access, query, size, counted=query.total != "none")
    others, complete = included(request.access, query.includes, page.hits) if query.includes else ([], True)
    if not complete:
        said.append(
            Issue("warning", "incomplete", "More resources were to be included than one answer holds.")
        )
    text = searchset(query, page.hits, others, _total(query, page), page.cursor, said)
    return Answer(200, text, shown=engine.shown(page.hits, others))


def search_posted(request: Request) -> Answer:
    """`search` with the parameters in the body, those of the URL coming first.

    Raises UnsupportedMediaType unless the body is a form, and as `search` does.
    """
    return search(_with_form(request))


def search_system_posted(request: Request) -> Answer:
    """`search_system` with the parameters in the body, those of the URL coming first. Raises as these do."""
    return search_system(_with_form(request))


def _with_form(request: Request) -> Request:
    """The request with the parameters of its body in its query, once and for all."""
    media = request.content_type.partition(";")[0].strip().lower()
    if request.body and media != _FORM:
        raise UnsupportedMediaType(f"The parameters of _search are sent as {_FORM}.")
    try:
        form = request.body.decode()
    except UnicodeDecodeError as error:
        raise BadRequest("The form is not valid UTF-8.") from error
    request.query = "&".join(part for part in (request.query, form) if part)
    request.body = b""
    return request


def _total(query: Query, page: Page) -> int | None:
    """The number of matches if it was counted, or if all of them are on this page."""
    if page.total is None and not page.cursor and not query.cursor:
        return len(page.hits)
    return page.total
