"""Guessing codes, tokens and ids, and wearing the server out with made-up ones."""

import math
import string
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import cache
from django.utils import timezone

from launch.context import make_launch
from oauth.clients.secret_guesses import GUESSES
from oauth.clients.secrets import generate, slow_digest
from oauth.models import Application, AuthorizationRequest
from tests.oauth.flow import Flow, basic, make_client, make_user, post_token
from tests.oauth.services import post

pytestmark = pytest.mark.django_db
URL_SAFE = set(string.ascii_letters + string.digits + "-_")
BITS = 128
TRIES = 20
CHOSEN = "winter-2026"


def bits(text: str) -> float:
    """How many random bits fit into a text of URL-safe characters."""
    assert set(text) <= URL_SAFE
    return len(text) * math.log2(62)


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6749#section-10.10 (guessing credentials)")
@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6819#section-4.4.1.3 (guessing codes)")
def test_nothing_that_opens_a_door_can_be_guessed() -> None:
    app, _ = make_client(consent_policy="remember")
    person = make_user("Practitioner/d1")
    drawn: dict[str, list[str]] = {"code": [], "refresh token": [], "launch": [], "request": [], "secret": []}
    for _ in range(3):
        flow = Flow(app, person, scope="openid user/*.rs offline_access")
        drawn["code"].append(flow.code())
        tokens: Any = flow.exchange(drawn["code"][-1])
        drawn["refresh token"].append(tokens.json()["refresh_token"])
        drawn["launch"].append(make_launch(app, person).pk)
        drawn["secret"].append(generate())
    drawn["request"] = list(AuthorizationRequest.objects.values_list("pk", flat=True))
    for kind, texts in drawn.items():
        assert len(set(texts)) == len(texts) == 3, kind
        assert all(bits(text) >= BITS for text in texts), kind
        assert len({text[:4] for text in texts}) > 1, kind


def rows() -> int:
    """All that is kept but what staff are told of refusals, which stays."""
    kept = (model for model in apps.get_models() if model._meta.app_label != "audit")
    return sum(model._default_manager.count() for model in kept)


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6819#section-4.4.1.12 (made-up codes)")
def test_made_up_codes_and_tokens_leave_nothing_behind() -> None:
    app, _ = make_client()
    before = rows()
    for number in range(TRIES):
        made_up = f"{number:043d}"
        code = {"grant_type": "authorization_code", "code": made_up, "code_verifier": made_up}
        shared = {"client_id": app.client_id, "redirect_uri": "https://app.example.org/callback"}
        assert post_token({**code, **shared}).status_code == 400
        assert post_token({"grant_type": "refresh_token", "refresh_token": made_up}).status_code == 401
        assert post("/oauth/revoke", {"token": made_up, "client_id": app.client_id}).status_code == 200
    assert rows() == before


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6819#section-4.4.1.11 (exhausting resources)")
def test_requests_for_unknown_apps_or_addresses_leave_nothing_behind() -> None:
    app, _ = make_client()
    before = rows()
    flow = Flow(app, None)
    for number in range(TRIES):
        unknown = flow.parameters(client_id=f"app-{number}")
        assert flow.browser.get("/oauth/authorize", unknown).status_code == 400
        elsewhere = flow.parameters(redirect_uri=f"https://evil.example/{number}")
        assert flow.browser.get("/oauth/authorize", elsewhere).status_code == 400
        faulty = flow.parameters(aud="https://evil.example/fhir")
        assert flow.browser.get("/oauth/authorize", faulty).status_code == 302
    assert rows() == before


@pytest.fixture
def chosen_by_people() -> Application:
    """A client whose secret came along from another server."""
    cache.clear()
    client, _ = make_client(confidential=True)
    client.secrets.update(digest=slow_digest(CHOSEN))
    return client


def statuses(client: Application, guesses: list[str]) -> list[int]:
    """What the token endpoint says to these secrets: 401, or 400 for the rest of the request."""
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    sent = ({"Authorization": basic(client.client_id, guess)} for guess in guesses)
    return [post_token(form, headers).status_code for headers in sent]


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1 (guessing client passwords)")
def test_guesses_at_a_secret_that_somebody_chose_come_to_an_end(chosen_by_people: Application) -> None:
    guesses = [f"guess-{number}" for number in range(GUESSES)]
    assert statuses(chosen_by_people, [*guesses, CHOSEN]) == [401] * (GUESSES + 1)
    cache.clear()
    assert statuses(chosen_by_people, [CHOSEN]) == [400]


def test_guesses_of_others_keep_no_client_out_that_works(chosen_by_people: Application) -> None:
    assert statuses(chosen_by_people, [CHOSEN]) == [400]
    guesses = [f"guess-{number}" for number in range(GUESSES)]
    assert statuses(chosen_by_people, guesses) == [401] * GUESSES
    assert statuses(chosen_by_people, [CHOSEN, f"{CHOSEN}x"]) == [400, 401]
    chosen_by_people.secrets.update(ends=timezone.now())
    assert statuses(chosen_by_people, [CHOSEN]) == [401]


def test_too_many_guesses_cost_no_slow_digest(
    chosen_by_people: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses(chosen_by_people, [f"guess-{number}" for number in range(GUESSES)])

    def slow(*args: Any, **kwargs: Any) -> bytes:
        raise AssertionError("One more guess was looked at.")

    monkeypatch.setattr("hashlib.scrypt", slow)
    assert statuses(chosen_by_people, ["one more"]) == [401]
