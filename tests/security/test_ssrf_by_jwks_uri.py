"""Attacks by the address of a client's key set: making this server call, or tell about, what is inside its
own network.
"""

import socket
from ipaddress import ip_network
from typing import Any

import pytest
from pytest_django import Settings

from oauth.models import FetchedKeySet
from tests.oauth.references import plain
from tests.oauth.services import Service, ec_key, make_service

pytestmark = pytest.mark.django_db
URL = "https://keys.example.org/jwks.json"
PUBLIC = "93.184.215.14"


class Network:
    """Stands for resolver and sockets: every name has the next of these addresses, and nobody is at home."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.called: list[str] = []
        self._answers = list(answers)
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)
        monkeypatch.setattr(socket, "create_connection", self._call)

    def _resolve(self, name: str, port: int, **kwargs: Any) -> list[Any]:
        addresses = self._answers.pop(0)
        if not addresses:
            raise socket.gaierror("no such name")
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    def _call(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self.called.append(address[0])
        raise ConnectionRefusedError


@pytest.fixture(autouse=True)
def strict(settings: Settings) -> None:
    settings.ALLOW_INSECURE_CLIENT_URLS = False


@pytest.fixture
def service() -> Service:
    return make_service(client_jwks="", client_jwks_uri=URL)


def refused(service: Service, **proof: Any) -> Any:
    answer = service.ask_token(**service.proof(**proof))
    assert answer.status_code == 401
    return answer.json()


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["169.254.169.254"], ["10.0.0.5"], ["::1"], ["::ffff:10.0.0.5"], [PUBLIC, "192.168.0.1"]],
)
def test_a_name_that_leads_inside_is_never_called(
    service: Service, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    network = Network(monkeypatch, addresses)
    refused(service)
    assert network.called == []


@pytest.mark.parametrize(
    ("addresses", "called"),
    [
        (["10.20.7.7"], ["10.20.7.7"]),
        (["::ffff:10.20.7.7"], ["::ffff:10.20.7.7"]),
        (["fd00:20::7"], ["fd00:20::7"]),
        ([PUBLIC], [PUBLIC]),
        (["10.21.0.1"], []),
        (["127.0.0.1"], []),
        (["169.254.169.254"], []),
        (["fd00:21::7"], []),
        (["fd00:20::7%eth0"], []),
        (["10.20.7.7", "10.21.0.1"], []),
    ],
)
def test_of_networks_inside_only_those_of_the_settings_are_called(
    service: Service,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    addresses: list[str],
    called: list[str],
) -> None:
    settings.JWKS_URI_NETWORKS = [ip_network("10.20.0.0/16"), ip_network("fd00:20::/32")]
    network = Network(monkeypatch, addresses)
    refused(service)
    assert network.called == called


@pytest.mark.parametrize("url", ["http://keys.example.org/", "https://localhost/", "https://127.0.0.1/"])
def test_in_networks_of_the_settings_too_keys_are_fetched_by_https_from_others(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    settings.JWKS_URI_NETWORKS = [ip_network("0.0.0.0/0")]
    network = Network(monkeypatch)
    refused(make_service(client_jwks="", client_jwks_uri=url))
    assert network.called == []


def test_a_name_that_changes_its_mind_between_judging_and_calling_gains_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(monkeypatch, [PUBLIC], ["127.0.0.1"])
    refused(service)
    assert network.called == [PUBLIC]


def test_the_answer_does_not_tell_what_is_there(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    for addresses in (["127.0.0.1"], ["10.0.0.5"], [PUBLIC], []):
        FetchedKeySet.objects.all().delete()
        Network(monkeypatch, addresses)
        told.append(plain(str(refused(service))))
    assert all(one == told[0] for one in told)


@pytest.mark.parametrize(
    "jku", ["http://169.254.169.254/latest/meta-data/", "https://localhost/", f"{URL}#x"]
)
def test_a_header_cannot_name_another_address(
    service: Service, monkeypatch: pytest.MonkeyPatch, jku: str
) -> None:
    network = Network(monkeypatch)
    assert "jku" in refused(service, headers={"jku": jku})["error_description"]
    assert network.called == []


@pytest.mark.parametrize(
    "url",
    [
        "http://keys.example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_x",
        "https://a@b/",
        "//x/y",
        "x",
    ],
)
def test_an_address_that_slipped_into_the_table_is_judged_again_when_it_is_used(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    network = Network(monkeypatch)
    refused(make_service(client_jwks="", client_jwks_uri=url))
    assert network.called == []


def test_requests_that_prove_nothing_make_the_server_call_once_and_no_more(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(monkeypatch, [PUBLIC])
    service.private = ec_key(7)
    for _ in range(10):
        refused(service)
    assert network.called == [PUBLIC]


def test_what_is_refused_by_its_own_words_makes_nobody_call(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network(monkeypatch)
    refused(service, aud="https://elsewhere.example/token")
    refused(service, exp=1)
    assert network.called == []
    assert not FetchedKeySet.objects.exists()
