"""The searchset Bundle, put together from texts as they are stored; only a wish for parts of them parses
them.

https://hl7.org/fhir/R4/bundle.html#searchset
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import quote_plus

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
    base, cuts = settings.FHIR_BASE, bool(query.subset)
    entries = [
        _entry(base, hit, cut(hit.text, query.subset) if cuts else hit.text, "match") for hit in matches
    ]
    entries += [_entry(base, hit, hit.text, "include") for hit in others]
    issues = tuple(said)
    if issues:
        entries.append(f'{{"resource":{serialise(outcome(issues)).decode()},"search":{{"mode":"outcome"}}}}')
    if entries:
        parts.append(f',"entry":[{",".join(entries)}]')
    parts.append("}")
    return "".join(parts)


def _entry(base: str, hit: Hit, text: str, mode: str) -> str:
    return f'{{"fullUrl":"{base}/{hit.type}/{hit.fhir_id}","resource":{text},"search":{{"mode":"{mode}"}}}}'


def _links(query: Query, cursor: str) -> str:
    """The link to this page and the one to the next: the query as it was understood, and a place in its
    order.
    """
    place = f"{settings.FHIR_BASE}/{query.place}" if query.place else settings.FHIR_BASE
    asked = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in query.used)
    links = [_link("self", place, asked, query.cursor)]
    if cursor:
        links.append(_link("next", place, asked, cursor))
    return ",".join(links)


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    """As in a query string; most names and many values come again and again."""
    return quote_plus(text, safe=":,|$/-")


def _link(relation: str, place: str, asked: str, cursor: str) -> str:
    """A link as JSON. Nothing in an encoded URL needs an escape there; a cursor is one that was sent."""
    parts = [part for part in (asked, f"_cursor={quote_plus(cursor)}" if cursor else "") if part]
    url = f"{place}?{'&'.join(parts)}" if parts else place
    return f'{{"relation":"{relation}","url":"{url}"}}'
