"""What an authorization request must be, before anybody is asked anything: one ordered tuple of rules.

Pure: the request and what is known about it go in as `Asked`, a `Refusal` comes out. The order is the
security design: until client and redirect_uri are proven, errors are shown to the person on our own page;
from there on they go to the redirect_uri. https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from oauth.causes.masking import masked, masked_id
from oauth.scopes import Scope, parse_scopes, to_text

MAX_LENGTH = 16_384
PROMPTS = frozenset({"none", "login", "consent", "select_account"})
# RFC 7636 §4.2: BASE64URL(SHA256(verifier)) is 43 characters long.
_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Client(Protocol):
    """What the rules ask of a client; oauth.models.Application answers it."""

    @property
    def is_live(self) -> bool:
        """Whether staff let it take part."""

    def redirect_uri_allowed(self, uri: str) -> bool:
        """Whether the URI is registered."""

    def may_use_grant(self, grant_type: str) -> bool:
        """Whether the client is registered for the grant type."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request and what is known about it.

    `parameters` has every value of every parameter; `client` is None if the client_id is unknown;
    `granted` is what of the asked scopes the client may have; `launch_refusal` says why the launch value
    is no good, empty if it is good or there is none.
    """

    parameters: Mapping[str, Sequence[str]]
    client: Client | None
    fhir_base: str
    granted: tuple[Scope, ...] = ()
    launch_refusal: str = ""

    def one(self, name: str) -> str:
        """The value of a parameter; empty if it is missing, and also if it came several times."""
        values = self.parameters.get(name, ())
        return values[0] if len(values) == 1 else ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused: `error` and `description` for the app, the rest for staff.

    `expected`, `received` and `cause`, the exact sentence, never hold a credential. `step` is the step of the
    attempt that ends here.
    """

    rule: str
    error: str
    description: str
    expected: str
    received: str
    cause: str = ""
    step: str = "request"

    @property
    def for_person(self) -> bool:
        """Whether it must be shown on our own page, as it is not proven where else it may go."""
        return self.rule in (check_client.__name__, check_redirect_uri.__name__)


def check_client(asked: Asked) -> Refusal | None:
    """Known and live. https://www.rfc-editor.org/rfc/rfc6749#section-3.1.2.4"""
    client_id = asked.one("client_id")
    if client_id and asked.client is not None and asked.client.is_live:
        return None
    known = "a client that is not live" if asked.client is not None else _seen(asked, "client_id", masked_id)
    return Refusal(
        "check_client", "invalid_client", "The app is not known here.", "a live client's id, once", known
    )


def check_redirect_uri(asked: Asked) -> Refusal | None:
    """There, and registered exactly so. https://www.rfc-editor.org/rfc/rfc9700#section-2.1"""
    uri = asked.one("redirect_uri")
    if (
        uri
        and not _CONTROL.search(uri)
        and asked.client is not None
        and asked.client.redirect_uri_allowed(uri)
    ):
        return None
    expected = "one of the client's registered redirect URIs, once"
    return Refusal(
        "check_redirect_uri",
        "invalid_request",
        "The redirect_uri is not registered.",
        expected,
        _seen(asked, "redirect_uri"),
    )


def check_well_formed(asked: Asked) -> Refusal | None:
    """Each parameter at most once, none oversized, no control characters.

    https://www.rfc-editor.org/rfc/rfc6749#section-3.1
    """
    for name, values in asked.parameters.items():
        if fault := _fault_of(values):
            shown = name if name.isidentifier() and len(name) < 40 else "A parameter"
            return Refusal(
                "check_well_formed",
                "invalid_request",
                f"{shown} {fault}.",
                "each parameter once, as plain text",
                f"{shown if shown == name else 'one of another name'} {fault}",
            )
    return None


def check_response_type(asked: Asked) -> Refusal | None:
    """Exactly `code`, answered in the query; nothing that contains it.

    https://www.rfc-editor.org/rfc/rfc6749#section-3.1.1
    """
    response_type = asked.one("response_type")
    rule, seen = "check_response_type", _seen(asked, "response_type")
    if not response_type:
        return Refusal(rule, "invalid_request", "response_type is missing.", "code", seen)
    if response_type != "code":
        return Refusal(
            rule, "unsupported_response_type", "The only response_type here is code.", "code", seen
        )
    if asked.client is None or not asked.client.may_use_grant("authorization_code"):
        return Refusal(
            rule, "unauthorized_client", "The app is not registered for this.", "authorization_code", seen
        )
    if asked.one("response_mode") not in ("", "query"):
        seen = _seen(asked, "response_mode")
        return Refusal(rule, "invalid_request", "The only response_mode here is query.", "query", seen)
    return None


