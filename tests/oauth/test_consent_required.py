"""What an app cannot work without, and what one may leave out."""

import html

import pytest

from oauth.models import Consent, Grant
from tests.oauth.flow import Flow, answer_of, boxes, make_client, make_user, run_authorization_code, ticks

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("optional and required scopes: an app's required ones have no tick"),
]
SCOPE = "openid patient/Patient.rs patient/Observation.rs offline_access"


def test_a_required_scope_is_named_and_has_no_tick() -> None:
    client, _ = make_client(required_scope="patient/*.rs")
    page = Flow(client, make_user(), scope=SCOPE).authorize()
    text = html.unescape(page.content.decode())
    _, _, required = text.partition("It cannot work without")
    assert "Read and search lab results" in required.partition("You decide")[0]
    assert "Read and search name, date of birth" in required.partition("You decide")[0]
    assert list(boxes(page)) == ["offline_access"]


def test_it_is_granted_with_a_click_on_allow_alone() -> None:
    client, _ = make_client(required_scope="patient/Patient.rs patient/Procedure.rs")
    flow = Flow(client, make_user(), scope=SCOPE)
    page = flow.authorize()
    assert ticks(page) == ["patient/Observation.rs", "offline_access"]
    code = answer_of(flow.decide(page, untick=("*",)))["code"]
    assert flow.exchange(code).json()["scope"] == "openid patient/Patient.rs"  # type: ignore[attr-defined]


def test_it_is_not_granted_without_that_click() -> None:
    client, _ = make_client(required_scope="patient/Patient.rs")
    for decision in ("deny", "", "ALLOW"):
        flow = Flow(client, make_user(), scope=SCOPE)
        assert answer_of(flow.decide(flow.authorize(), decision=decision))["error"] == "access_denied"
    assert not Grant.objects.exists()


def test_a_required_scope_that_is_not_asked_is_not_granted_and_saves_no_refusal() -> None:
    client, _ = make_client(required_scope="patient/Procedure.rs")
    flow = Flow(client, make_user(), scope=SCOPE)
    assert answer_of(flow.decide(flow.authorize(), untick=("*",)))["error"] == "access_denied"
    assert run_authorization_code(client, make_user(), SCOPE).tokens["scope"] == SCOPE


def test_a_page_without_anything_to_tick_still_asks() -> None:
    client, _ = make_client(required_scope="patient/*.rs")
    flow = Flow(client, make_user(), scope="openid patient/Patient.rs")
    page = flow.authorize()
    assert boxes(page) == {}
    assert answer_of(flow.decide(page))["code"]


def test_what_becomes_required_after_it_was_declined_is_asked_again() -> None:
    client, _ = make_client()
    user = make_user()
    run_authorization_code(client, user, SCOPE, untick=("patient/Observation.rs",))
    assert answer_of(Flow(client, user, scope=SCOPE).authorize())["code"]
    client.required_scope = "patient/Observation.rs"
    client.save()
    page = Flow(client, user, scope=SCOPE).authorize()
    assert ticks(page) == ["patient/Patient.rs", "offline_access"]
    assert "Observation" not in Consent.objects.get().scope
