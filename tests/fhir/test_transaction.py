"""transaction: order, references, conditions, and all or nothing."""

from typing import Any

import pytest
from django.conf import settings as site

from fhir.models import Resource
from tests.fhir.callers import Caller, for_patients

Entry = dict[str, Any]


def _entry(method: str, url: str, resource: dict[str, Any] | None = None, **more: Any) -> Entry:
    """An entry; `fullUrl` goes to the entry, everything else to its request."""
    entry: Entry = {"request": {"method": method, "url": url}}
    if "fullUrl" in more:
        entry["fullUrl"] = more.pop("fullUrl")
    entry["request"].update(more)
    return entry if resource is None else {**entry, "resource": resource}


def _patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **more}


def _observation(subject: str, **more: Any) -> dict[str, Any]:
    facts = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    return {**facts, "subject": {"reference": subject}, **more}


def _send(caller: Caller, *entries: Entry, **headers: str) -> Any:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
    return caller.send("POST", "", bundle, **headers)


def _address(answer: dict[str, Any]) -> str:
    """Type/id of what an entry's response says it wrote."""
    location: str = answer["response"]["location"]
    return "/".join(location.removeprefix(f"{site.FHIR_BASE}/").split("/")[:2])


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#transaction-response")
def test_each_entry_is_answered_in_the_order_of_the_request(api: Caller) -> None:
    api.send("PUT", "Patient/old", _patient(id="old"))
    api.send("PUT", "Patient/bad", _patient(id="bad"))
    response = _send(
        api,
        _entry("GET", "Patient/new"),
        _entry("PUT", "Patient/new", _patient(id="new")),
        _entry("PUT", "Patient/old", _patient(id="old", active=True)),
        _entry("POST", "Patient", _patient()),
        _entry("DELETE", "Patient/bad"),
    )
    assert response.status_code == 200
    bundle = response.json()
    assert bundle["type"] == "transaction-response"
    answers = bundle["entry"]
    assert [answer["response"]["status"][:3] for answer in answers] == ["200", "201", "200", "201", "204"]
    assert answers[0]["resource"]["id"] == "new"
    assert [answer["response"]["etag"] for answer in answers] == [f'W/"{n}"' for n in (1, 1, 2, 1, 2)]
    assert all("lastModified" in answer["response"] for answer in answers)
    assert _address(answers[1]) == "Patient/new"
    assert "resource" not in answers[1]
    assert api.get(_address(answers[3])).status_code == 200
    assert api.get("Patient/bad").status_code == 410


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#trules")
def test_references_follow_a_resource_to_its_new_id(api: Caller) -> None:
    urn = "urn:uuid:0b3e1f6e-3c1b-4a0e-9f3a-2f8f9c1d2e3f"
    narrative = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{urn}">she</a> wrote {urn}</div>'
    response = _send(
        api,
        _entry(
            "POST",
            "Observation",
            _observation(
                urn,
                text={"status": "generated", "div": narrative},
                note=[{"text": urn, "authorReference": {"reference": urn}}],
                extension=[{"url": "http://example.org/e", "valueUri": urn}],
                identifier=[{"system": "urn:ietf:rfc:3986", "value": urn}],
            ),
        ),
        _entry("POST", "Patient", _patient(), fullUrl=urn),
    )
    observation = api.get(_address(response.json()["entry"][0])).json()
    place = _address(response.json()["entry"][1])
    assert observation["subject"]["reference"] == place
    assert observation["note"] == [{"text": urn, "authorReference": {"reference": place}}]
    assert observation["extension"][0]["valueUri"] == place
    assert observation["identifier"][0]["value"] == urn
    assert f'<a href="{place}">she</a> wrote {urn}' in observation["text"]["div"]


@pytest.mark.requirement("https://hl7.org/fhir/R4/bundle.html#references")
def test_absolute_and_relative_references_within_the_bundle_are_followed(api: Caller) -> None:
    base = "https://elsewhere.example/fhir"
    response = _send(
        api,
        _entry("POST", "Patient", _patient(), fullUrl=f"{base}/Patient/7"),
        _entry("POST", "Observation", _observation("Patient/7"), fullUrl=f"{base}/Observation/1"),
        _entry("POST", "Observation", _observation(f"{base}/Patient/7"), fullUrl="urn:uuid:" + "1" * 8),
        _entry(
            "POST", "Observation", _observation("Patient/7"), fullUrl="https://third.example/Observation/1"
        ),
    )
    addresses = [_address(answer) for answer in response.json()["entry"]]
    subjects = [api.get(address).json()["subject"]["reference"] for address in addresses[1:]]
    assert subjects == [addresses[0], addresses[0], "Patient/7"]


