"""An external EHR for tests: a backend client that may launch some apps.

ehr = make_ehr(app)
launch = ehr.launch(user="Practitioner/d1", patient="amy")
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.test import Client as Browser

from launch.models import LaunchContext
from oauth.models import Application
from tests.oauth.services import Service, make_service

SCOPE = "http://testserver/scopes/launch-context"
CONTEXTS = "/launch/contexts"


@dataclass
class Ehr:
    """The EHR's client, its token, and the app that it launches unless another is named."""

    service: Service
    app: Application
    headers: dict[str, str]

    def body(self, **changes: Any) -> dict[str, Any]:
        """What it says: the least that is needed, with these members changed; None takes one out."""
        told = {"client_id": self.app.client_id, "user": "Practitioner/d1", **changes}
        return {name: value for name, value in told.items() if value is not None}

    def ask(self, **changes: Any) -> Any:
        """The answer to a request for a launch."""
        return post(json.dumps(self.body(**changes)), self.headers)

    def launch(self, **changes: Any) -> LaunchContext:
        """A launch that it made."""
        answer = self.ask(**changes)
        assert answer.status_code == 201, answer.content
        return LaunchContext.objects.get(pk=answer.json()["launch"])


def make_ehr(app: Application, scope: str = SCOPE, **fields: Any) -> Ehr:
    """A live EHR that may launch the app, with a token of its own."""
    service = make_service(scope, name="Ward System", **fields)
    service.application.may_launch.add(app)
    return Ehr(service, app, service.bearer(SCOPE))


def post(body: str | bytes, headers: dict[str, str], content_type: str = "application/json") -> HttpResponse:
    """POST to /launch/contexts, with nothing of a browser's."""
    return Browser(enforce_csrf_checks=True).post(CONTEXTS, body, content_type=content_type, headers=headers)  # type: ignore[return-value]


def words(answer: Any) -> str:
    """What a refusal says, but for its reference code, which is another one each time."""
    return re.sub(r" \(reference [2-9A-Z]{8}\)", "", answer.content.decode())


def refusal(answer: Any) -> tuple[int, str, str]:
    """Status, error and the description's beginning: the name of what was wrong."""
    told = answer.json()
    assert set(told) == {"error", "error_description"}
    return answer.status_code, told["error"], told["error_description"].partition(":")[0]
