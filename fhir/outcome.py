"""The only builder of OperationOutcome, and the errors that the FHIR API answers with.

Diagnostics are shown to the caller: they name the rule that was broken, never anything the caller may not
see. https://hl7.org/fhir/R4/operationoutcome.html https://hl7.org/fhir/R4/http.html#Status-Codes
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from fhir.access import Access

Severity = Literal["fatal", "error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing to say about a request or resource.

    `code` is of https://hl7.org/fhir/R4/valueset-issue-type.html, `diagnostics` a plain sentence,
    `expression` the place as a simple FHIRPath such as `Patient.contact[0].name`.
    """

    severity: Severity
    code: str
    diagnostics: str
    expression: str | None = None

    @property
    def refuses(self) -> bool:
        """Whether this is a reason to refuse what it is about, and not only a remark."""
        return self.severity in ("fatal", "error")


def outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """Return the OperationOutcome that says `issues`, in their order.

    Raises ValueError if there are none: an outcome has at least one issue, "all is well" included.
    """
    rows = [_row(issue) for issue in issues]
    if not rows:
        raise ValueError("an OperationOutcome needs at least one issue")
    return {"resourceType": "OperationOutcome", "issue": rows}


def _row(issue: Issue) -> dict[str, Any]:
    row: dict[str, Any] = {"severity": issue.severity, "code": issue.code}
    if issue.diagnostics:
        row["diagnostics"] = issue.diagnostics
    if issue.expression:
        row["expression"] = [issue.expression]
    return row


class FhirError(Exception):
    """An error that ends a FHIR request: HTTP `status`, the issues to say, and extra response `headers`.

    `cause` is for the audit trail alone, where it knows more than the caller may.
    """

    cause = ""

    def __init__(
        self,
        status: int,
        code: str,
        diagnostics: str,
        expression: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(diagnostics)
        self.status = status
        self.issues: tuple[Issue, ...] = (Issue("error", code, diagnostics, expression),)
        self.headers: dict[str, str] = dict(headers or {})

    @property
    def code(self) -> str:
        """The issue type of the first issue."""
        return self.issues[0].code

    @property
    def diagnostics(self) -> str:
        """The sentence of the first issue."""
        return self.issues[0].diagnostics

    @property
    def expression(self) -> str | None:
        """The place of the first issue."""
        return self.issues[0].expression

    def outcome(self) -> dict[str, Any]:
        """Return the OperationOutcome to answer with."""
        return outcome(self.issues)


class _Fixed(FhirError):
    """An error whose status is given by its class, and whose issue type has a usual value."""

    fixed_status: ClassVar[int]
    usual_code: ClassVar[str]

    def __init__(
        self,
        diagnostics: str,
        *,
        code: str | None = None,
        expression: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(self.fixed_status, code or self.usual_code, diagnostics, expression, headers)


class BadRequest(_Fixed):
    """400: the request cannot be understood."""

    fixed_status = 400
    usual_code = "invalid"


class Unauthorized(_Fixed):
    """401: no valid token. Always carries the challenge of https://www.rfc-editor.org/rfc/rfc6750#section-3.

    `known` is whose token it was, if it is known, for the audit trail; it allows nothing.
    """

    fixed_status = 401
    usual_code = "login"

    def __init__(
        self,
        diagnostics: str,
        *,
        challenge: str = "Bearer",
        code: str | None = None,
        known: Access | None = None,
        cause: str = "",
    ) -> None:
        super().__init__(diagnostics, code=code, headers={"WWW-Authenticate": challenge})
        self.known = known
        self.cause = cause


class Forbidden(_Fixed):
    """403: the token is valid, and nothing in it allows this."""

    fixed_status = 403
    usual_code = "forbidden"


class NotFound(_Fixed):
    """404: there is no such thing, or nothing that this token may know of."""

    fixed_status = 404
    usual_code = "not-found"


class MethodNotAllowed(_Fixed):
    """405: this URL does not do that. `allow` are the methods it knows."""

    fixed_status = 405
    usual_code = "not-supported"

    def __init__(self, diagnostics: str, *, allow: Iterable[str]) -> None:
        super().__init__(diagnostics, headers={"Allow": ", ".join(allow)})


class NotAcceptable(_Fixed):
    """406: the caller accepts no format that there is."""

    fixed_status = 406
    usual_code = "not-supported"


class Conflict(_Fixed):
    """409: the state of the resource does not allow this."""

    fixed_status = 409
    usual_code = "conflict"


class Gone(_Fixed):
    """410: the resource was deleted, and this token could see it before."""

    fixed_status = 410
    usual_code = "deleted"


class PreconditionFailed(_Fixed):
    """412: a version or a condition that the caller named does not hold."""

    fixed_status = 412
    usual_code = "conflict"


class TooLarge(_Fixed):
    """413: the request is larger than the server takes."""

    fixed_status = 413
    usual_code = "too-long"


class UnsupportedMediaType(_Fixed):
    """415: the body is in a format that the server does not read."""

    fixed_status = 415
    usual_code = "not-supported"


class Unprocessable(_Fixed):
    """422: the body is readable, and breaks a rule of FHIR or of this server."""

    fixed_status = 422
    usual_code = "processing"

    @classmethod
    def because(cls, issues: Iterable[Issue]) -> "Unprocessable":
        """Return the error that says all `issues` at once. Raises ValueError if there are none."""
        found = tuple(issues)
        if not found:
            raise ValueError("a refusal needs at least one issue")
        error = cls(found[0].diagnostics, code=found[0].code, expression=found[0].expression)
        error.issues = found
        return error


class TooManyRequests(_Fixed):
    """429: come back later, after `retry_after` seconds."""

    fixed_status = 429
    usual_code = "throttled"

    def __init__(self, diagnostics: str, *, retry_after: int) -> None:
        super().__init__(diagnostics, headers={"Retry-After": str(retry_after)})