def test_a_reference_to_an_entry_that_is_not_there_is_refused(api: Caller) -> None:
    response = _send(api, _entry("POST", "Observation", _observation("urn:uuid:nowhere")))
    assert response.status_code == 400
    assert response.json()["issue"][0]["expression"] == ["Bundle.entry[0].resource.subject.reference"]


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#trules")
def test_a_conditional_reference_becomes_the_one_match(api: Caller) -> None:
    doctor = {"resourceType": "Practitioner", "identifier": [{"system": "urn:npi", "value": "1"}]}
    stored = api.create(doctor)
    given = _observation("Patient/1", performer=[{"reference": "Practitioner?identifier=urn:npi|1"}] * 2)
    under_base = f"{site.FHIR_BASE}/Practitioner?identifier=urn:npi%7C1"
    other = _observation("Patient/1", performer=[{"reference": under_base}])
    response = _send(api, _entry("POST", "Observation", given), _entry("POST", "Observation", other))
    assert response.status_code == 200, response.content
    for answer in response.json()["entry"]:
        for performer in api.get(_address(answer)).json()["performer"]:
            assert performer["reference"] == f"Practitioner/{stored['id']}"


@pytest.mark.parametrize(
    ("reference", "status"),
    [
        ("Practitioner?identifier=urn:npi|none", 412),
        ("Practitioner?identifier=urn:npi|twice", 412),
        ("Practitioner?family=Twice", 412),
        ("Practitioner?shoe-size=43", 400),
        ("Practitioner?_count=1", 400),
        ("Practitioner?", 422),
    ],
)
def test_a_conditional_reference_without_one_match_stops_all(
    api: Caller, reference: str, status: int
) -> None:
    for _ in range(2):
        api.create(
            {
                "resourceType": "Practitioner",
                "name": [{"family": "Twice"}],
                "identifier": [{"system": "urn:npi", "value": "twice"}],
            }
        )
    before = Resource.objects.count()
    given = _observation("Patient/1", performer=[{"reference": reference}])
    response = _send(api, _entry("POST", "Patient", _patient()), _entry("POST", "Observation", given))
    assert response.status_code == status
    if status == 412:
        assert response.json()["issue"][0]["expression"] == [
            "Bundle.entry[1].resource.performer[0].reference"
        ]
    assert Resource.objects.count() == before


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#ccreate")
def test_if_none_exist_points_references_to_what_is_there(api: Caller) -> None:
    named = _patient(identifier=[{"system": "urn:x", "value": "1"}])
    stored = api.create(named)
    urn = "urn:uuid:0b3e1f6e-3c1b-4a0e-9f3a-2f8f9c1d2e3f"
    response = _send(
        api,
        _entry("POST", "Patient", named, fullUrl=urn, ifNoneExist="identifier=urn:x|1"),
        _entry("POST", "Observation", _observation(urn)),
    )
    answers = response.json()["entry"]
    assert answers[0]["response"]["status"] == "200 OK"
    assert _address(answers[0]) == f"Patient/{stored['id']}"
    assert api.get(_address(answers[1])).json()["subject"]["reference"] == f"Patient/{stored['id']}"


