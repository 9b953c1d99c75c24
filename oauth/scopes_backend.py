"""django-oauth-toolkit's view of our scopes, for a set that nobody can enumerate."""

from typing import Any

from oauth2_provider.scopes import BaseScopes

from oauth.catalogue import advertised
from oauth.scope_words import describe
from oauth.scopes import parse_scope


class Descriptions(dict[str, str]):
    """Scope to plain words for every scope there can be: what the grammar reads has words, all else is a
    KeyError.
    """

    def __missing__(self, text: str) -> str:
        scope = parse_scope(text)
        if scope is None:
            raise KeyError(text)
        return describe(scope)


class SmartScopes(BaseScopes):  # type: ignore[misc]  # django-oauth-toolkit ships no types
    """Which scopes exist is the grammar's business; which a client may have is its registration's."""

    def get_all_scopes(self) -> Descriptions:
        """Plain words for any scope."""
        return Descriptions()

    def get_available_scopes(
        self, application: Any = None, request: Any = None, *args: Any, **kwargs: Any
    ) -> list[str]:
        """The texts that the client is registered with; without a client, what the server advertises."""
        return advertised() if application is None else application.scope.split()

    def get_default_scopes(
        self, application: Any = None, request: Any = None, *args: Any, **kwargs: Any
    ) -> list[str]:
        """None: a request that names no scope is granted none, never a default that it did not ask for."""
        return []
