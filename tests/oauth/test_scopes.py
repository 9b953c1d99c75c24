"""The scope grammar: what is read, what is refused, and that an intersection never grants more."""

from itertools import permutations

import pytest

from fhir.registry import RESOURCE_TYPES
from oauth.scopes import (
    MAX_SCOPE_LENGTH,
    MAX_SCOPES_LENGTH,
    LaunchScope,
    NamedScope,
    ResourceScope,
    Scope,
    UriScope,
    covers,
    in_order,
    is_granular,
    narrow,
    parse_scope,
    parse_scopes,
    to_text,
)

SCOPES_PAGE = "https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html"
LAB = "category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"

READ = [
    ("patient/Observation.rs", ResourceScope("patient", "Observation", "rs")),
    ("patient/Observation.r", ResourceScope("patient", "Observation", "r")),
    ("user/Appointment.cruds", ResourceScope("user", "Appointment", "cruds")),
    ("user/*.cruds", ResourceScope("user", "*", "cruds")),
    ("system/Encounter.cud", ResourceScope("system", "Encounter", "cud")),
    ("system/*.rs", ResourceScope("system", "*", "rs")),
    ("patient/Patient.cs", ResourceScope("patient", "Patient", "cs")),
    ("patient/Observation.read", ResourceScope("patient", "Observation", "rs", "", True)),
    ("patient/Observation.write", ResourceScope("patient", "Observation", "cud", "", True)),
    ("patient/*.*", ResourceScope("patient", "*", "cruds", "", True)),
    ("user/Patient.*", ResourceScope("user", "Patient", "cruds", "", True)),
    (f"patient/Observation.rs?{LAB}", ResourceScope("patient", "Observation", "rs", LAB)),
    (
        "patient/Observation.r?code=a%7Cb&status=final",
        ResourceScope("patient", "Observation", "r", "code=a%7Cb&status=final"),
    ),
    ("user/Patient.s?name=J%C3%B6rg", ResourceScope("user", "Patient", "s", "name=J%C3%B6rg")),
    (
        "user/Observation.rs?_tag=a&code:not=b",
        ResourceScope("user", "Observation", "rs", "_tag=a&code:not=b"),
    ),
    ("launch", LaunchScope()),
    ("launch/patient", LaunchScope("patient")),
    ("launch/encounter", LaunchScope("encounter")),
    ("launch/diagnosticreport", LaunchScope("diagnosticreport")),
    ("launch/relatedperson?role=friend", LaunchScope("relatedperson", "friend")),
    ("openid", NamedScope("openid")),
    ("fhirUser", NamedScope("fhirUser")),
    ("profile", NamedScope("profile")),
    ("email", NamedScope("email")),
    ("offline_access", NamedScope("offline_access")),
    ("online_access", NamedScope("online_access")),
    ("introspection", NamedScope("introspection")),
    (
        "https://cdr.example.org/scopes/launch-context",
        UriScope("https://cdr.example.org/scopes/launch-context"),
    ),
    ("http://localhost:8000/scopes/launch-context", UriScope("http://localhost:8000/scopes/launch-context")),
]

