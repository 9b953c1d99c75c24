"""Near misses in a registration: pointed out, and taken all the same."""

from typing import Any

import pytest

from oauth.clients.advice import advice
from oauth.clients.metadata import fill
from oauth.models import Application
from tests.oauth.test_client_metadata import GOOD, SERVICE

WELL = {**GOOD, "scope": "launch openid fhirUser offline_access patient/*.rs"}


def advice_on(**changes: Any) -> list[str]:
    return list(advice(fill(Application(), {**WELL, **changes})))


def test_a_good_registration_needs_no_advice() -> None:
    assert advice_on() == []
    assert list(advice(fill(Application(), SERVICE))) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"redirect_uris": ["https://app.example.org"]}, "is not the same as https://app.example.org/;"),
        ({"redirect_uris": ["https://app.example.org/"]}, "is not the same as https://app.example.org;"),
        ({"redirect_uris": ["https://app.example.org/callback/"]}, "ends with a slash"),
        ({"launch_url": ""}, "launch_url: is missing"),
        ({"scope": "openid patient/*.rs offline_access"}, "scope: the portal opens the app"),
        ({"scope": "launch openid patient/*.rs"}, "never gets a refresh token"),
        ({"grant_types": ["authorization_code"]}, "grant_types: without refresh_token"),
        ({"scope": "launch fhirUser offline_access"}, "fhirUser tells nothing without openid"),
        ({"allowed_origins": ["https://other.example.org"]}, "https://app.example.org is missing"),
    ],
)
def test_each_near_miss_is_pointed_out_once(changes: dict[str, Any], told: str) -> None:
    [words] = advice_on(**changes)
    assert told in words


@pytest.mark.parametrize(
    "uris",
    [
        ["https://app.example.org", "https://app.example.org/"],
        ["https://app.example.org/cb/", "https://app.example.org/cb"],
        ["https://app.example.org/?x=/"],
    ],
)
def test_both_forms_of_an_address_or_a_query_are_no_near_miss(uris: list[str]) -> None:
    assert advice_on(redirect_uris=uris) == []


def test_a_private_scheme_has_no_slash_to_forget() -> None:
    assert advice_on(application_type="native", redirect_uris=["org.example.app:/"]) == []
