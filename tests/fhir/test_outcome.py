"""OperationOutcome and the errors of the FHIR API."""

from collections.abc import Callable

import pytest

from fhir import outcome as errors
from fhir.elements import value_sets
from fhir.outcome import FhirError, Issue, outcome

STATUS = {
    errors.BadRequest: 400,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.NotAcceptable: 406,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.Unprocessable: 422,
}


def _issue_types() -> frozenset[str]:
    [codes] = value_sets()["http://hl7.org/fhir/ValueSet/issue-type"].values()
    return codes


@pytest.mark.requirement("https://hl7.org/fhir/R4/operationoutcome.html")
def test_an_outcome_says_each_issue_with_its_place() -> None:
    issues = [
        Issue("error", "value", "Not a date.", "Patient.birthDate"),
        Issue("warning", "incomplete", "No name."),
    ]
    assert outcome(issues) == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "value",
                "diagnostics": "Not a date.",
                "expression": ["Patient.birthDate"],
            },
            {"severity": "warning", "code": "incomplete", "diagnostics": "No name."},
        ],
    }


def test_an_outcome_without_an_issue_is_not_built() -> None:
    with pytest.raises(ValueError, match="at least one"):
        outcome([])


def test_an_empty_sentence_does_not_become_an_empty_string() -> None:
    assert outcome([Issue("error", "value", "")])["issue"] == [{"severity": "error", "code": "value"}]


@pytest.mark.parametrize(("kind", "status"), STATUS.items(), ids=[kind.__name__ for kind in STATUS])
def test_each_error_has_its_status_and_an_issue_type_of_r4(
    kind: Callable[[str], FhirError], status: int
) -> None:
    error = kind("Because of this.")
    assert error.status == status
    assert error.code in _issue_types()
    assert error.outcome()["issue"][0]["diagnostics"] == "Because of this."
    assert str(error) == "Because of this."


@pytest.mark.requirement("https://www.rfc-editor.org/rfc/rfc6750#section-3")
def test_a_401_always_carries_a_challenge() -> None:
    assert errors.Unauthorized("No token.").headers == {"WWW-Authenticate": "Bearer"}
    challenged = errors.Unauthorized("Expired.", challenge='Bearer error="invalid_token"', code="expired")
    assert challenged.headers == {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    assert (challenged.status, challenged.code) == (401, "expired")
    assert challenged.code in _issue_types()


def test_a_405_names_the_methods_that_there_are() -> None:
    error = errors.MethodNotAllowed("Not that.", allow=["GET", "POST"])
    assert (error.status, error.headers) == (405, {"Allow": "GET, POST"})


def test_a_429_says_in_seconds_when_to_come_back() -> None:
    error = errors.TooManyRequests("Slower.", retry_after=30)
    assert (error.status, error.headers, error.code) == (429, {"Retry-After": "30"}, "throttled")


def test_a_422_can_say_everything_that_is_wrong_at_once() -> None:
    issues = [Issue("error", "required", "One.", "Patient.a"), Issue("error", "value", "Two.", "Patient.b")]
    error = errors.Unprocessable.because(iter(issues))
    assert (error.status, error.code, error.diagnostics, error.expression) == (
        422,
        "required",
        "One.",
        "Patient.a",
    )
    assert error.outcome() == outcome(issues)
    with pytest.raises(ValueError, match="at least one"):
        errors.Unprocessable.because([])


def test_headers_and_place_can_be_given_to_any_error() -> None:
    error = FhirError(409, "conflict", "Taken.", "Patient.id", {"ETag": 'W/"2"'})
    assert (error.status, error.code, error.expression, error.headers) == (
        409,
        "conflict",
        "Patient.id",
        {"ETag": 'W/"2"'},
    )
