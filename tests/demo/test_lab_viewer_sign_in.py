"""How the Lab Viewer signs in, keeps its tokens, and what it says when something goes wrong."""

import json
from urllib.parse import urlsplit

import pytest

from tests.demo.conftest import EHR_SCOPE, STANDALONE_SCOPE, Viewer

pytestmark = pytest.mark.browser


def session_of(viewer: Viewer) -> dict[str, object]:
    text = viewer.page.evaluate("sessionStorage.getItem('lab-viewer.session')")
    return json.loads(text) if text else {}


def change_session(viewer: Viewer, **members: object) -> None:
    viewer.page.evaluate(
        "text => sessionStorage.setItem('lab-viewer.session', text)", json.dumps(session_of(viewer) | members)
    )


@pytest.mark.requirement(
    "SMART 2.2 https://hl7.org/fhir/smart-app-launch/app-launch.html#obtain-authorization-code"
)
def test_an_ehr_launch_asks_with_launch_aud_state_and_pkce(viewer: Viewer) -> None:
    viewer.launch()
    asked = viewer.server.authorize_queries[0]
    assert asked["response_type"] == "code"
    assert asked["client_id"] == "lab-viewer"
    assert asked["redirect_uri"] == f"{viewer.origin}/index.html"
    assert asked["launch"] == "abc"
    assert asked["aud"] == viewer.server.iss
    assert asked["scope"] == EHR_SCOPE
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["state"]) == 43
    exchanged = viewer.server.token_bodies[0]
    assert exchanged["redirect_uri"] == asked["redirect_uri"]
    assert exchanged["client_id"] == "lab-viewer"
    assert len(exchanged["code_verifier"]) == 43
    assert "Anna Bauer" in viewer.text()


def test_two_launches_use_different_states_and_verifiers(viewer: Viewer) -> None:
    viewer.launch()
    viewer.launch()
    first, second = viewer.server.authorize_queries
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]


def test_standalone_the_field_offers_the_default_server_and_asks_for_a_patient(viewer: Viewer) -> None:
    viewer.page.goto(viewer.origin)
    assert viewer.page.get_by_label("FHIR server").input_value() == viewer.server.iss
    viewer.page.get_by_label("FHIR server").fill(f"{viewer.server.iss}/")
    viewer.click("Connect")
    viewer.settle()
    asked = viewer.server.authorize_queries[0]
    assert asked["scope"] == STANDALONE_SCOPE
    assert asked["aud"] == viewer.server.iss
    assert "launch" not in asked
    assert "Anna Bauer" in viewer.text()


def test_tokens_are_in_session_storage_only_and_never_in_an_address(viewer: Viewer) -> None:
    addresses: list[str] = []
    viewer.page.on("request", lambda request: addresses.append(request.url))
    viewer.launch()
    token, refresh = viewer.server.access_token, viewer.server.refresh_token
    assert session_of(viewer)["access_token"] == token
    assert viewer.page.evaluate("localStorage.length") == 0
    assert viewer.page.evaluate("document.cookie") == ""
    assert addresses
    assert not any(token in url or refresh in url for url in addresses)
    assert urlsplit(viewer.page.url).query == ""


def test_it_works_from_another_origin_with_a_preflight(viewer: Viewer) -> None:
    viewer.launch()
    assert viewer.origin != viewer.server.origin
    assert viewer.server.preflights > 0


def test_a_reload_keeps_the_session_and_a_link_with_a_foreign_answer_does_not_end_it(viewer: Viewer) -> None:
    viewer.launch()
    viewer.page.goto(f"{viewer.origin}/index.html?error=access_denied&state=made-up")
    viewer.settle()
    assert viewer.title() == "This sign-in does not belong to this window"
    viewer.click("Try again")
    viewer.wait_for("Anna Bauer")
    assert len(viewer.server.token_bodies) == 1


@pytest.mark.requirement("RFC 6749 https://www.rfc-editor.org/rfc/rfc6749#section-10.12")
@pytest.mark.parametrize("state", ["somebody-elses", None])
def test_an_answer_with_a_wrong_state_or_none_is_not_used(viewer: Viewer, state: str | None) -> None:
    viewer.server.authorize_changes = {"state": state}
    viewer.launch()
    assert viewer.title() == "This sign-in does not belong to this window"
    assert viewer.server.token_bodies == []


@pytest.mark.requirement("RFC 9207 https://www.rfc-editor.org/rfc/rfc9207#section-2.4")
def test_an_answer_that_names_another_issuer_is_not_used(viewer: Viewer) -> None:
    viewer.server.authorize_changes = {"iss": "https://evil.example"}
    viewer.launch()
    assert viewer.title() == "The answer came from another server"
    assert viewer.server.token_bodies == []


@pytest.mark.requirement("RFC 9207 https://www.rfc-editor.org/rfc/rfc9207#section-2.4")
def test_an_answer_without_the_issuer_that_was_promised_is_not_used(viewer: Viewer) -> None:
    viewer.server.configuration_changes = {"authorization_response_iss_parameter_supported": True}
    viewer.server.authorize_changes = {"iss": None}
    viewer.launch()
    assert viewer.title() == "The answer came from another server"
    assert viewer.server.token_bodies == []


def test_a_refusal_is_told_and_can_be_tried_again(viewer: Viewer) -> None:
    viewer.server.authorize_error = "access_denied"
    viewer.launch()
    assert viewer.title() == "Access was not given"
    assert "access_denied: The person said no." in viewer.text()
    viewer.server.authorize_error = ""
    viewer.click("Launch again")
    viewer.wait_for("Anna Bauer")


