"""The lines of the consent page: what an app asks for, in words, and what of it a person may leave out."""

from collections.abc import Iterable
from dataclasses import dataclass

from oauth.consent.narrowing import Kind, kinds, undoes
from oauth.models import AuthorizationRequest
from oauth.models import Scope as CatalogueLine
from oauth.scope_words import describe, describe_for
from oauth.scopes import LaunchScope, NamedScope, Scope, implies, parse_scope, parse_scopes

# Without it nobody could sign in to the app; it comes with any other scope and has no tick of its own.
_GIVEN = NamedScope("openid")


@dataclass(frozen=True, slots=True)
class Line:
    """A scope that is shown. `optional` ones have a tick, `required` ones the app cannot work without.

    `kinds` are the parts that can be allowed instead of the whole.
    """

    scope: Scope
    words: str
    optional: bool
    required: bool
    sensitive: bool
    kinds: tuple[Kind, ...]

    @property
    def text(self) -> str:
        """The scope as it goes over the wire: the value of the tick."""
        return self.scope.text


def lines(stored: AuthorizationRequest) -> list[Line]:
    """What the page shows, in the order asked; scopes approved without asking are left out.

    The words are the catalogue's own for exactly this scope, else those that its grammar gives.
    """
    catalogue = list(CatalogueLine.objects.values_list("pattern", "description", "sensitive"))
    own_words = {pattern: description for pattern, description, _ in catalogue if description}
    sensitive = [wide for pattern, _, marked in catalogue if marked and (wide := parse_scope(pattern))]
    asked = parse_scopes(stored.scope) or ()
    fixed = [scope for scope in asked if not is_optional(stored, scope)]
    return [
        Line(
            scope,
            own_words.get(scope.text) or words_for(stored, scope),
            optional=is_optional(stored, scope),
            required=is_required(stored, scope),
            sensitive=any(implies(wide, scope) for wide in sensitive),
            kinds=_kinds(scope, fixed),
        )
        for scope in unapproved(stored)
    ]


def unapproved(stored: AuthorizationRequest) -> list[Scope]:
    """The asked scopes that staff have not approved for this client without asking, in their order."""
    return [scope for scope in parse_scopes(stored.scope) or () if not _is_within(scope, approved(stored))]


def approved(stored: AuthorizationRequest) -> tuple[Scope, ...]:
    """What staff let this client have without asking anybody."""
    return parse_scopes(stored.application.auto_approved_scope) or ()


def is_required(stored: AuthorizationRequest, scope: Scope) -> bool:
    """Whether the client is registered as unable to work without this scope."""
    return _is_within(scope, parse_scopes(stored.application.required_scope) or ())


def is_optional(stored: AuthorizationRequest, scope: Scope) -> bool:
    """Whether a person may say no to this scope and yes to others."""
    if scope == _GIVEN or isinstance(scope, LaunchScope):
        return False
    return not is_required(stored, scope) and not _is_within(scope, approved(stored))


def words_for(stored: AuthorizationRequest, scope: Scope) -> str:
    """What granting a scope would allow, to the person who is asked."""
    return describe_for(stored.user, scope) if stored.user else describe(scope)


def _kinds(scope: Scope, fixed: Iterable[Scope]) -> tuple[Kind, ...]:
    """The parts of a scope, unless a scope that cannot be left out gives the whole anyway."""
    return () if any(undoes(each, scope) for each in fixed) else kinds(scope)


def _is_within(scope: Scope, wide: Iterable[Scope]) -> bool:
    return any(implies(each, scope) for each in wide)