REFUSED = [
    "",
    " ",
    "patient/Patient.",
    "patient/Patient",
    "patient/Patient.rs.",
    "patient/Patient.sr",
    "patient/Patient.dus",
    "patient/Patient.rr",
    "patient/Patient.rd?",
    "patient/Patient.x",
    "patient/Patient.reads",
    "patient/Patient.READ",
    "patient/Patient.RS",
    "patient/Patient.rs*",
    "patient/Patient.**",
    "patient/patient.rs",
    "patient/PATIENT.rs",
    "Patient/Patient.rs",
    "PATIENT/Patient.rs",
    "patient.Patient.rs",
    "patient/Patients.rs",
    "patient/Resource.rs",
    "patient/DomainResource.rs",
    "patient/Bundle/1.rs",
    "patient/.rs",
    "patient/*",
    "patient/",
    "/Patient.rs",
    "clinician/Patient.rs",
    "patient/Patient.rs ",
    " patient/Patient.rs",
    "patient/Patient.rs\n",
    "patient/Patient.rs\x00",
    "patient/Pat\x00ient.rs",
    "patient/Patiënt.rs",
    "patient/Patient.rs\\",
    'patient/"Patient".rs',
    "patient/Observation.read?category=laboratory",
    "patient/Observation.*?category=laboratory",
    "patient/Observation.rs?",
    "patient/Observation.rs?category",
    "patient/Observation.rs?category=",
    "patient/Observation.rs?category=%20",
    "patient/Observation.rs?category=+",
    "patient/Observation.rs?=laboratory",
    "patient/Observation.rs?category=a&",
    "patient/Observation.rs?&category=a",
    "patient/Observation.rs?category=a&&code=b",
    "patient/Observation.rs?category=%",
    "patient/Observation.rs?category=%zz",
    "patient/Observation.rs?category=%FF",
    "patient/Observation.rs?category=%00",
    "patient/Observation.rs?category=a#b",
    "patient/Observation.rs?cat%65gory=a",
    "launch/",
    "launch/Patient",
    "launch/everything",
    "launch/patient?role=",
    "launch/patient?role=a&role=b",
    "launch?role=a",
    "launch/patient.rs",
    "Launch",
    "OPENID",
    "fhiruser",
    "openid\x00",
    "offline",
    "__proto__",
    "https://",
    "https://cdr.example.org",
    "https://cdr.example.org/scopes/launch-context?x=1",
    "https://cdr.example.org/scopes/launch-context#x",
    "ftp://cdr.example.org/scopes/x",
    "javascript:alert(1)",
    "http://smarthealthit.org/fhir/scopes/",
    "http://smarthealthit.org/fhir/scopes/openid",
    "http://smarthealthit.org/fhir/scopes/patient/Nothing.rs",
    "http://smarthealthit.org/fhir/scopes/http://smarthealthit.org/fhir/scopes/launch",
    "http://openid.net/specs/openid-connect-core-1_0#fhirUser",
    "patient/Observation.rs?code=" + "a" * MAX_SCOPE_LENGTH,
]


@pytest.mark.requirement(f"{SCOPES_PAGE}#scopes-for-requesting-fhir-resources")
@pytest.mark.parametrize(("text", "scope"), READ)
def test_a_scope_of_the_grammar_is_read_and_written_down_again_as_it_came(text: str, scope: Scope) -> None:
    assert parse_scope(text) == scope
    assert scope.text == text


@pytest.mark.requirement(f"{SCOPES_PAGE}#scopes-for-requesting-fhir-resources")
@pytest.mark.parametrize("text", REFUSED)
def test_a_malformed_or_unknown_scope_is_refused_as_a_whole(text: str) -> None:
    assert parse_scope(text) is None


def test_every_in_order_choice_of_letters_is_read_and_every_other_order_is_refused() -> None:
    for count in range(1, 6):
        for letters in permutations("cruds", count):
            word = "".join(letters)
            scope = parse_scope(f"user/Observation.{word}")
            assert (scope is not None) == (word == in_order(word)), word


def test_each_of_the_146_types_can_be_named_and_asked_for_as_a_context() -> None:
    assert len(RESOURCE_TYPES) == 146
    for name in RESOURCE_TYPES:
        assert parse_scope(f"system/{name}.rs") == ResourceScope("system", name, "rs")
        assert parse_scope(f"launch/{name.lower()}") == LaunchScope(name.lower())


