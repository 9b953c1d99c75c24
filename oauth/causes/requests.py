"""The exact cause for each rule of `oauth.authorize_rules`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from oauth.authorize_rules import MAX_LENGTH, PROMPTS, Asked, Refusal
from oauth.causes.addresses import not_once, of_aud, of_redirect_uri
from oauth.causes.clients import of_status, of_unknown
from oauth.causes.launches import Launch, of_launch
from oauth.causes.masking import masked
from oauth.causes.scopes import limits, of_scope


class Registered(Protocol):
    """What causes ask of a client; oauth.models.Application answers it."""

    client_id: str
    status: str
    status_since: datetime | None
    redirect_uris: str
    scope: str
    grant_types: list[str]


@dataclass(frozen=True, slots=True)
class Known:
    """What staff may know about a request besides what the rules do.

    `near` has client_id and name of clients that an unknown client_id could mean; `enabled` is the
    catalogue as `oauth.catalogue.enabled_text` gives it.
    """

    client: Registered | None
    near: Sequence[tuple[str, str]] = ()
    enabled: str = ""
    launch: Launch | None = None


def cause(refusal: Refusal, asked: Asked, known: Known) -> str:
    """One sentence for staff, computed from how the request differs from what the rule wants."""
    return _CAUSES[refusal.rule](refusal, asked, known)


def _client(refusal: Refusal, asked: Asked, known: Known) -> str:
    client = known.client
    if client is None:
        return of_unknown(asked.parameters.get("client_id", ()), known.near)
    return of_status(client.client_id, client.status, client.status_since)


def _redirect_uri(refusal: Refusal, asked: Asked, known: Known) -> str:
    registered = known.client.redirect_uris.split() if known.client else []
    return of_redirect_uri(asked.parameters.get("redirect_uri", ()), registered)


def _well_formed(refusal: Refusal, asked: Asked, known: Known) -> str:
    for name, values in asked.parameters.items():
        shown = name if name.isidentifier() and len(name) < 40 else "A parameter of another name"
        if len(values) > 1:
            return f"{shown} came {len(values)} times."
        if values and len(values[0]) > MAX_LENGTH:
            return f"{shown} has {len(values[0])} characters, of at most {MAX_LENGTH}."
        if values and (control := re.search(r"[\x00-\x1f\x7f]", values[0])):
            return f"{shown} has a control character, U+{ord(control[0]):04X}."
    return "The request is too long to be turned from POST into GET."


def _response_type(refusal: Refusal, asked: Asked, known: Known) -> str:
    if fault := not_once("response_type", asked.parameters.get("response_type", ())):
        return f"{fault} It has to be code."
    asked_type, mode = asked.one("response_type"), asked.one("response_mode")
    if asked_type != "code":
        return f"response_type is {masked(asked_type)}: it has to be code, as no other flow is served."
    if refusal.error == "unauthorized_client":
        grants = ", ".join(known.client.grant_types) if known.client else ""
        return f"The client is not registered for authorization_code; its grant types are {grants}."
    return f"response_mode is {masked(mode)}: answers are given in the query only."


def _request_object(refusal: Refusal, asked: Asked, known: Known) -> str:
    name = refusal.error.removesuffix("_not_supported")
    return f"The app sent {name}, which this server does not read: each parameter has to come by itself."


def _pkce(refusal: Refusal, asked: Asked, known: Known) -> str:
    challenge, method = asked.one("code_challenge"), asked.one("code_challenge_method")
    if not challenge:
        return "The app uses no PKCE: code_challenge is missing."
    if not method:
        return "code_challenge_method is missing, which means plain: it has to be S256."
    if method != "S256":
        shown = (
            method if re.fullmatch(r"[A-Za-z0-9-]{1,16}", method) else f"a text of {len(method)} characters"
        )
        return f"code_challenge_method is {shown}: it has to be S256."
    return f"code_challenge is {_of_challenge(challenge)}: it has to be SHA-256 in base64url, 43 characters."


def _of_challenge(challenge: str) -> str:
    """The form of a code_challenge that is none, without the challenge itself."""
    if re.fullmatch(r"[A-Za-z0-9_-]{43}=", challenge):
        return "base64url with padding (=)"
    if re.fullmatch(r"[A-Za-z0-9+/]{43}=?", challenge):
        return "base64, not base64url"
    if re.fullmatch(r"[0-9A-Fa-f]{64}", challenge):
        return "hexadecimal"
    return f"a text of {len(challenge)} characters"


def _aud(refusal: Refusal, asked: Asked, known: Known) -> str:
    return of_aud(asked.parameters.get("aud", ()), asked.fhir_base)


def _scope(refusal: Refusal, asked: Asked, known: Known) -> str:
    registered = known.client.scope if known.client else ""
    return of_scope(asked.one("scope"), limits(registered, known.enabled, known.launch is not None))


def _launch(refusal: Refusal, asked: Asked, known: Known) -> str:
    return of_launch(asked.launch_refusal, known.launch)


def _prompt(refusal: Refusal, asked: Asked, known: Known) -> str:
    words = asked.one("prompt").split()
    if unknown := [word for word in words if word not in PROMPTS]:
        return f"prompt has {masked(' '.join(unknown))}, which is none of {', '.join(sorted(PROMPTS))}."
    if "none" in words and len(words) > 1:
        return "prompt has none together with other words, which contradict it."
    return f"max_age is {masked(asked.one('max_age'))}: it has to be seconds, in digits."


_CAUSES: dict[str, Callable[[Refusal, Asked, Known], str]] = {
    "check_client": _client,
    "check_redirect_uri": _redirect_uri,
    "check_well_formed": _well_formed,
    "check_response_type": _response_type,
    "check_no_request_object": _request_object,
    "check_pkce_s256": _pkce,
    "check_aud": _aud,
    "check_scope": _scope,
    "check_launch": _launch,
    "check_prompt": _prompt,
}
