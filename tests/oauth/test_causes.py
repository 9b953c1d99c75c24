"""The exact causes that staff read, as pure sentences."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from oauth.authorize_rules import Asked, first_refusal
from oauth.causes.addresses import of_aud, of_redirect_uri
from oauth.causes.clients import of_status, of_unknown
from oauth.causes.differences import by_one_character, joined, nearest, of_urls
from oauth.causes.launches import of_launch
from oauth.causes.masking import masked
from oauth.causes.requests import Known, cause
from oauth.causes.scopes import left_out, limits, of_scope

REGISTERED = "https://app.example.org/callback"
BASE = "https://ehr.example.org/fhir"
THEN = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.requirement("CONTRACT: staff see the exact cause")


@pytest.mark.parametrize(
    ("received", "difference"),
    [
        (f"{REGISTERED}/", "a trailing slash"),
        ("http://app.example.org/callback", "http instead of https"),
        ("https://app.example.org:8443/callback", "its port (8443 instead of none)"),
        ("https://app.example.com/callback", "its host (app.example.com instead of app.example.org)"),
        ("https://www.app.example.org/callback", "www. before its host"),
        (
            "https://apps.example.org/callback",
            "one character of its host (apps.example.org instead of app.example.org)",
        ),
        ("https://app.example.org/Callback", "upper and lower case"),
        (
            "https://app.example.org/callbak",
            "one character of its path (/callbak instead of /callback)",
        ),
        (
            "https://app.example.org/callbcak",
            "one character of its path (/callbcak instead of /callback)",
        ),
        ("https://app.example.org/oauth", "its path (/oauth instead of /callback)"),
        ("https://app.example.org//callback", "a doubled slash"),
        ("https://app.example.org/%63allback", "percent-encoding"),
        ("https%3A%2F%2Fapp.example.org%2Fcallback", "percent-encoding"),
        (f"{REGISTERED}?tenant=1", "a query"),
        (f"{REGISTERED}#home", "a fragment"),
        (f"{REGISTERED}#", "an empty query or fragment at its end"),
        (f" {REGISTERED}", "white space around it"),
        (f"{REGISTERED}\x00", "a control character"),
        ("https://ada:pw@app.example.org/callback", "a user name before its host"),
        ("http://[broken", "being no URL"),
    ],
)
def test_the_one_thing_in_which_a_redirect_uri_differs_is_named(received: str, difference: str) -> None:
    said = of_redirect_uri([received], [REGISTERED, "https://other.example.net/elsewhere"])
    assert said == (
        f"redirect_uri differs from the registered one only by {difference}: {REGISTERED} is registered."
    )


def test_a_query_that_is_registered_is_missing_or_has_another_order() -> None:
    registered = [f"{REGISTERED}?a=1&b=2"]
    assert "only by a missing query:" in of_redirect_uri([REGISTERED], registered)
    assert "only by the order of its query:" in of_redirect_uri([f"{REGISTERED}?b=2&a=1"], registered)
    assert "only by its query:" in of_redirect_uri([f"{REGISTERED}?a=1&b=3"], registered)


def test_several_differences_are_all_named_and_the_nearest_registered_one() -> None:
    said = of_redirect_uri(["http://app.example.org/callback/"], ["myapp.example:/x", REGISTERED])
    assert said == (
        f"redirect_uri differs from the nearest registered one, {REGISTERED}, by http instead of https"
        " and a trailing slash."
    )
    assert of_redirect_uri(["https://app.example.org/callback/" + "x" * 5000], [REGISTERED]) == (
        "redirect_uri is far longer than any registered one."
    )
    assert of_redirect_uri([REGISTERED], []) == "The client has no registered redirect_uri."
    assert of_redirect_uri([], [REGISTERED]) == "redirect_uri is missing."
    assert of_redirect_uri([REGISTERED, REGISTERED], [REGISTERED]) == "redirect_uri came 2 times."


def test_case_that_differs_together_with_something_else_is_not_overlooked() -> None:
    assert of_urls("https://App.example.org/callback/", REGISTERED) == [
        "upper and lower case of its host",
        "a trailing slash",
    ]
    assert of_urls("HTTPS://app.example.org/callback/", REGISTERED)[0] == "HTTPS instead of https"


def test_the_same_is_no_difference_and_no_known_one_is_nearest_to_nothing() -> None:
    assert of_urls(REGISTERED, REGISTERED) == []
    assert nearest(REGISTERED, []) == ("", [])
    assert joined(["a", "b", "c"]) == "a, b and c"


@pytest.mark.parametrize(
    ("one", "two", "is_one"),
    [
        ("abc", "abc", False),
        ("abc", "abd", True),
        ("ab", "abc", True),
        ("abcd", "abc", True),
        ("acb", "abc", True),
        ("cab", "abc", False),
        ("", "a", True),
        ("", "ab", False),
    ],
)
def test_one_character_is_another_one_missing_too_many_or_swapped(one: str, two: str, is_one: bool) -> None:
    assert by_one_character(one, two) is is_one
    assert by_one_character(two, one) is is_one


@pytest.mark.requirement("SMART 2.2 app-launch#request-4 (aud)")
@pytest.mark.parametrize(
    ("aud", "said"),
    [
        ("https://ehr.example.org", "aud is this server's address without /fhir: "),
        ("https://ehr.example.org/", "aud is this server's address without /fhir: "),
        (f"{BASE}/metadata", "aud goes on behind the address of the FHIR API, which is "),
        (f"{BASE}//", "aud differs from the address of the FHIR API only by a trailing slash: "),
        (
            "http://ehr.example.org/fhir",
            "aud differs from the address of the FHIR API only by http instead of",
        ),
        (
            "https://ehr.example.org:8443/fhir",
            "aud differs from the address of the FHIR API only by its port",
        ),
        ("https://test.example.org/fhir", "aud differs from the address of the FHIR API only by its host"),
        ("https://ehr.example.org/FHIR", "aud differs from the address of the FHIR API only by upper and"),
        (
            "https://ehr.example.org/fhit",
            "aud differs from the address of the FHIR API only by one character of its path",
        ),
        ("https://r4.elsewhere.example:444/base", "aud is the address of another server, https://r4.else"),
        ("", "aud is missing. It has to be "),
    ],
)
def test_how_aud_differs_from_the_fhir_base_is_named(aud: str, said: str) -> None:
    sentence = of_aud([aud], BASE)
    assert sentence.startswith(said)
    assert BASE in sentence


def test_what_client_may_have_been_meant_is_named() -> None:
    near = [("lab-viewer", "Lab Viewer"), ("growth", "Growth Chart")]
    assert of_unknown(["Lab-Viewer"], near) == (
        "No client has this client_id; it differs from lab-viewer, that of Lab Viewer, only by upper and"
        " lower case."
    )
    assert "only by one character." in of_unknown(["lab-viewr"], near)
    assert "only by white space around it." in of_unknown([" growth"], near)
    assert of_unknown(["growth chart"], near) == (
        "client_id is the name of a client; the client_id of Growth Chart is growth."
    )
    assert of_unknown(["something"], near) == "No client has this client_id."
    assert of_unknown([], near) == "client_id is missing."
    assert of_unknown(["a", "b"], near) == "client_id came 2 times."


def test_the_status_of_a_client_is_named_and_since_when() -> None:
    assert of_status("lab", "suspended", THEN) == (
        "The client lab is suspended, since 2026-05-03 12:00:00 UTC."
    )
    assert of_status("lab", "draft", None) == (
        "The client lab is a draft, which staff have not made live yet."
    )


LIMITS = limits(
    "openid launch patient/Observation.rs patient/Condition.rs", "openid launch patient/*.rs", False
)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("launch", "counts for nothing without a launch value"),
        ("fhirUser", "is not registered for the client"),
        ("system/*.rs", "is only for clients that act for themselves"),
        ("patient/Observation.cud", "is not registered for the client, which has patient/Observation.rs"),
        ("patient/Patient.rs", "is not registered for the client"),
        ("patient/*.rs", "is narrowed to patient/Condition.rs patient/Observation.rs"),
        ("patient/Observation.rs?nonsense=1", "cannot be enforced as it is limited"),
        ("patient/observation.rs", "is not a scope: perhaps patient/Observation.rs is meant"),
        ("Patient/Observation.read", "is not a scope: perhaps patient/Observation.read is meant"),
        ("patient/Observation.sr", "is not a scope: perhaps patient/Observation.rs is meant"),
        (
            "patient/Observations.rs",
            "is not a scope: R4 has no resource type Observations, perhaps Observation is meant",
        ),
        ("patient/Nonsense.rs", "is not a scope: R4 has no resource type Nonsense"),
        (
            "patient/Observation.readwrite",
            "is not a scope: .readwrite is neither read, write or * of version 1 nor some of cruds of"
            " version 2",
        ),
        ("patient/Observation.read?code=1", "is not a scope: version 1 (read, write, *) knows no ?"),
        ("practitioner/Observation.rs", "is not a scope: it begins with neither patient, user nor system"),
        ("openId", "is not a scope: perhaps openid is meant"),
        ("fhiruser", "is not a scope: perhaps fhirUser is meant"),
        ("offline_acces", "is not a scope: perhaps offline_access is meant"),
        ("launch/Patient", "is not a scope: perhaps launch/patient is meant"),
        ("openid,fhirUser", "is not a scope: scopes are separated by spaces"),
        ("nonsense", "is not a scope"),
    ],
)
def test_why_a_scope_is_left_out_is_said_for_each(asked: str, why: str) -> None:
    assert left_out(f"openid {asked}", LIMITS) == [f"{asked} {why}"]
    assert of_scope(asked, LIMITS) == f"None of the asked scopes can be granted: {asked} {why}."


def test_a_scope_that_is_switched_off_in_the_catalogue_is_told_from_one_that_is_not_registered() -> None:
    off = limits("openid patient/*.rs", "patient/*.rs", False)
    assert left_out("openid", off) == ["openid is not enabled in the catalogue"]


def test_scopes_as_a_whole_can_be_unreadable() -> None:
    assert of_scope("", LIMITS) == "scope is missing."
    assert "a space at an end, or two in a row" in of_scope("openid  fhirUser", LIMITS)
    assert "a character that no scope may have" in of_scope('openid "x"', LIMITS)
    assert "more than 16384 characters" in of_scope("x" * 16_385, LIMITS)


def test_of_very_many_scopes_the_first_ones_are_said() -> None:
    said = left_out(" ".join(f"nonsense{number}" for number in range(1000)), LIMITS)
    assert len(said) == 21
    assert said[-1] == "and more"


def launch(**fields: object) -> object:
    """A launch context as causes see it."""
    known = {"attempt": "ABCDEFGH", "expires": THEN, "claimed_at": THEN, "made_by": None}
    return SimpleNamespace(**{**known, "application": SimpleNamespace(client_id="other"), **fields})


@pytest.mark.parametrize(
    ("why", "fields", "said"),
    [
        ("made for another client", {}, "for another client, other (attempt ABCDEFGH)."),
        ("already used", {}, "was used before on 2026-05-03 12:00:00 UTC, by attempt ABCDEFGH."),
        ("expired", {}, "expired on 2026-05-03 12:00:00 UTC, before the app presented it."),
        (
            "",
            {"made_by": SimpleNamespace(client_id="ward")},
            "by ward, which may not launch this client now.",
        ),
        ("", {}, "by an account that is there no more."),
    ],
)
def test_why_a_launch_value_is_refused_is_named(why: str, fields: dict[str, object], said: str) -> None:
    assert of_launch(why, launch(**fields)).rstrip(".").endswith(said.rstrip("."))  # type: ignore[arg-type]  # as causes see it


def test_an_unknown_launch_value_is_said_to_be_unknown() -> None:
    assert of_launch("unknown", None).startswith("No launch has this launch value")


class Client:
    """A registered client, as the rules and the causes see it."""

    def __init__(self, may: bool = True) -> None:
        self.may, self.is_live = may, True
        self.client_id, self.status, self.redirect_uris, self.scope = "lab", "live", REGISTERED, "openid"
        self.grant_types = ["client_credentials"]
        self.status_since: datetime | None = None

    def redirect_uri_allowed(self, uri: str) -> bool:
        return uri == REGISTERED

    def may_use_grant(self, grant_type: str) -> bool:
        return self.may


GOOD = {
    "client_id": "lab",
    "redirect_uri": REGISTERED,
    "response_type": "code",
    "code_challenge": "c" * 43,
    "code_challenge_method": "S256",
    "aud": BASE,
    "scope": "openid",
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nonce": "n\x07"}, "nonce has a control character, U+0007."),
        ({"nonce": "n" * 17_000}, "nonce has 17000 characters, of at most 16384."),
        ({"a b": "\x00"}, "A parameter of another name has a control character, U+0000."),
        ({"response_type": ""}, "response_type is missing. It has to be code."),
        (
            {"response_type": "token"},
            "response_type is token: it has to be code, as no other flow is",
        ),
        ({"response_mode": "fragment"}, "response_mode is fragment: answers are given in the query only."),
        ({"request": "eyJ"}, "The app sent request, which this server does not read"),
        ({"code_challenge": ""}, "The app uses no PKCE: code_challenge is missing."),
        ({"code_challenge_method": ""}, "code_challenge_method is missing, which means plain"),
        ({"code_challenge_method": "plain"}, "code_challenge_method is plain: it has to be S256."),
        ({"code_challenge_method": "c" * 43}, "code_challenge_method is a text of 43 characters"),
        ({"code_challenge": "c" * 43 + "="}, "code_challenge is base64url with padding (=)"),
        ({"code_challenge": "+" * 43}, "code_challenge is base64, not base64url"),
        ({"code_challenge": "a" * 64}, "code_challenge is hexadecimal"),
        ({"code_challenge": "a" * 10}, "code_challenge is a text of 10 characters"),
        ({"prompt": "login nonsense"}, "prompt has nonsense, which is none of consent, login, none, select"),
        ({"prompt": "none login"}, "prompt has none together with other words, which contradict it."),
        ({"max_age": "1h"}, "max_age is 1h: it has to be seconds, in digits."),
    ],
)
def test_each_rule_of_the_request_has_its_cause(changes: dict[str, str], said: str) -> None:
    values = {name: [text] for name, text in {**GOOD, **changes}.items()}
    asked = Asked(values, Client(), BASE, granted=("anything",))  # type: ignore[arg-type]  # not empty
    refusal = first_refusal(asked)
    assert refusal is not None
    assert cause(refusal, asked, Known(Client())).startswith(said)


def test_a_client_that_may_not_use_codes_is_told_by_its_grant_types() -> None:
    asked = Asked({name: [text] for name, text in GOOD.items()}, Client(may=False), BASE)
    refusal = first_refusal(asked)
    assert refusal is not None
    assert cause(refusal, asked, Known(Client())) == (
        "The client is not registered for authorization_code; its grant types are client_credentials."
    )


def test_what_came_is_kept_without_what_could_open_anything() -> None:
    url = "https://ada:hunter2@app.example/cb?code=s3cret&access_token=t0ken&tenant=1#id_token=x.y.z"
    assert masked(url) == "https://…@app.example/cb?code=…&access_token=…&tenant=1#id_token=…"
    assert len(masked("x" * 5000)) == 301


def test_what_may_be_a_secret_in_the_wrong_place_is_not_kept() -> None:
    secret, token = "s3cretS3cret" * 3 + "s3cretS", f"eyJ{'hbGciOi' * 4}.eyJpc3Mi.c2ln"
    for name, received in (("client_id", secret), ("scope", token), ("aud", token), ("redirect_uri", token)):
        values = {key: [text] for key, text in {**GOOD, name: received}.items()}
        client = None if name == "client_id" else Client()
        asked = Asked(values, client, BASE)
        refusal = first_refusal(asked)
        assert refusal is not None
        told = f"{refusal.received} {refusal.expected} {cause(refusal, asked, Known(client))}"
        assert received not in told
        assert "c2ln" not in told
        assert secret[9:] not in told
    assert of_unknown([secret], []) == "No client has this client_id; it has the form of a client secret."


def test_a_parameters_own_name_is_shown_only_where_it_is_a_word() -> None:
    values = {name: [text] for name, text in GOOD.items()}
    for name, said in (
        ("nonce", "nonce came more than once"),
        ("a=b.c", "one of another name came more than"),
    ):
        refusal = first_refusal(Asked({**values, name: ["x", "y"]}, Client(), BASE))
        assert refusal is not None
        assert refusal.received.startswith(said)
