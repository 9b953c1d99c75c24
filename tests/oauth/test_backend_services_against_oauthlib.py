"""client_credentials is answered without oauthlib: here both are asked, and must say the same."""

import json
from typing import Any

import pytest
from django.utils.http import urlencode
from oauthlib.oauth2 import BackendApplicationServer, RequestValidator

from oauth.models import Application
from tests.oauth.services import Service, make_service

pytestmark = pytest.mark.django_db


class Rules(RequestValidator):  # type: ignore[misc]  # oauthlib ships no types
    """oauthlib's hooks with the plainest answers: no narrowing, all or nothing."""

    def __init__(self, known: Application | None) -> None:
        super().__init__()
        self.known = known

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        request.client = self.known
        return self.known is not None

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        return bool(client.may_use_grant(grant_type))

    def get_default_scopes(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> list[str]:
        return []

    def validate_scopes(
        self, client_id: str, scopes: list[str], client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        return bool(scopes) and set(scopes) <= set(client.scope.split())

    def save_bearer_token(self, token: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing is kept."""


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    # what is registered, what is asked, whether the proof is good
    "granted": ({}, {"scope": "system/*.rs"}, True),
    "several scopes": ({"scope": "system/Patient.rs system/Group.r"}, {"scope": "system/Group.r"}, True),
    "a scope that is not registered": ({"scope": "system/Patient.rs"}, {"scope": "system/Group.rs"}, True),
    "no scope": ({}, {}, True),
    "another grant type": ({"grant_types": ["authorization_code"]}, {"scope": "system/*.rs"}, True),
    "a bad proof": ({}, {"scope": "system/*.rs"}, False),
}


def by_oauthlib(service: Service, form: dict[str, Any], is_proven: bool) -> tuple[int, dict[str, Any], Any]:
    server = BackendApplicationServer(
        Rules(service.application if is_proven else None),
        token_generator=lambda request: "x.y.z",
        token_expires_in=300,
    )
    body = urlencode({"grant_type": "client_credentials", **form})
    headers, answer, status = server.create_token_response("https://cdr.example.org/token", "POST", body)
    return status, json.loads(answer), headers


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6749#section-4.4")
@pytest.mark.parametrize("case", CASES)
def test_the_answer_is_the_one_that_oauthlib_gives(case: str) -> None:
    registered, asked, is_proven = CASES[case]
    service = make_service(**{"scope": "system/*.rs", **registered})
    status, expected, headers = by_oauthlib(service, asked, is_proven)
    proof = service.proof() if is_proven else service.proof("x.y.z")
    answer = service.ask_token(**{"scope": None, **asked, **proof})
    told = answer.json()
    assert answer.status_code == status
    assert told.get("error") == expected.get("error")
    assert set(told) - {"error_description"} == set(expected) - {"error_description"}
    for name in ("token_type", "expires_in", "scope"):
        assert told.get(name) == expected.get(name)
    for name in ("Cache-Control", "Pragma"):
        assert answer[name] == headers[name]
