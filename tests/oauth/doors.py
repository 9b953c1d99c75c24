"""Every door that a token opens, and what each says of it: for tests of what ends tokens.

world = make_world(scope="openid fhirUser patient/*.rs offline_access")
assert world.open_doors() == EVERY_DOOR
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.test import Client as Browser

from accounts.models import Proxy, User
from oauth.models import Application
from oauth.tokens import lasting_ends
from tests.fhir.search.shelf import put
from tests.oauth.flow import Flow, basic, make_client, make_user
from tests.oauth.services import post

ACCESS_DOORS = frozenset({"read", "search", "userinfo", "introspect", "token/introspect"})
"""What an access token opens."""
REFRESH_DOORS = frozenset({"introspect refresh", "token/introspect refresh", "refresh"})
"""What a refresh token opens."""
EVERY_DOOR = ACCESS_DOORS | REFRESH_DOORS


@dataclass
class World:
    """An app with tokens of a person who is proxy for the patient p1, and a resource server that may ask."""

    flow: Flow
    code: str
    tokens: dict[str, Any]
    resource_server: Flow

    @property
    def client(self) -> Application:
        """The app."""
        return self.flow.application

    @property
    def user(self) -> User:
        """The person."""
        assert self.flow.user is not None
        return self.flow.user

    def open_access_doors(self) -> set[str]:
        """Which doors the access token opens. Those that are closed must say that the token is dead."""
        token = self.tokens["access_token"]
        doors = {
            "read": self._get("/fhir/Patient/p1"),
            "search": self._get("/fhir/Observation?patient=p1"),
            "userinfo": self._get("/oauth/userinfo"),
            "introspect": self.introspect(token, "/oauth/introspect"),
            "token/introspect": self.introspect(token, "/oauth/token/introspect"),
        }
        return {door for door, is_open in doors.items() if is_open}

    def open_refresh_doors(self, *, spend: bool = False) -> set[str]:
        """Which doors the refresh token opens; the refresh itself, which spends it, if `spend`."""
        token = self.tokens["refresh_token"]
        doors = {
            "introspect refresh": self.introspect(token, "/oauth/introspect"),
            "token/introspect refresh": self.introspect(token, "/oauth/token/introspect"),
            "refresh": spend and self._refreshes(token),
        }
        return {door for door, is_open in doors.items() if is_open}

    def open_doors(self) -> set[str]:
        """Every door that opens, after which the refresh token is spent."""
        return self.open_access_doors() | self.open_refresh_doors(spend=True)

    def introspect(self, token: str, path: str) -> bool:
        """Whether the endpoint calls the token active; if not, it says nothing else."""
        answer = post(path, {"token": token}, credentials(self.resource_server))
        told = answer.json()  # type: ignore[attr-defined]
        if not told["active"]:
            assert not any(told.values())
            assert answer.status_code == (404 if path.endswith("token/introspect") else 200)
        return bool(told["active"])

    def _get(self, path: str) -> bool:
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        answer = Browser().get(path, headers=headers)
        assert answer.status_code in (200, 401), (path, answer.content)
        assert answer.status_code == 200 or 'error="invalid_token"' in answer["WWW-Authenticate"]
        return bool(answer.status_code == 200)

    def _refreshes(self, token: str) -> bool:
        answer = self.flow.refresh(token)
        told = answer.json()  # type: ignore[attr-defined]
        # Only the client itself can be dead, and is then no client at all.
        assert answer.status_code == 200 or told["error"] in ("invalid_grant", "invalid_client"), told
        assert answer.status_code == 200 or "access_token" not in told
        return answer.status_code == 200


def credentials(of: Flow) -> dict[str, str]:
    """Headers that prove who the client is."""
    return {"Authorization": basic(of.application.client_id, of.secret)}


def make_world(scope: str = "openid fhirUser patient/*.rs offline_access", **person: Any) -> World:
    """Tokens that every door has seen once, so that whatever is kept of them is kept."""
    put({"resourceType": "Patient", "id": "p1"})
    user = make_user("RelatedPerson/r1", **person)
    Proxy.objects.create(user=user, patient="p1")
    client, secret = make_client(confidential=True, name="Lab Viewer")
    server, server_secret = make_client(confidential=True, introspection="any", name="Resource server")
    flow = Flow(client, user, scope=scope, secret=secret)
    code = flow.code(patient="p1")
    tokens = flow.exchange(code).json()  # type: ignore[attr-defined]
    world = World(flow, code, tokens, Flow(server, None, secret=server_secret))
    assert world.open_access_doors() == ACCESS_DOORS
    assert world.open_refresh_doors() == REFRESH_DOORS - {"refresh"}
    return world


@contextmanager
def unnoticed(table: str) -> Iterator[None]:
    """Changes to rows as time brings them about: without a trigger that notices."""
    connection.check_constraints()
    on = f" ON {table}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for name, cause in lasting_ends.CAUSES.items():
            if cause.table == table:
                cursor.execute(f"DROP TRIGGER ends_of_{name}{on}")
    yield
    connection.check_constraints()
    lasting_ends.install("default")
