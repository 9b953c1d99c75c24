"""The searchable list of patients."""

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import User
from fhir.access import EVERYTHING
from fhir.exchange import Request
from fhir.interactions.delete import delete
from tests.launch.conftest import patient, put


@pytest.fixture
def listed(client: Client, clinician: User, app: Any, records: None) -> Any:
    """Ask for the clinician's list with these parameters; get the names on it."""
    client.force_login(clinician)

    def ask(**parameters: str) -> list[str]:
        response = client.get(f"/launch/{app.pk}/", parameters)
        assert response.status_code == 200
        return [one.name for one in response.context["found"].patients]

    return ask


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("", ["Amy Shaw", "Ben Stone", "Cleo Zander"]),
        ("s", ["Amy Shaw", "Ben Stone"]),
        ("SHAW", ["Amy Shaw"]),
        ("amy sh", ["Amy Shaw"]),
        ("amy stone", []),
        ("1987-05-23", ["Amy Shaw"]),
        ("1950", ["Ben Stone"]),
        ("shaw 1987-05", ["Amy Shaw"]),
        ("shaw 1950", []),
        ("MRN-77", ["Amy Shaw"]),
        ("1987-02-31", []),
        ("0000", []),
        ("nobody", []),
    ],
)
def test_patients_are_found_by_name_birth_date_and_identifier(
    listed: Any, words: str, names: list[str]
) -> None:
    assert listed(q=words) == names


def test_a_patient_is_found_by_id(listed: Any) -> None:
    put(patient("p-4711", "Young", "Dora"))
    assert listed(q="p-4711") == ["Dora Young"]


@pytest.mark.parametrize(
    "words", ["\\", ",", "a,b", "a|b", "$", "%", "_", "'", '"', "&_id=ben", "žž", "—", "\u200b", "1,2", "\\9"]
)
def test_odd_characters_are_words_like_others(listed: Any, words: str) -> None:
    assert listed(q=words) == []


def test_every_patient_is_on_exactly_one_page(client: Client, listed: Any, app: Any) -> None:
    for number in range(40):
        put(patient(f"many-{number}", f"Family{number % 7}", "Some"))
    seen: list[str] = []
    address = f"/launch/{app.pk}/"
    while address:
        response = client.get(address)
        seen += [one.id for one in response.context["found"].patients]
        following = re.search(r'rel="next" href="([^"]+)"', response.content.decode())
        address = f"/launch/{app.pk}/{following[1]}".replace("&amp;", "&") if following else ""
    assert len(seen) == 43
    assert len(set(seen)) == 43


def test_a_page_that_never_was_is_400(client: Client, listed: Any, app: Any) -> None:
    for page in ("x", "AAAA", "a" * 500, "{}"):
        assert client.get(f"/launch/{app.pk}/", {"page": page}).status_code == 400


def test_a_search_longer_than_any_name_is_400(client: Client, listed: Any, app: Any) -> None:
    assert client.get(f"/launch/{app.pk}/", {"q": "a" * 101}).status_code == 400


def test_the_search_is_escaped(client: Client, listed: Any, app: Any) -> None:
    page = client.get(f"/launch/{app.pk}/", {"q": '"><script>alert(1)</script>'}).content.decode()
    assert "<script>alert" not in page


def test_a_deleted_patient_is_not_listed(listed: Any) -> None:
    for name in ("amy-1", "amy-2"):
        delete(Request(EVERYTHING, type="Encounter", id=name))
    delete(Request(EVERYTHING, type="Patient", id="amy"))
    assert listed() == ["Ben Stone", "Cleo Zander"]


def test_under_careteam_access_clinicians_find_their_own_patients_only(
    listed: Any, settings: Settings
) -> None:
    settings.CLINICIAN_ACCESS = "careteam"
    assert listed() == ["Cleo Zander"]
    assert listed(q="shaw") == []
    assert listed(q="MRN-77") == []


@pytest.mark.parametrize("number", ["0", "999", "9" * 30])
def test_an_app_that_is_not_there_is_404(client: Client, listed: Any, number: str) -> None:
    assert client.get(f"/launch/{number}/").status_code == 404
    assert client.get(f"/launch/{number}/amy/").status_code == 404
