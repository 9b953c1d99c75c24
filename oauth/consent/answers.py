"""What the ticks of the consent page grant."""

from collections.abc import Collection
from dataclasses import dataclass

from accounts.models import User
from oauth.consent.lines import Line
from oauth.consent.narrowing import first_undone
from oauth.models import AuthorizationRequest
from oauth.scope_words import describe_for
from oauth.scopes import Scope, parse_scopes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person's ticks grant, in the order asked; nothing, if they are a refusal.

    `fault` says in words why the answer contradicts itself, and is empty if it does not: then it must be
    given anew.
    """

    granted: tuple[Scope, ...] = ()
    fault: str = ""


def answer(stored: AuthorizationRequest, user: User, shown: list[Line], ticked: Collection[str]) -> Answer:
    """What these ticks on these lines grant. Ticks that the page did not offer count for nothing.

    A tick for the whole of a line grants the whole, ticks for kinds in it grant these. It is a refusal if
    something could be ticked, nothing was, and nothing is there that the app requires.
    """
    chosen = {line.scope: _chosen(line, ticked) for line in shown if line.optional}
    if chosen and not any(chosen.values()) and not any(line.required for line in shown):
        return Answer()
    if fault := _contradiction(user, shown, chosen):
        return Answer(fault=fault)
    asked = parse_scopes(stored.scope) or ()
    return Answer(tuple(part for scope in asked for part in chosen.get(scope, (scope,))))


def _chosen(line: Line, ticked: Collection[str]) -> tuple[Scope, ...]:
    if line.text in ticked:
        return (line.scope,)
    return tuple(kind.scope for kind in line.kinds if kind.text in ticked)


def _contradiction(user: User, shown: list[Line], chosen: dict[Scope, tuple[Scope, ...]]) -> str:
    """Scopes add up: to leave one out or to limit it means nothing while another one gives the same.

    Only what the person could have left out is looked at, so that there is always a way out.
    """
    granted = [part for parts in chosen.values() for part in parts]
    withheld = [scope for scope, parts in chosen.items() if scope not in parts]
    found = first_undone(granted, withheld, only_own_record=user.fhir_user_type == "Patient")
    if found is None:
        return ""
    words = {line.scope: line.words for line in shown}
    wide, slim = found
    return (
        f"You allowed “{words.get(wide) or describe_for(user, wide)}”, which takes in “{words[slim]}”. "
        "You left that out or limited it. Please take away the first tick too, or allow all of the second."
    )