@pytest.mark.requirement(f"{SCOPES_PAGE}#appendix-uri-representation-of-scopes")
@pytest.mark.parametrize(
    ("uri", "short"),
    [
        ("http://smarthealthit.org/fhir/scopes/patient/*.r", "patient/*.r"),
        ("http://smarthealthit.org/fhir/scopes/user/Patient.read", "user/Patient.read"),
        ("http://smarthealthit.org/fhir/scopes/launch/patient", "launch/patient"),
        ("http://smarthealthit.org/fhir/scopes/fhirUser", "fhirUser"),
        ("http://smarthealthit.org/fhir/scopes/online_access", "online_access"),
        ("http://openid.net/specs/openid-connect-core-1_0#openid", "openid"),
        ("http://openid.net/specs/openid-connect-core-1_0#offline_access", "offline_access"),
    ],
)
def test_the_uri_form_of_a_scope_is_the_same_scope(uri: str, short: str) -> None:
    assert parse_scope(uri) == parse_scope(short)
    assert parse_scope(short) is not None


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6749#section-3.3")
@pytest.mark.parametrize(
    "text",
    [
        "openid  fhirUser",
        " openid",
        "openid ",
        "openid\tfhirUser",
        "openid\nfhirUser",
        "openid\x00",
        "openid é",
        'openid "',
        "openid " + "launch " * (MAX_SCOPES_LENGTH // 7) + "launch",
    ],
)
def test_a_scope_string_that_breaks_the_grammar_is_refused_as_a_whole(text: str) -> None:
    assert parse_scopes(text) is None


def test_a_scope_string_keeps_its_order_drops_repeats_and_leaves_out_what_it_cannot_read() -> None:
    read = parse_scopes("openid patient/*.read nonsense patient/Patient. openid launch/patient")
    assert read == (
        NamedScope("openid"),
        ResourceScope("patient", "*", "rs", "", True),
        LaunchScope("patient"),
    )
    assert to_text(read) == "openid patient/*.read launch/patient"
    assert parse_scopes("") == ()
    assert to_text(()) == ""


@pytest.mark.requirement(f"{SCOPES_PAGE}#scopes-for-requesting-fhir-resources")
@pytest.mark.parametrize(
    ("scope", "resource_type", "letter", "expected"),
    [
        ("patient/Observation.rs", "Observation", "r", True),
        ("patient/Observation.rs", "Observation", "s", True),
        ("patient/Observation.rs", "Observation", "c", False),
        ("patient/Observation.rs", "Condition", "r", False),
        ("patient/Observation.c", "Observation", "r", False),
        ("patient/*.rs", "Condition", "s", True),
        ("patient/*.read", "Condition", "s", True),
        ("patient/*.write", "Condition", "r", False),
        ("patient/*.write", "Condition", "u", True),
        ("patient/Observation.rs", "Observation", "", False),
        ("patient/Observation.rs", "Observation", "rs", False),
        ("patient/Observation.rs", "*", "r", False),
        (f"patient/Observation.rs?{LAB}", "Observation", "r", False),
        ("launch/patient", "Patient", "r", False),
        ("openid", "Patient", "r", False),
    ],
)
def test_a_scope_covers_its_own_types_and_letters_only(
    scope: str, resource_type: str, letter: str, expected: bool
) -> None:
    parsed = parse_scope(scope)
    assert parsed is not None
    assert covers(parsed, resource_type, letter) is expected


def test_only_a_scope_with_a_query_is_granular() -> None:
    assert is_granular(ResourceScope("patient", "Observation", "rs", LAB))
    assert not is_granular(ResourceScope("patient", "Observation", "rs"))
    assert not is_granular(LaunchScope("relatedperson", "friend"))
    assert not is_granular(NamedScope("openid"))


NARROWED = [
    # asked, allowed, granted
    ("patient/Observation.rs", "patient/Observation.rs", "patient/Observation.rs"),
    ("patient/Observation.cruds", "patient/Observation.rs", "patient/Observation.rs"),
    ("patient/Observation.rs", "patient/Observation.cruds", "patient/Observation.rs"),
    ("patient/Observation.rs", "patient/Observation.cud", ""),
    ("patient/Observation.rs", "patient/Observation.r patient/Observation.s", "patient/Observation.rs"),
    ("patient/Observation.rs", "user/Observation.rs", ""),
    ("user/Observation.rs", "patient/*.cruds system/*.cruds", ""),
    ("patient/Observation.rs", "patient/Condition.rs", ""),
    ("patient/Observation.rs", "patient/*.cruds", "patient/Observation.rs"),
    ("patient/*.rs", "patient/*.cruds", "patient/*.rs"),
    (
        "patient/*.rs",
        "patient/Observation.cruds patient/Condition.r",
        "patient/Condition.r patient/Observation.rs",
    ),
    ("patient/*.rs", "patient/*.rs patient/Observation.rs", "patient/*.rs"),
    ("patient/*.cruds", "patient/*.rs patient/Observation.c", "patient/*.rs patient/Observation.c"),
    ("patient/*.read", "patient/*.rs", "patient/*.read"),
    ("patient/*.read", "patient/*.cruds", "patient/*.read"),
    ("patient/*.read", "patient/*.r", "patient/*.r"),
    (
        "patient/*.read",
        "patient/Observation.rs patient/Condition.r",
        "patient/Condition.r patient/Observation.read",
    ),
    ("patient/*.*", "patient/*.rs", "patient/*.read"),
    ("patient/*.*", "patient/*.cruds", "patient/*.*"),
    ("patient/*.*", "patient/*.cu", "patient/*.cu"),
    ("patient/*.write", "patient/*.cud", "patient/*.write"),
    ("patient/Observation.rs", "patient/*.read", "patient/Observation.rs"),
    ("patient/*.read patient/*.rs", "patient/*.rs", "patient/*.read patient/*.rs"),
    (
        "patient/Observation.read patient/Observation.write",
        "patient/*.*",
        "patient/Observation.read patient/Observation.write",
    ),
    ("patient/Observation.rs?category=a", "patient/Observation.rs", "patient/Observation.rs?category=a"),
    ("patient/Observation.rs", "patient/Observation.rs?category=a", "patient/Observation.rs?category=a"),
    ("patient/Observation.read", "patient/Observation.rs?category=a", "patient/Observation.rs?category=a"),
    (
        "patient/Observation.rs?category=a",
        "patient/Observation.r?category=a",
        "patient/Observation.r?category=a",
    ),
    ("patient/Observation.rs?category=a", "patient/Observation.rs?category=b", ""),
    ("patient/Observation.rs?category=a", "patient/*.rs", "patient/Observation.rs?category=a"),
    ("patient/*.rs", "patient/Observation.rs?category=a", "patient/Observation.rs?category=a"),
    ("openid fhirUser profile", "openid fhirUser", "openid fhirUser"),
    ("launch launch/patient", "launch/patient", "launch/patient"),
    ("launch/patient", "launch", ""),
    ("launch/list?role=home", "launch/list", "launch/list?role=home"),
    ("launch/list", "launch/list?role=home", ""),
    ("launch/list?role=away", "launch/list?role=home", ""),
    ("https://a.example/scopes/x", "https://a.example/scopes/x", "https://a.example/scopes/x"),
    (
        "https://a.example/scopes/x",
        "https://a.example/scopes/y patient/*.cruds user/*.cruds system/*.cruds",
        "",
    ),
    ("patient/Observation.rs", "", ""),
    ("", "patient/*.cruds", ""),
]


@pytest.mark.requirement(f"{SCOPES_PAGE}#wildcard-scopes")
@pytest.mark.parametrize(("asked", "allowed", "granted"), NARROWED)
def test_what_is_granted_is_the_meaning_that_both_sides_share(asked: str, allowed: str, granted: str) -> None:
    assert to_text(narrow(parse_scopes(asked) or (), parse_scopes(allowed) or ())) == granted
