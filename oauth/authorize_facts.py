"""What is known about an authorization request before anybody is asked anything: client, launch, scopes, and
the attempt that it belongs to. What a refusal comes from is found out here for staff as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from audit.attempts import new_attempt
from launch.context import refusal as launch_refusal
from launch.models import LaunchContext
from oauth.authorize_rules import RULES, Asked, Refusal
from oauth.catalogue import enabled_text, grantable
from oauth.causes.masking import masked, without_jwts
from oauth.causes.requests import Known, cause
from oauth.causes.scopes import left_out, limits
from oauth.models import Application
from oauth.scopes import LaunchScope, Scope, parse_scopes, to_text
from oauth.tokens.backend_services import is_with_person

_LONGEST_ID = 255
_SHORTEST_TO_GUESS = 4
_MOST_GUESSES = 20


@dataclass(frozen=True, slots=True)
class Facts:
    """The client and the launch that a request names, all that the rules need to know, the catalogue's
    enabled lines as text, and the reference code of the attempt.
    """

    client: Application | None
    launch: LaunchContext | None
    asked: Asked
    enabled: str
    attempt: str


def look_up(parameters: Mapping[str, Sequence[str]]) -> Facts:
    """The facts about a request with these parameters."""
    asked = Asked(parameters, None, settings.FHIR_BASE)
    client_id, launch_id = asked.one("client_id"), asked.one("launch")
    client = Application.objects.filter(client_id=client_id).first() if _could_be_id(client_id) else None
    if client is None:
        return Facts(None, None, asked, "", new_attempt())
    launches = LaunchContext.objects.select_related("application", "made_by")
    launch = launches.filter(pk=launch_id).first() if _could_be_id(launch_id, 64) else None
    why_not = launch_refusal(launch, client.pk, timezone.now()) if launch_id else ""
    enabled = enabled_text()
    granted = _granted(asked.one("scope"), client, enabled, launch is not None)
    asked = Asked(parameters, client, settings.FHIR_BASE, granted, why_not)
    return Facts(client, launch, asked, enabled, _attempt(client, launch))


def taken(facts: Facts) -> Facts:
    """The facts once another request has claimed the launch in the same moment: an attempt of its own."""
    if facts.launch is not None:
        facts.launch.refresh_from_db(fields=["claimed_by", "claimed_at", "expires"])
    why_not = "already used" if facts.launch is None or facts.launch.claimed_by else "expired"
    return replace(facts, asked=replace(facts.asked, launch_refusal=why_not), attempt=new_attempt())


def explained(refusal: Refusal, facts: Facts) -> Refusal:
    """The refusal with its exact cause, for staff."""
    near = _near(facts.asked.one("client_id")) if facts.client is None else ()
    return replace(
        refusal, cause=cause(refusal, facts.asked, Known(facts.client, near, facts.enabled, facts.launch))
    )


def passed(facts: Facts) -> dict[str, Any]:
    """What is told of a request that broke no rule: nothing that could open anything, not even `state`."""
    asked = facts.asked
    client = cast(Application, facts.client)
    text, granted = asked.one("scope"), to_text(asked.granted)
    bounds = limits(client.scope, facts.enabled, facts.launch is not None)
    return {
        "rule": ", ".join(rule.__name__ for rule in RULES),
        "expected": "a request that breaks none of these rules",
        "received": "one that breaks none",
        "redirect_uri": masked(asked.one("redirect_uri")),
        "aud": masked(asked.one("aud")),
        "asked": without_jwts(text),
        "granted": granted,
        "left_out": "; ".join(left_out(text, bounds)) if granted != text else "",
        "launch": "yes" if facts.launch is not None else "no",
        "pkce": asked.one("code_challenge_method"),
        "prompt": asked.one("prompt"),
        "max_age": asked.one("max_age"),
    }


def _attempt(client: Application, launch: LaunchContext | None) -> str:
    """That of the launch, if it is this client's and nobody has used it; else one of its own."""
    if launch is None or launch.application_id != client.pk or launch.claimed_by:
        return new_attempt()
    return launch.attempt or new_attempt()


def _granted(text: str, client: Application, enabled: str, is_launched: bool) -> tuple[Scope, ...]:
    """What of the asked scopes the client may have; `launch` means nothing without a launch value, and no
    person can allow what is the client's own.
    """
    asked = filter(is_with_person, parse_scopes(text) or ())
    scopes = grantable(asked, parse_scopes(client.scope) or (), enabled)
    return tuple(scope for scope in scopes if is_launched or scope != LaunchScope())


def _near(client_id: str) -> list[tuple[str, str]]:
    """client_id and name of clients that an unknown client_id could mean: whatever differs by one character
    has one half in common.
    """
    text = client_id.strip()
    if len(text) < _SHORTEST_TO_GUESS or not _could_be_id(text):
        return []
    half = len(text) // 2
    alike = Q(client_id__istartswith=text[: half - 1]) | Q(client_id__iendswith=text[half + 1 :])
    found = Application.objects.filter(alike | Q(name__iexact=text)).order_by("pk")
    return list(found.values_list("client_id", "name")[:_MOST_GUESSES])


def _could_be_id(text: str, longest: int = _LONGEST_ID) -> bool:
    return bool(text) and len(text) <= longest and text.isprintable()
