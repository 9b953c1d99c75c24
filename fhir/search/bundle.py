"""The searchset Bundle, put together from texts as they are stored; only a wish for parts of them parses
them.

https://hl7.org/fhir/R4/bundle.html#searchset
"""

from collections.abc import Iterable, Sequence
from urllib.parse import urlencode

from django.conf import settings

from fhir.jsontext import serialise
from fhir.outcome import Issue, outcome
from fhir.search.engine import Hit
from fhir.search.query import Query
from fhir.search.subset import cut


def searchset(
    query: Query,
    matches: Sequence[Hit],
    others: Sequence[Hit],
    total: int | None,
    cursor: str,
    said: Iterable[Issue],
) -> str:
    """Return the Bundle's text: matches in their order, then what was included, then what there is to say.

    `total` None leaves it out. `cursor` makes the link to the next page, empty for none.
    """
    parts = ['{"resourceType":"Bundle","type":"searchset"']
    if total is not None:
        parts.append(f',"total":{total}')
    parts.append(f',"link":[{_links(query, cursor)}]')
    entries = [_entry(hit, _text(hit, query), "match") for hit in matches]
    entries += [_entry(hit, hit.text, "include") for hit in others]
    issues = tuple(said)
    if issues:
        entries.append(f'{{"resource":{serialise(outcome(issues)).decode()},"search":{{"mode":"outcome"}}}}')
    if entries:
        parts.append(f',"entry":[{",".join(entries)}]')
    parts.append("}")
    return "".join(parts)


def _text(hit: Hit, query: Query) -> str:
    return cut(hit.text, query.subset) if query.subset else hit.text


def _entry(hit: Hit, text: str, mode: str) -> str:
    url = f"{settings.FHIR_BASE}/{hit.type}/{hit.fhir_id}"
    return f'{{"fullUrl":"{url}","resource":{text},"search":{{"mode":"{mode}"}}}}'


def _links(query: Query, cursor: str) -> str:
    """The link to this page and the one to the next: the query as it was understood, and a place in its
    order.
    """
    here = (*query.used, ("_cursor", query.cursor)) if query.cursor else query.used
    links = [{"relation": "self", "url": _url(query.place, here)}]
    if cursor:
        links.append({"relation": "next", "url": _url(query.place, (*query.used, ("_cursor", cursor)))})
    return ",".join(serialise(link).decode() for link in links)


def _url(place: str, pairs: tuple[tuple[str, str], ...]) -> str:
    address = f"{settings.FHIR_BASE}/{place}" if place else settings.FHIR_BASE
    return f"{address}?{urlencode(pairs, safe=':,|$/-')}" if pairs else address