def check_no_request_object(asked: Asked) -> Refusal | None:
    """Parameters inside a JWT are not understood, and must therefore be refused.

    https://openid.net/specs/openid-connect-core-1_0.html#AuthError
    """
    for name in ("request", "request_uri", "registration"):
        if asked.one(name):
            error = f"{name}_not_supported"
            return Refusal(
                "check_no_request_object", error, f"{name} is not supported.", f"no {name}", f"a {name}"
            )
    return None


def check_pkce_s256(asked: Asked) -> Refusal | None:
    """A code_challenge made by S256, from every client, confidential ones included.

    https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#considerations-for-pkce-support
    https://www.rfc-editor.org/rfc/rfc7636#section-4.4.1
    """
    rule = "check_pkce_s256"
    challenge, method = asked.one("code_challenge"), asked.one("code_challenge_method")
    if not challenge:
        return Refusal(rule, "invalid_request", "code_challenge is missing.", "a code_challenge", "none")
    if method != "S256":
        seen = _seen(asked, "code_challenge_method") if len(method) <= 16 else f"{len(method)} characters"
        return Refusal(rule, "invalid_request", "code_challenge_method must be S256.", "S256", seen)
    if not _S256_CHALLENGE.match(challenge):
        return Refusal(
            rule,
            "invalid_request",
            "code_challenge is no SHA-256 in base64url.",
            "43 characters",
            f"{len(challenge)} characters",
        )
    return None


def check_aud(asked: Asked) -> Refusal | None:
    """`aud` is our FHIR base: else the app would send its token to somebody else's server.

    A trailing slash is tolerated. https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#request-4
    """
    aud = asked.one("aud")
    if aud and aud.removesuffix("/") == asked.fhir_base:
        return None
    description = f"aud must be {asked.fhir_base}."
    return Refusal("check_aud", "invalid_request", description, asked.fhir_base, _seen(asked, "aud"))


def check_scope(asked: Asked) -> Refusal | None:
    """Something is left of the asked scopes once they are narrowed to what the client may have."""
    if asked.granted:
        return None
    readable = parse_scopes(asked.one("scope"))
    why = (
        "The scope cannot be read."
        if readable is None
        else "None of the asked scopes can be granted to this app."
    )
    expected = "scopes that the client is registered for and the catalogue has enabled"
    received = "unreadable text" if readable is None else to_text(readable)[:500] or "nothing"
    return Refusal("check_scope", "invalid_scope", why, expected, received)


def check_launch(asked: Asked) -> Refusal | None:
    """A launch value is ours, for this client, unused and not expired. It is a credential: never logged."""
    if not asked.launch_refusal:
        return None
    description = "The launch value is not valid. Launch the app anew."
    return Refusal(
        "check_launch",
        "invalid_request",
        description,
        "an unused launch of this client",
        asked.launch_refusal,
    )


def check_prompt(asked: Asked) -> Refusal | None:
    """`prompt` has known words only, `none` stands alone, `max_age` is a number of seconds.

    A word that is not understood may ask for a page that is not there: it is refused.
    https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
    https://openid.net/specs/openid-connect-prompt-create-1_0.html
    """
    prompt, max_age = asked.one("prompt").split(), asked.one("max_age")
    if not PROMPTS.issuperset(prompt):
        expected = ", ".join(sorted(PROMPTS))
        description = f"prompt may have these words: {expected}."
        return Refusal("check_prompt", "invalid_request", description, expected, _seen(asked, "prompt"))
    if "none" in prompt and len(prompt) > 1:
        return Refusal(
            "check_prompt",
            "invalid_request",
            "prompt=none must stand alone.",
            "none alone",
            "none and others",
        )
    if max_age and not re.fullmatch(r"[0-9]{1,9}", max_age):
        return Refusal(
            "check_prompt", "invalid_request", "max_age must be seconds.", "digits", _seen(asked, "max_age")
        )
    return None


Rule = Callable[[Asked], Refusal | None]
RULES: tuple[Rule, ...] = (
    check_client,
    check_redirect_uri,
    check_well_formed,
    check_response_type,
    check_no_request_object,
    check_pkce_s256,
    check_aud,
    check_scope,
    check_launch,
    check_prompt,
)


def first_refusal(asked: Asked) -> Refusal | None:
    """The first rule that the request breaks, in the order of RULES; None if it breaks none."""
    return next((refusal for rule in RULES if (refusal := rule(asked))), None)


def _fault_of(values: Sequence[str]) -> str:
    if len(values) > 1:
        return "came more than once"
    if any(len(value) > MAX_LENGTH for value in values):
        return "is too long"
    return "has control characters" if any(_CONTROL.search(value) for value in values) else ""


def _seen(asked: Asked, name: str, mask: Callable[[str], str] = masked) -> str:
    """What came in a parameter, fit for a log line: quoted, short, and counted if it came several times."""
    values = asked.parameters.get(name, ())
    if len(values) > 1:
        return f"{len(values)} values"
    return repr(mask(values[0]))[:200] if values and values[0] else "nothing"
