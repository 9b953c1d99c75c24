"""What the consent page shows: lines with their ticks and numbers, how long, and what was allowed before."""

from collections.abc import Collection
from dataclasses import dataclass

from accounts.models import User
from oauth.consent.consenting import answered, kept_besides
from oauth.consent.duration import WORDS, Duration
from oauth.consent.lines import Line, approved, lines
from oauth.consent.numbers import in_words, numbers
from oauth.models import AuthorizationRequest, Consent
from oauth.scope_words import describe_for
from oauth.scopes import Scope, implies, narrow, parse_scopes


@dataclass(frozen=True, slots=True)
class Tick:
    """A checkbox or radio button: what it sends, its words, and how much it is about ("": not said)."""

    value: str
    words: str
    number: str
    checked: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the page: its tick, and the ticks for its kinds."""

    tick: Tick
    sensitive: bool
    kinds: list[Tick]


@dataclass(frozen=True, slots=True)
class Page:
    """The page's parts, in its order."""

    always: list[Row]
    required: list[Row]
    optional: list[Row]
    durations: list[Tick]
    kept: list[str]


def page(
    stored: AuthorizationRequest,
    user: User,
    before: Consent | None,
    ticked: Collection[str],
    duration: Duration,
) -> Page:
    """The page with these ticks and this duration set. `before` is the consent that an answer changes."""
    shown = lines(stored)
    patient = stored.launch_context.patient if stored.launch_context else ""
    counted = numbers(user, patient, [part for line in shown for part in _parts(line)])
    rows = {line.scope: _row(line, ticked, counted) for line in shown}
    return Page(
        always=[rows[line.scope] for line in shown if not (line.optional or line.required)],
        required=[rows[line.scope] for line in shown if line.required],
        optional=[rows[line.scope] for line in shown if line.optional],
        durations=[Tick(each, words, "", each is duration) for each, words in WORDS.items()],
        kept=[describe_for(user, scope) for scope in kept_besides(before, stored)] if before else [],
    )


def usual_ticks(stored: AuthorizationRequest, before: Consent | None) -> list[str]:
    """The ticks before the person does anything: as they answered before, and all of what is new to them."""
    asked = parse_scopes(stored.scope) or ()
    if before is None:
        return [scope.text for scope in asked]
    known = (*answered(before), *approved(stored))
    allowed = parse_scopes(before.scope) or ()
    return [
        part.text
        for scope in asked
        for part in (narrow([scope], allowed) if any(implies(one, scope) for one in known) else (scope,))
    ]


def _parts(line: Line) -> list[Scope]:
    return [line.scope, *(kind.scope for kind in line.kinds)]


def _row(line: Line, ticked: Collection[str], counted: dict[Scope, int]) -> Row:
    parts = [
        Tick(kind.text, kind.words.capitalize(), _number(kind.scope, counted), kind.text in ticked)
        # What there is something of comes first: of 16 kinds of observations most people have a few.
        for kind in sorted(line.kinds, key=lambda kind: counted.get(kind.scope) == 0)
    ]
    tick = Tick(line.text, line.words, _number(line.scope, counted), line.text in ticked)
    return Row(tick, line.sensitive, parts)


def _number(scope: Scope, counted: dict[Scope, int]) -> str:
    return in_words(counted[scope]) if scope in counted else ""