def test_what_the_transaction_deletes_does_not_count_as_existing(api: Caller) -> None:
    named = _patient(identifier=[{"system": "urn:x", "value": "1"}])
    stored = api.create(named)
    response = _send(
        api,
        _entry("POST", "Patient", named, ifNoneExist="identifier=urn:x|1"),
        _entry("DELETE", f"Patient/{stored['id']}"),
    )
    assert [answer["response"]["status"][:3] for answer in response.json()["entry"]] == ["201", "204"]


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (_entry("POST", "Patient", _patient(gender="x")), 422),
        (_entry("POST", "Patient", _observation("Patient/1")), 422),
        (_entry("PUT", "Patient/b", _patient(id="c")), 400),
        (_entry("PUT", "Patient/b", _patient(id="b"), ifMatch='W/"4"'), 412),
        (_entry("DELETE", "Patient/nobody"), 404),
        (_entry("GET", "Patient/nobody"), 404),
        (_entry("POST", "Patient"), 400),
        (_entry("GET", "Patient", _patient()), 400),
        (_entry("POST", "Patient/b", _patient()), 400),
        (_entry("PUT", "Patient", _patient(id="b")), 400),
        (_entry("POST", "Nothing", _patient()), 400),
        (_entry("GET", "https://elsewhere.example/Patient/1"), 400),
        (_entry("PATCH", "Patient/b", _patient()), 422),
        (_entry("PUT", "Patient/b?identifier=1", _patient(id="b")), 400),
        (_entry("PUT", "Patient?nothing=1", _patient()), 400),
        (_entry("SING", "Patient"), 422),
        ({"resource": _patient()}, 400),
    ],
)
def test_one_bad_entry_stops_all_and_is_named(api: Caller, bad: Entry, status: int) -> None:
    response = _send(api, _entry("POST", "Patient", _patient()), bad)
    assert response.status_code == status, response.content
    places = [place for issue in response.json()["issue"] for place in issue["expression"]]
    assert places
    assert all(place.startswith("Bundle.entry[1]") for place in places)
    assert Resource.objects.count() == 0


@pytest.mark.requirement("https://hl7.org/fhir/R4/http.html#trules")
@pytest.mark.parametrize(
    "twice",
    [
        (
            _entry("PUT", "Patient/a", _patient(id="a")),
            _entry("PUT", "Patient/a", _patient(id="a", active=True)),
        ),
        (_entry("PUT", "Patient/a", _patient(id="a")), _entry("DELETE", "Patient/a")),
        (_entry("POST", "Patient", _patient(), fullUrl="urn:uuid:a"),) * 2,
    ],
)
def test_a_transaction_names_each_resource_once(api: Caller, twice: tuple[Entry, Entry]) -> None:
    response = _send(api, *twice)
    assert response.status_code == 400
    assert response.json()["issue"][0]["code"] == "duplicate"
    assert Resource.objects.count() == 0


@pytest.mark.parametrize(
    ("wish", "key"), [("return=representation", "resource"), ("return=OperationOutcome", "outcome")]
)
def test_prefer_says_what_the_answers_carry(api: Caller, wish: str, key: str) -> None:
    response = _send(api, _entry("POST", "Patient", _patient(active=True)), Prefer=wish)
    (answer,) = response.json()["entry"]
    if key == "resource":
        assert answer["resource"]["active"] is True
        assert answer["fullUrl"] == f"{site.FHIR_BASE}/{_address(answer)}"
    else:
        assert answer["response"]["outcome"]["resourceType"] == "OperationOutcome"


def test_searches_see_what_the_transaction_wrote(api: Caller) -> None:
    response = _send(
        api,
        _entry("GET", "Patient?family=Byron"),
        _entry("POST", "Patient", _patient(name=[{"family": "Byron"}])),
    )
    assert response.json()["entry"][0]["resource"]["total"] == 1


def test_an_empty_transaction_is_answered_by_an_empty_one(api: Caller) -> None:
    assert api.send("POST", "", {"resourceType": "Bundle", "type": "transaction"}).json() == {
        "resourceType": "Bundle",
        "type": "transaction-response",
    }


@pytest.mark.parametrize("kind", ["searchset", "collection", "history"])
def test_other_bundles_are_refused_at_the_base(api: Caller, kind: str) -> None:
    response = api.send("POST", "", {"resourceType": "Bundle", "type": kind})
    assert response.status_code == 400
    assert response.json()["issue"][0]["expression"] == ["Bundle.type"]


def test_what_is_no_bundle_is_refused_at_the_base(api: Caller) -> None:
    assert api.send("POST", "", _patient()).status_code == 422


@pytest.mark.requirement(
    "https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html#batches-and-transactions"
)
def test_a_scope_that_lacks_one_entrys_right_stops_the_transaction(api: Caller) -> None:
    mine = api.create(_patient())["id"]
    caller = for_patients(mine, letters="rs")
    before = Resource.objects.count()
    response = _send(
        caller,
        _entry("GET", f"Patient/{mine}"),
        _entry("POST", "Observation", _observation(f"Patient/{mine}")),
    )
    assert response.status_code == 403
    assert response.json()["issue"][0]["expression"] == ["Bundle.entry[1]"]
    assert Resource.objects.count() == before
