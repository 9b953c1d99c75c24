"""An assertion counts once among servers that share a database, also when they are started anew."""

import json
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.fhir.serving import Reply, Server, at_once, serving
from tests.oauth.parallel import shared_database
from tests.oauth.services import Service, make_service

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("SMART-336")]
FORM = "application/x-www-form-urlencoded"
PATHS = ["/oauth/token", "/oauth/introspect", "/oauth/revoke"]
TIMES = 8


@pytest.fixture
def service() -> Service:
    return make_service()


@pytest.fixture
def database(service: Service, tmp_path: Path) -> str:
    """The address of a database that has the service, for processes of their own."""
    return shared_database(tmp_path)


def send(server: Server, path: str, proof: dict[str, Any]) -> Reply:
    form = (
        {"grant_type": "client_credentials", "scope": "system/*.rs"}
        if path.endswith("token")
        else {"token": "x"}
    )
    return server.send("POST", path, urlencode({**form, **proof}).encode(), Content_Type=FORM)


def show(servers: tuple[Server, Server], path: str, proof: dict[str, Any], number: int) -> int:
    """The status that one of the two answers with, each every other time."""
    return send(servers[number % 2], path, proof).status


def test_of_two_servers_that_are_shown_one_assertion_at_once_one_takes_it_and_a_restart_forgets_nothing(
    service: Service, database: str
) -> None:
    proofs = {path: service.proof() for path in PATHS}
    with serving(DATABASE_URL=database) as one, serving(DATABASE_URL=database) as other:
        for path, proof in proofs.items():
            replies = at_once(TIMES, partial(show, (one, other), path, proof))
            assert sorted(replies) == [200] + [401] * (TIMES - 1), path
    with serving(DATABASE_URL=database) as restarted:
        for proof in proofs.values():
            for path in PATHS:
                again = send(restarted, path, proof)
                assert again.status == 401
                assert "jti was used before" in json.loads(again.body)["error_description"]
        assert send(restarted, PATHS[0], service.proof()).status == 200