def test_another_authorization_error_is_told_with_the_servers_words(viewer: Viewer) -> None:
    viewer.server.authorize_error = "invalid_scope"
    viewer.launch()
    assert viewer.title() == "The server refused the sign-in"
    assert "invalid_scope" in viewer.text()


def test_what_a_server_says_is_shown_as_text_and_never_becomes_part_of_the_page(viewer: Viewer) -> None:
    viewer.server.authorize_error = "access_denied"
    viewer.server.authorize_changes = {"error_description": "<img src=x onerror=alert(1)>"}
    viewer.launch()
    assert "<img src=x onerror=alert(1)>" in viewer.text()
    assert viewer.page.locator("main img").count() == 0


def test_a_code_that_the_server_does_not_accept_is_told(viewer: Viewer) -> None:
    viewer.server.token_status = 400
    viewer.launch()
    assert viewer.title() == "The sign-in could not be completed"
    assert session_of(viewer) == {}


@pytest.mark.requirement(
    "SMART 2.2 https://hl7.org/fhir/smart-app-launch/app-launch.html#refresh-access-token"
)
def test_an_expired_access_token_is_renewed_once_and_the_new_refresh_token_is_kept(viewer: Viewer) -> None:
    viewer.launch()
    first = viewer.server.refresh_token
    change_session(viewer, expires_at=1)
    viewer.page.reload()
    viewer.wait_for("Anna Bauer")
    renewals = [one for one in viewer.server.token_bodies if one["grant_type"] == "refresh_token"]
    assert [one["refresh_token"] for one in renewals] == [first]
    assert renewals[0]["client_id"] == "lab-viewer"
    assert session_of(viewer)["refresh_token"] == viewer.server.refresh_token != first


def test_a_token_that_the_server_refuses_early_is_renewed_too(viewer: Viewer) -> None:
    viewer.launch()
    viewer.server.access_token = "another-one-is-needed"
    viewer.page.reload()
    viewer.wait_for("Anna Bauer")
    assert [one["grant_type"] for one in viewer.server.token_bodies] == [
        "authorization_code",
        "refresh_token",
    ]


def test_a_revoked_token_ends_the_session_with_a_button_to_launch_again(viewer: Viewer) -> None:
    viewer.launch()
    viewer.server.access_token = "gone"
    viewer.server.token_status = 400
    viewer.page.reload()
    viewer.settle()
    assert viewer.title() == "Your access has ended"
    assert session_of(viewer) == {}
    viewer.server.token_status = 200
    viewer.click("Launch again")
    viewer.wait_for("Anna Bauer")


def test_without_a_refresh_token_an_expired_session_has_ended(viewer: Viewer) -> None:
    viewer.server.with_refresh = False
    viewer.launch()
    viewer.server.access_token = "gone"
    viewer.page.reload()
    viewer.settle()
    assert viewer.title() == "Your access has ended"


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (403, "The laboratory results are not shared with this app"),
        (404, "This patient's record was not found"),
        (503, "The server had trouble answering"),
        (400, "The server's answer could not be read"),
    ],
)
def test_each_refusal_of_the_fhir_server_has_words_of_its_own(
    viewer: Viewer, status: int, title: str
) -> None:
    viewer.server.status_for = {"Observation": status}
    viewer.launch()
    assert viewer.title() == title
    assert "It is not for you." in viewer.text()


def test_results_are_shown_without_a_name_where_only_they_are_shared(viewer: Viewer) -> None:
    viewer.server.status_for = {"Patient": 403}
    viewer.launch()
    assert "Name not shared" in viewer.text()
    assert viewer.page.locator(".point").count() > 10


def test_a_server_that_does_not_answer_is_told(viewer: Viewer) -> None:
    viewer.server.configuration_changes = {"token_endpoint": "http://127.0.0.1:1/token"}
    viewer.launch()
    assert viewer.title() == "The server cannot be reached"


@pytest.mark.parametrize(
    "changes",
    [
        {"token_endpoint": ""},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"code_challenge_methods_supported": ["plain"]},
    ],
)
def test_an_unusable_smart_configuration_is_told(viewer: Viewer, changes: dict[str, object]) -> None:
    viewer.server.configuration_changes = changes
    viewer.launch()
    assert viewer.title() == "This is not a SMART on FHIR server"
    assert viewer.server.authorize_queries == []


def test_a_link_to_a_server_that_is_not_trusted_goes_nowhere(viewer: Viewer) -> None:
    viewer.page.goto(f"{viewer.origin}/launch.html?launch=abc&iss=https://evil.example/fhir")
    viewer.settle()
    assert viewer.title() == "This server is not on the list"


def test_a_link_without_a_server_is_told(viewer: Viewer) -> None:
    viewer.page.goto(f"{viewer.origin}/launch.html?launch=abc")
    viewer.settle()
    assert viewer.title() == "Something is missing in the link"


def test_a_token_response_without_a_patient_is_told(viewer: Viewer) -> None:
    viewer.server.token_extra = {"patient": None}
    viewer.launch()
    assert viewer.title() == "No patient was chosen"


def test_ending_the_session_forgets_and_revokes_the_tokens(viewer: Viewer) -> None:
    viewer.launch()
    refresh = viewer.server.refresh_token
    viewer.click("End session")
    viewer.page.wait_for_selector("form")
    assert session_of(viewer) == {}
    assert viewer.server.revoked == [refresh]


def test_a_next_page_on_another_server_never_gets_the_token(viewer: Viewer) -> None:
    viewer.server.next_link_origin = "https://evil.example"
    addresses: list[str] = []
    viewer.page.on("request", lambda request: addresses.append(request.url))
    viewer.launch()
    assert viewer.title() == "The server's answer could not be read"
    assert "evil.example" in viewer.text()
    assert not any("evil.example" in url for url in addresses)
