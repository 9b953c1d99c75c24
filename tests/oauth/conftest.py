"""What tests of the authorization server share."""

import pytest
from django.test import Client

from tests.launch.conftest import encounter, patient, put
from tests.oauth.clock import Clock
from tests.oauth.foreign import Other, observation, other_issuer, send
from tests.oauth.issuing import issue, make_key, make_user


@pytest.fixture
def staff(db: None) -> Client:
    """Somebody who may do everything in the console, signed in."""
    client = Client()
    client.force_login(make_user("", username="root", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that shows the real time until it is moved."""
    return Clock(monkeypatch)


@pytest.fixture
def clinic() -> None:
    """Two patients with an observation each, and the practitioner who made them."""
    token = issue(make_key(), make_user("Practitioner/keeper"), scope="user/*.cruds").token
    assert (
        send(token, "PUT", "Practitioner/p", {"resourceType": "Practitioner", "id": "p"}).status_code == 201
    )
    for each in ("a", "b"):
        person = {"resourceType": "Patient", "id": each}
        assert send(token, "PUT", f"Patient/{each}", person).status_code == 201
        written = observation(each, id=f"of-{each}")
        assert send(token, "PUT", f"Observation/of-{each}", written).status_code == 201


@pytest.fixture
def other() -> Other:
    """Another authorization server, whose tokens staff have let in."""
    return other_issuer()


@pytest.fixture
def records() -> None:
    """Amy, with an encounter, and Ben."""
    put(patient("amy", "Shaw", "Amy"))
    put(patient("ben", "Stone", "Ben"))
    put(encounter("amy-1", "amy", "2024-01-05"))
