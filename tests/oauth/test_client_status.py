"""A client's status at every door, from the next request on; and what was dead stays dead."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client as Browser

from oauth.clients import status as client_status
from oauth.models import AccessToken, Application, AuthorizationRequest, Grant, RefreshToken
from oauth.tokens.liveness import alive
from tests.fhir.records import patient
from tests.fhir.search.shelf import put
from tests.oauth.flow import Flow, answer_of, basic, make_client, make_user
from tests.oauth.issuing import issue, issue_refresh, make_key
from tests.oauth.services import make_service, post

pytestmark = pytest.mark.django_db

SCOPE = "openid fhirUser launch offline_access patient/*.rs"
DEAD = ["draft", "suspended", "retired"]


@dataclass
class Doors:
    """A confidential app in use: it holds tokens, a code, and a request that waits at the consent page."""

    client: Application
    secret: str
    flow: Flow
    tokens: dict[str, Any]
    code: str
    page: Any
    other: dict[str, str]

    def authorize(self) -> bool:
        """Whether an authorization can be begun."""
        flow = Flow(self.client, self.flow.user, SCOPE)
        return bool(flow.authorize(prompt="consent").status_code == 200)

    def consent(self) -> bool:
        """Whether the request that waits can be gone on with."""
        answer: Any = self.flow.browser.post(
            self.page.request["PATH_INFO"], {"decision": "allow", "scope": SCOPE.split()}
        )
        return answer.status_code == 302 and "code=" in answer["Location"]

    def token(self) -> bool:
        """Whether the code is exchanged."""
        return bool(self.flow.exchange(self.code).status_code == 200)

    def refresh(self) -> bool:
        """Whether the refresh token gives new tokens."""
        return bool(self.flow.refresh(self.tokens["refresh_token"]).status_code == 200)

    def client_credentials(self) -> bool:
        """Whether a service of this status gets a token for itself."""
        return bool(make_service(status=self.client.status).ask_token().status_code == 200)

    def fhir(self) -> bool:
        """Whether the access token reads."""
        return bool(self._get("/fhir/Patient/p1").status_code == 200)

    def userinfo(self) -> bool:
        """Whether the access token tells who signed in."""
        return bool(self._get("/oauth/userinfo").status_code == 200)

    def introspection_of_its_token(self) -> bool:
        """Whether somebody else hears that the access token is alive."""
        answer: Any = post("/oauth/introspect", {"token": self.tokens["access_token"]}, self.other)
        return bool(answer.json()["active"])

    def introspection_by_itself(self) -> bool:
        """Whether it may ask about tokens."""
        own = {"Authorization": basic(self.client.client_id, self.secret)}
        return post("/oauth/introspect", {"token": "x"}, own).status_code == 200

    def gallery(self) -> bool:
        """Whether the portal shows it."""
        return "Lab Viewer" in self.flow.browser.get("/launch/").content.decode()

    def launch(self) -> bool:
        """Whether the portal opens it."""
        return bool(self.flow.browser.get(f"/launch/{self.client.pk}/p1/").status_code == 200)

    def preflight(self) -> bool:
        """Whether its pages may call from a browser."""
        headers = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "POST"}
        return "Access-Control-Allow-Origin" in Browser().options("/oauth/token", headers=headers)

    def _get(self, path: str) -> Any:
        return Browser().get(path, headers={"Authorization": f"Bearer {self.tokens['access_token']}"})


EACH: dict[str, Callable[[Doors], bool]] = {
    name: door for name, door in vars(Doors).items() if callable(door) and name[0] != "_"
}
# What lasts: these doors are open again to a client that is live again.
ANEW = {"authorize", "client_credentials", "introspection_by_itself", "gallery", "launch", "preflight"}


@pytest.fixture
def doors() -> Doors:
    put(patient("p1"))
    user = make_user("Patient/p1")
    app = {"launch_url": "https://app.example.org/launch", "allowed_origins": "https://app.example.org"}
    client, secret = make_client(SCOPE, confidential=True, introspection="own", **app)
    other, others = make_client(confidential=True, name="Somebody else", introspection="any")
    flow = Flow(client, user, SCOPE, secret)
    tokens: Any = flow.exchange(flow.code())
    page = flow.authorize(prompt="consent")
    code = answer_of(flow.decide(flow.authorize(prompt="consent")))["code"]
    told = {"Authorization": basic(other.client_id, others)}
    return Doors(client, secret, flow, tokens.json(), code, page, told)


def give(client: Application, status: str) -> None:
    client.status = status
    client_status.save(client)


@pytest.mark.requirement("SMART-18")
@pytest.mark.parametrize("door", EACH)
def test_a_live_client_comes_through_every_door(doors: Doors, door: str) -> None:
    assert EACH[door](doors)


@pytest.mark.parametrize("status", DEAD)
@pytest.mark.parametrize("door", EACH)
def test_another_status_closes_each_door_from_the_next_request_on(
    doors: Doors, door: str, status: str
) -> None:
    doors.fhir()  # what is kept of a token that was just seen must not open a door
    give(doors.client, status)
    assert not EACH[door](doors)


@pytest.mark.parametrize("status", DEAD)
@pytest.mark.parametrize("door", EACH)
def test_another_status_closes_each_door_however_it_got_there(doors: Doors, door: str, status: str) -> None:
    doors.fhir()
    Application.objects.filter(pk=doors.client.pk).update(status=status)
    doors.client.status = status
    assert not EACH[door](doors)


@pytest.mark.parametrize("status", ["draft", "suspended"])
@pytest.mark.parametrize("door", EACH)
def test_going_live_again_revives_nothing(doors: Doors, door: str, status: str) -> None:
    give(doors.client, status)
    give(doors.client, "live")
    assert EACH[door](doors) == (door in ANEW)


def test_a_token_that_was_being_issued_at_the_moment_of_suspension_dies_with_the_way_back() -> None:
    client, _ = make_client()
    client_status.change(Application.objects.filter(pk=client.pk), "suspended")
    late = issue(make_key(), make_user("Practitioner/p"), client, scope="user/*.rs")
    issue_refresh(late)
    client_status.change(Application.objects.filter(pk=client.pk), "live")
    assert not alive(AccessToken.objects.all()).exists()
    assert not alive(RefreshToken.objects.all()).exists()


def test_a_change_ends_codes_and_open_requests_of_these_clients_alone(doors: Doors) -> None:
    bystander, _ = make_client()
    other = Flow(bystander, make_user("Patient/p1"))
    page = other.authorize()
    assert client_status.change(Application.objects.filter(pk=doors.client.pk), "suspended") == (1, 2)
    assert not Grant.objects.filter(application=doors.client, used__isnull=True).exists()
    assert not AuthorizationRequest.objects.filter(application=doors.client, finished__isnull=True).exists()
    assert other.exchange(answer_of(other.decide(page))["code"]).status_code == 200


def test_the_same_status_again_ends_nothing(doors: Doors) -> None:
    assert client_status.change(Application.objects.filter(pk=doors.client.pk), "live") == (0, 0)
    give(doors.client, "live")
    assert doors.fhir()
    assert doors.refresh()


def test_no_change_of_many_touches_a_retired_client() -> None:
    retired, _ = make_client(status="retired")
    assert client_status.change(Application.objects.all(), "live") == (0, 0)
    retired.refresh_from_db()
    assert retired.status == "retired"
