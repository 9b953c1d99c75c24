"""Callers for tests of the FHIR API: an authenticator that hands out the Access a test has made."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpRequest
from django.test import Client, override_settings

from fhir.access import EVERYTHING, Access, Guard, Rule
from fhir.outcome import FhirError

_AUTHENTICATION = {"DEFAULT_AUTHENTICATION_CLASSES": ["tests.fhir.callers.CallerAuthentication"]}
_accesses: dict[str, Access] = {}
_lock = threading.Lock()
_requests = 0
_settings = override_settings(REST_FRAMEWORK=_AUTHENTICATION)


@contextmanager
def callers_are_known() -> Iterator[None]:
    """The settings under which callers are known, as long as any thread needs them.

    Threads that each overrode the settings would restore each other's, and leave them behind for good.
    """
    global _requests
    with _lock:
        if _requests == 0:
            _settings.enable()
        _requests += 1
    try:
        yield
    finally:
        with _lock:
            _requests -= 1
            if _requests == 0:
                _settings.disable()


class CallerAuthentication:
    """Knows the callers that tests made, by a number in the Authorization header."""

    def authenticate(self, request: HttpRequest) -> tuple[str, Access] | None:
        """The Access of this caller, None without the header."""
        header = request.headers.get("Authorization")
        return None if header is None else ("", _accesses[header])

    def authenticate_header(self, request: HttpRequest) -> str:
        """The challenge of a 401."""
        return 'Bearer realm="test"'


class Caller:
    """A client of the FHIR API with one Access."""

    def __init__(self, access: Access) -> None:
        self.header = f"Caller {len(_accesses)}"
        _accesses[self.header] = access
        self.client = Client()

    @classmethod
    def anonymous(cls) -> Caller:
        """A client that sends no Authorization header."""
        caller = cls(EVERYTHING)
        caller.header = ""
        return caller

    @classmethod
    def lapsing(cls, sql: str, error: FhirError | None, times: int = 1) -> Caller:
        """A caller whose guard is this SQL; renewed so many times, the Access has none, or there is this
        error instead."""

        def access(left: int) -> Access:
            if left:
                return Access(EVERYTHING.rules, guard=Guard(sql, (), lambda: access(left - 1)))
            if error is not None:
                raise error
            return EVERYTHING

        return cls(access(times))

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The response to a request below the FHIR base (a path from / on is taken as it is). A body is sent
        as FHIR's JSON, bytes as they are."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        kind = headers.pop("content_type", "application/fhir+json")
        known = {"Authorization": self.header} if self.header else {}
        sent = {**known, **{name.replace("_", "-"): value for name, value in headers.items()}}
        with callers_are_known():
            return self.client.generic(
                method, path if path.startswith("/") else f"/fhir/{path}", data, kind, headers=sent
            )

    def get(self, path: str, **headers: str) -> Any:
        """GET."""
        return self.send("GET", path, **headers)

    def create(self, resource: dict[str, Any]) -> dict[str, Any]:
        """The resource as it was stored by a create, which must succeed."""
        response = self.send("POST", resource["resourceType"], resource)
        assert response.status_code == 201, response.content
        stored: dict[str, Any] = response.json()
        return stored


def everyone() -> Caller:
    """A caller who may do everything."""
    return Caller(EVERYTHING)


def for_patients(
    *patients: str, letters: str = "cruds", types: frozenset[str] | None = None, own: str = ""
) -> Caller:
    """A caller with a rule for these patients' ids."""
    return Caller(Access((Rule(types, frozenset(letters), frozenset(patients)),), own=own))
