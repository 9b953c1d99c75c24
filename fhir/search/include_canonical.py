"""What resources include, or are included by, through canonical URLs.

A canonical names each resource with that `url`; with a version behind a bar only those of this version. One
that is the address of a resource here names that too. https://hl7.org/fhir/R4/references.html#canonical
"""

from collections.abc import Iterator, Sequence

from django.conf import settings

from fhir.condition import NEVER, Condition
from fhir.hashing import NONE, digest
from fhir.jsontext import parse
from fhir.registry import SearchParameter
from fhir.search import stored_texts
from fhir.search.criteria import any_of
from fhir.search.engine import Hit
from fhir.search.rowsets import among, rows_of
from fhir.search.types.reference import own_address, target_key
from fhir.search.types.string import PREFIX


def named_by(hits: Sequence[Hit], parameters: Sequence[SearchParameter], types: Sequence[str]) -> Condition:
    """The condition that the row `r`, of one of these types, is named by one of these parameters of a hit."""
    names = sorted({name for hit in hits for name in _canonicals(hit, parameters)})
    rows = [(*_rows_of_url(kind, url), _version(kind, version)) for url, version in names for kind in types]
    if not rows:
        return NEVER
    wanted = rows_of("w(hash, prefix, exact, version)", rows)
    # CROSS JOIN: SQLite keeps this order.
    found = Condition(
        f"r.id IN (SELECT x.resource_id FROM {wanted.sql} CROSS JOIN fhir_stringindex x "
        "WHERE x.hash = w.hash AND x.prefix = w.prefix AND x.exact = w.exact AND (w.version = 0 OR EXISTS "
        "(SELECT 1 FROM fhir_tokenindex y WHERE y.hash = w.version AND y.patient = x.patient "
        "AND y.date = x.date AND y.resource_id = x.resource_id)))",
        wanted.params,
    )
    here = among([digest(address) for url, _ in names if (address := own_address(url))])
    return any_of([found, Condition(f"r.key {here.sql}", here.params)])


def _rows_of_url(kind: str, url: str) -> tuple[int, str, int]:
    return digest(kind, "url"), url[:PREFIX], digest(url)


def _version(kind: str, version: str) -> int:
    return digest(kind, "version", version) if version else NONE


def _canonicals(hit: Hit, parameters: Sequence[SearchParameter]) -> Iterator[tuple[str, str]]:
    """Each URL that a resource names by these parameters, with the version, empty for any."""
    resource = parse(hit.text.encode())
    found = (each for parameter in parameters for each in parameter.compiled(resource))
    for value, kind in found:
        if kind in ("canonical", "uri") and isinstance(value, str):
            url, _, version = value.partition("#")[0].partition("|")
            yield from [(url, version)] if url else []


def naming(hits: Sequence[Hit], parameters: Sequence[SearchParameter]) -> Condition:
    """The condition that the row `r` names one of the hits by one of these parameters."""
    texts = sorted({text for hit in hits for text in _names(hit)})
    keys = among([target_key(text) for text in texts])
    conditions = []
    for parameter in parameters:
        exact = stored_texts.is_any_of(parameter, texts)
        conditions.append(
            Condition(
                "(r.id IN (SELECT x.resource_id FROM fhir_referenceindex x "
                f"WHERE x.hash = %s AND x.target {keys.sql}) AND {exact.sql})",
                (digest(parameter.resource_type, parameter.code), *keys.params, *exact.params),
            )
        )
    return any_of(conditions)


def _names(hit: Hit) -> Iterator[str]:
    """What others may name a resource by."""
    address = f"{hit.type}/{hit.fhir_id}"
    yield address
    yield f"{settings.FHIR_BASE}/{address}"
    resource = parse(hit.text.encode())
    url, version = resource.get("url"), resource.get("version")
    if isinstance(url, str) and url:
        yield url
        if isinstance(version, str) and version:
            yield f"{url}|{version}"
