"""Order, pages, totals and links."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fhir.outcome import BadRequest
from tests.fhir.search.shelf import (
    bundle,
    coded,
    entries,
    ids,
    lab,
    link,
    of_patients,
    patient,
    put,
    remove,
    walk,
)

pytestmark = pytest.mark.django_db


def series(count: int, patient_id: str = "p1") -> None:
    """Results, one a day from 2020-01-01 on, three on each day."""
    put(
        *(
            lab(f"{patient_id}-{n:02}", patient_id, effectiveDateTime=f"2020-01-{n // 3 + 1:02}")
            for n in range(count)
        )
    )


def test_without_a_sort_the_newest_come_first(db: None) -> None:
    put(
        lab("old", effectiveDateTime="2019"),
        lab("new", effectiveDateTime="2021"),
        lab("mid", effectiveDateTime="2020"),
    )
    assert ids("Observation") == ["new", "mid", "old"]
    assert ids("Observation?code=4548-4") == ["new", "mid", "old"]
    assert ids("Observation?patient=p1&code=4548-4") == ["new", "mid", "old"]


@pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#sort")
@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("family", ["a", "b", "c", "none"]),
        ("-family", ["c", "b", "a", "none"]),
        ("_id", ["a", "b", "c", "none"]),
        ("-_id", ["none", "c", "b", "a"]),
        ("birthdate,_id", ["none", "b", "c", "a"]),
        ("-birthdate,-_id", ["a", "c", "b", "none"]),
        ("birthdate,-_id", ["none", "c", "b", "a"]),
        ("death-date", ["b", "c", "a", "none"]),
        ("-death-date,_id", ["c", "b", "a", "none"]),
        ("_lastUpdated", ["a", "b", "c", "none"]),
        ("-_lastUpdated", ["none", "c", "b", "a"]),
    ],
)
def test_resources_are_sorted_by_each_key_in_its_direction(db: None, sort: str, order: list[str]) -> None:
    put(patient("a", name=[{"family": "Adler"}], birthDate="2000-01-01"))
    put(patient("b", name=[{"family": "Bär"}], birthDate="1990-01-01", deceasedDateTime="2020-01-01"))
    put(patient("c", name=[{"family": "Cäsar"}], birthDate="1990-01-01", deceasedDateTime="2021-01-01"))
    put(patient("none"))
    found = ids(f"Patient?_sort={sort}")
    # Where nothing tells two apart, their order is fixed but not told.
    assert (
        (set(found[2:]), found[:2]) == (set(order[2:]), order[:2]) if sort == "death-date" else found == order
    )
    pages = [fhir_id for page in walk(f"Patient?_sort={sort}&_count=1") for fhir_id in page]
    assert pages == found


def test_numbers_and_uris_are_sorted_too(db: None) -> None:
    put(
        lab("ten", valueQuantity={"value": 10}, meta={"profile": ["http://a.example"]}),
        lab("nine", valueQuantity={"value": 9}, meta={"profile": ["http://b.example"]}),
        lab("none"),
    )
    assert ids("Observation?_sort=value-quantity") == ["nine", "ten", "none"]
    assert ids("Observation?_sort=-value-quantity") == ["ten", "nine", "none"]
    assert ids("Observation?_sort=_profile") == ["ten", "nine", "none"]
    assert [page for page in walk("Observation?_sort=value-quantity&_count=1")] == [
        ["nine"],
        ["ten"],
        ["none"],
    ]


def test_tokens_and_references_are_sorted_by_what_people_read_and_plain_codes_by_themselves(db: None) -> None:
    put(
        lab("b", code={"text": "Bilirubin"}, status="final", subject={"display": "Zoe"}),
        lab("none", code=coded(("", "1")), status="amended", subject={"reference": "Patient/1"}),
        lab("a", code={"coding": [{"code": "9", "display": "Änderung"}]}, status="preliminary"),
        lab("c", code={"coding": [{"code": "0", "display": "calcium"}], "text": "Zinc"}, status="cancelled"),
    )
    assert ids("Observation?_sort=code") == ["a", "b", "c", "none"]
    assert ids("Observation?_sort=-code") == ["c", "b", "a", "none"]
    assert ids("Observation?_sort=status") == ["none", "c", "b", "a"]
    assert ids("Observation?_sort=-status") == ["a", "b", "c", "none"]
    assert ids("Observation?_sort=subject,code") == ["none", "a", "c", "b"]
    for sort in ("code", "-code", "status", "-status,code", "subject,code"):
        pages = [fhir_id for page in walk(f"Observation?_sort={sort}&_count=1") for fhir_id in page]
        assert pages == ids(f"Observation?_sort={sort}")


def test_identifiers_telephone_numbers_and_codes_are_sorted_as_they_stand(db: None) -> None:
    put(
        patient(
            "b", identifier=[{"system": "urn:a", "value": "20"}], telecom=[{"system": "email", "value": "a"}]
        ),
        patient("none", identifier=[{"system": "urn:a"}]),
        patient(
            "a", identifier=[{"value": "3"}, {"value": "10"}], telecom=[{"system": "phone", "value": "1"}]
        ),
        patient("c", identifier=[{"value": "a" * 5000}], telecom=[{"system": "phone", "value": "Ä"}]),
    )
    assert ids("Patient?_sort=identifier") == ["a", "b", "c", "none"]
    assert ids("Patient?_sort=-identifier") == ["c", "a", "b", "none"]
    assert ids("Patient?_sort=phone,_id") == ["a", "c", "b", "none"]
    assert ids("Patient?_sort=-telecom") == ["c", "b", "a", "none"]
    put(
        {"resourceType": "Subscription", "id": "s1", "status": "off", "criteria": "x", "reason": "x",
         "channel": {"type": "rest-hook", "payload": "text/plain"}},
        {"resourceType": "Subscription", "id": "s2", "status": "off", "criteria": "x", "reason": "x",
         "channel": {"type": "rest-hook", "payload": "application/json"}},
    )  # fmt: skip
    assert ids("Subscription?_sort=payload") == ["s2", "s1"]
    for sort in ("identifier", "-identifier", "phone,-identifier", "-telecom,identifier,_id"):
        pages = [fhir_id for page in walk(f"Patient?_sort={sort}&_count=1") for fhir_id in page]
        assert pages == ids(f"Patient?_sort={sort}")


def test_references_are_sorted_by_what_is_written_beside_them_else_by_themselves(db: None) -> None:
    def result(fhir_id: str, *subject: str) -> dict[str, object]:
        names = dict(zip(("reference", "display"), subject, strict=False))
        return lab(fhir_id, subject=names)

    put(
        result("shown", "Patient/9", "amy"),
        result("second", "Patient/b"),
        result("first", "Patient/a"),
        result("group", "Group/a"),
        result("elsewhere", "https://other.example/fhir/Patient/0"),
        lab("none", subject=None),
    )
    assert ids("Observation?_sort=subject") == ["group", "first", "second", "shown", "elsewhere", "none"]
    assert ids("Observation?_sort=-subject") == ["elsewhere", "shown", "second", "first", "group", "none"]
    # `patient` looks at patients only, wherever these are.
    assert ids("Observation?_sort=patient,_id") == ["first", "second", "shown", "elsewhere", "group", "none"]
    for sort in ("subject", "-patient,_id"):
        pages = [fhir_id for page in walk(f"Observation?_sort={sort}&_count=2") for fhir_id in page]
        assert pages == ids(f"Observation?_sort={sort}")


def test_canonical_urls_are_sorted_as_they_stand(db: None) -> None:
    answers = {"resourceType": "QuestionnaireResponse", "status": "completed"}
    put(
        {**answers, "id": "b", "questionnaire": "http://example.org/q|2"},
        {**answers, "id": "none"},
        {**answers, "id": "a", "questionnaire": "http://example.org/q|1"},
    )
    assert ids("QuestionnaireResponse?_sort=questionnaire") == ["a", "b", "none"]
    assert ids("QuestionnaireResponse?_sort=-questionnaire") == ["b", "a", "none"]


def test_nothing_is_learned_of_what_is_out_of_reach_from_an_order(db: None) -> None:
    """A reference sorts the same whether what it names is there or not."""
    put(
        lab("b", "me", performer=[{"reference": "Practitioner/b"}]),
        lab("a", "me", performer=[{"reference": "Practitioner/a"}]),
        lab("c", "me", performer=[{"reference": "Patient/c"}]),
    )
    before = ids("Observation?_sort=performer", of_patients("me"))
    put({"resourceType": "Practitioner", "id": "b", "name": [{"family": "Aaa"}]}, patient("c"))
    assert ids("Observation?_sort=performer", of_patients("me")) == before == ["c", "a", "b"]


@pytest.mark.parametrize("sort", ["identifier", "subject", "-performer"])
def test_resources_of_another_shape_than_r4_gives_them_are_sorted_too(db: None, sort: str) -> None:
    """A loader may accept what a strict check refuses."""
    put(
        lab("well", identifier=[{"value": "1"}]),
        lab("odd", identifier="x", subject=["Patient/1"], performer={"reference": "Patient/1"}),
        lab("odder", identifier=[["x"], 1, None], subject=None, performer=[{"reference": 3}]),
    )
    assert set(ids(f"Observation?_sort={sort}")) == {"well", "odd", "odder"}


def test_an_order_of_many_long_texts_can_be_followed_to_its_end(db: None) -> None:
    name = [{"family": "😀" * 120, "given": ["é" * 120], "text": "漢" * 120}]
    put(*(patient(f"p{number}", name=name, identifier=[{"value": "😀" * 120}]) for number in range(4)))
    pages = list(
        walk("Patient?_sort=family,given,name,identifier,-family,-given,-name,-identifier,_id&_count=1")
    )
    assert [len(page) for page in pages] == [1, 1, 1, 1]


def test_what_has_no_date_comes_behind_what_began_nobody_knows_when(db: None) -> None:
    condition = {"resourceType": "Condition", "subject": {"reference": "Patient/1"}}
    put(
        {**condition, "id": "open", "onsetPeriod": {"end": "2020"}},
        {**condition, "id": "none"},
        {**condition, "id": "late", "onsetDateTime": "2021"},
    )
    assert ids("Condition?_sort=-onset-date,_id") == ["late", "open", "none"]
    assert ids("Condition?_sort=onset-date,_id") == ["open", "late", "none"]


def test_booleans_are_sorted_with_false_first(db: None) -> None:
    put(patient("yes", active=True), patient("none"), patient("no", active=False))
    assert ids("Patient?_sort=active") == ["no", "yes", "none"]
    assert ids("Patient?_sort=-active") == ["yes", "no", "none"]


@pytest.mark.parametrize(
    "sort", ["nonsense", "date,nonsense", "-", "code-value-quantity", "code:text", "", ",".join(["_id"] * 11)]
)
def test_what_cannot_be_sorted_by_is_refused_by_name(db: None, sort: str) -> None:
    with pytest.raises(BadRequest, match="sort"):
        bundle(f"Observation?_sort={sort}")


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#paging")
@pytest.mark.parametrize(
    "asked",
    [
        "",
        "code=4548-4",
        "code=http://loinc.org|4548-4",
        "patient=p1",
        "patient=p1&code=4548-4",
        "code=4548-4,2339-0",
        "date=ge2020",
        "_sort=date",
        "_sort=-date,_id",
        "code=4548-4&_sort=_lastUpdated",
        "status=final&category=laboratory&_sort=-_id",
    ],
)
@pytest.mark.parametrize("narrow", [False, True])
def test_the_pages_hold_every_match_once_and_in_the_order_of_the_whole(
    db: None, asked: str, narrow: bool
) -> None:
    series(11)
    put(lab("mixed", effectiveDateTime="2020-01-02", performer=[{"reference": "Patient/p2"}]))
    access = of_patients("p1") if narrow else of_patients("p1", "p2", "p3")
    whole = ids(f"Observation?{asked}", access)
    assert len(whole) == 12
    sign = "&" if asked else ""
    pages = list(walk(f"Observation?{asked}{sign}_count=5", access))
    assert [len(page) for page in pages] == [5, 5, 2]
    assert [fhir_id for page in pages for fhir_id in page] == whole


def test_what_others_write_between_two_pages_neither_hides_nor_repeats_a_resource(db: None) -> None:
    series(9)
    seen = []
    for number, page in enumerate(walk("Observation?_count=3")):
        seen += page
        put(
            lab(f"late-{number}", effectiveDateTime="2020-01-31"),
            lab(f"early-{number}", effectiveDateTime="2019"),
        )
        if number == 1:
            remove("Observation", page[0])
        assert number < 9
    assert [fhir_id for fhir_id in seen if fhir_id.startswith("p1")] == [
        f"p1-{n:02}" for n in reversed(range(9))
    ]
    assert len(seen) == len(set(seen))


@pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#count")
def test_a_count_of_zero_gives_the_number_alone(db: None) -> None:
    series(4)
    for asked in ("_count=0", "_summary=count"):
        found = bundle(f"Observation?{asked}")
        assert found["total"] == 4
        assert "entry" not in found
        assert link(found, "next") is None


def test_the_page_size_is_limited_by_the_settings(db: None, settings: object) -> None:
    series(5)
    settings.FHIR_PAGE_SIZE = 3  # type: ignore[attr-defined]
    settings.FHIR_MAX_PAGE_SIZE = 4  # type: ignore[attr-defined]
    assert len(bundle("Observation")["entry"]) == 3
    assert len(bundle("Observation?_count=100")["entry"]) == 4


@pytest.mark.parametrize("value", ["-1", "x", "1.5", "", "99999999999999999999", "٣"])
def test_a_count_that_is_no_number_is_refused(db: None, value: str) -> None:
    with pytest.raises(BadRequest, match="_count"):
        bundle(f"Observation?_count={value}")


@pytest.mark.requirement("https://hl7.org/fhir/R4/search.html#total")
def test_the_total_is_given_where_it_is_known_or_asked_for(db: None) -> None:
    series(5)
    assert bundle("Observation")["total"] == 5
    assert "total" not in bundle("Observation?_count=2")
    assert bundle("Observation?_count=2&_total=accurate")["total"] == 5
    assert bundle("Observation?_count=2&_total=estimate")["total"] == 5
    assert "total" not in bundle("Observation?_count=2&_total=none")
    following = link(bundle("Observation?_count=3"), "next")
    assert following is not None
    assert "total" not in bundle(following)
    with pytest.raises(BadRequest, match="_total"):
        bundle("Observation?_total=some")


def test_the_links_repeat_what_was_understood_and_nothing_else(db: None) -> None:
    series(5)
    found = bundle(r"Observation?code=a\,b,4548-4&colour=red&_count=2&_format=json")
    own, following = link(found, "self"), link(found, "next")
    assert own is not None
    assert following is not None
    assert parse_qs(urlsplit(own).query) == {"code": [r"a\,b,4548-4"], "_count": ["2"]}
    assert own.startswith("http://testserver/fhir/Observation?")
    assert set(parse_qs(urlsplit(following).query)) == {"code", "_count", "_cursor"}


@pytest.mark.parametrize("cursor", ["x", "!!", "W10", "WzEsMiwzXQ", "ä", "A" * 5000, "W1tbW1tbW1tb"])
def test_a_cursor_that_is_none_of_ours_is_refused(db: None, cursor: str) -> None:
    with pytest.raises(BadRequest, match="_cursor"):
        bundle(f"Observation?_cursor={cursor}")


def test_a_cursor_of_another_order_is_refused(db: None) -> None:
    series(5)
    following = link(bundle("Observation?_count=2"), "next")
    assert following is not None
    with pytest.raises(BadRequest, match="_cursor"):
        bundle(f"{following}&_sort=date")


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "code=4548-4",
        "patient=p1&code=4548-4&date=ge2020&status=final",
        "patient=p1&_sort=-date&_total=accurate",
        "_sort=value-quantity,_id",
        "_count=0",
    ],
)
def test_a_page_takes_one_statement_however_many_resources_it_has(db: None, asked: str) -> None:
    series(12)
    for access in (of_patients("p1"), of_patients("p1", "p2")):
        with CaptureQueriesContext(
            connection,
        ) as statements:
            bundle(f"Observation?{asked}", access)
        assert len(statements) == 1


def test_the_text_of_the_statement_depends_on_the_shape_of_the_query_only(db: None) -> None:
    texts = set()
    for code, who in (("4548-4", "p1"), ("2339-0", "p2")):
        seen: list[str] = []

        def watch(execute, sql, params, many, context, seen=seen):  # type: ignore[no-untyped-def]
            seen.append(sql)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(watch):
            bundle(f"Observation?code={code}&patient={who}", of_patients(who))
        texts.add(tuple(seen))
    assert len(texts) == 1


def test_a_stored_resource_comes_out_to_the_byte(db: None) -> None:
    put(lab("exact", valueQuantity={"value": 1.50}, code=coded(("", 'quote " and ü'))))
    assert entries(bundle("Observation"), "match")[0]["code"]["coding"][0]["code"] == 'quote " and ü'
    assert bundle("Observation")["entry"][0]["fullUrl"] == "http://testserver/fhir/Observation/exact"
