"""Which of two faults in one authorization request wins, asked of the endpoint itself."""

import itertools
import logging
from typing import Any

import pytest

from oauth.authorize_rules import RULES
from oauth.models import AuthorizationRequest
from tests.oauth.flow import Flow, answer_of, make_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("CONTRACT: the order of the rules")]

# In the order of the rules: what breaks each, and the error that the app is sent; "" for none.
FAULTS: list[tuple[str, str, dict[str, Any]]] = [
    ("check_client", "", {"client_id": "nobody"}),
    ("check_redirect_uri", "", {"redirect_uri": "https://app.example.org/elsewhere"}),
    ("check_well_formed", "invalid_request", {"nonce": ["one", "two"]}),
    ("check_response_type", "unsupported_response_type", {"response_type": "code id_token"}),
    ("check_no_request_object", "request_not_supported", {"request": "eyJ"}),
    ("check_pkce_s256", "invalid_request", {"code_challenge_method": "plain"}),
    ("check_aud", "invalid_request", {"aud": "https://evil.example.org/fhir"}),
    ("check_scope", "invalid_scope", {"scope": "patient/Nonsense.rs"}),
    ("check_launch", "invalid_request", {"launch": "unknown"}),
    ("check_prompt", "invalid_request", {"prompt": "none login"}),
]
PAIRS = list(itertools.combinations(FAULTS, 2))


def test_there_is_a_fault_for_each_rule() -> None:
    assert [rule for rule, _, _ in FAULTS] == [rule.__name__ for rule in RULES]


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(("first", "second"), PAIRS, ids=[f"{one[0]}-{two[0]}" for one, two in PAIRS])
def test_of_two_faults_the_endpoint_tells_the_earlier_one(
    first: tuple[str, str, dict[str, Any]],
    second: tuple[str, str, dict[str, Any]],
    method: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody is signed in: faults are told before anybody is asked who they are."""
    rule, error, fault = first
    flow = Flow(make_client()[0], None)
    with caplog.at_level(logging.WARNING, "oauth.refusals"):
        sent = getattr(flow.browser, method)("/oauth/authorize", flow.parameters(**second[2], **fault))
        answer = flow.follow(sent)
    [logged] = [record.getMessage() for record in caplog.records if record.name == "oauth.refusals"]
    assert f"rule {rule}," in logged
    assert not AuthorizationRequest.objects.exists()
    if error:
        told = answer_of(answer)
        assert (told["error"], told["state"]) == (error, flow.state)
    else:
        assert (answer.status_code, answer.get("Location")) == (400, None)
