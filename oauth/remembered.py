"""What is remembered as long as the stamp stands: clients with their secrets, the catalogue, the active keys.

To read them at every request would cost more than to answer it. `oauth.tokens.standing` renews its stamp when
any of them changes. Who goes by what is remembered reads the stamp in a statement that it needs anyway, and
begins anew if that is another.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from oauth.catalogue import enabled_text
from oauth.models import Application, ClientSecret
from oauth.prepared import Prepared, columns, instance, value
from oauth.signing_keys import Signer, signers
from oauth.tokens import standing

_MOST_CLIENTS = 1000
# What the endpoints ask of a client; its other columns are read when somebody asks for them.
_OF_CLIENT = columns(
    Application,
    frozenset(
        [
            "id",
            "client_id",
            "client_type",
            "status",
            "token_endpoint_auth_method",
            "allowed_origins",
            "grant_types",
            "scope",
            "introspection",
            "access_token_seconds",
            "refresh_token_seconds",
            "client_jwks",
            "client_jwks_uri",
        ]
    ),
)
_OF_SECRET = columns(ClientSecret, frozenset(["id", "digest", "last_used", "starts", "ends"]))


class OutdatedError(Exception):
    """What was remembered does not stand any more. Nothing has been done by it; look it up and begin anew."""


class KnownClient(NamedTuple):
    """A client with all of its secrets, and the stamp under which they were read."""

    client: Application
    secrets: tuple[ClientSecret, ...]
    stamp: int

    def secrets_in_force(self, now: datetime) -> list[ClientSecret]:
        """The secrets that open the door at `now`: begun and not ended."""
        return [
            secret
            for secret in self.secrets
            if secret.starts <= now and (secret.ends is None or now < secret.ends)
        ]


def stamp_column() -> RawSQL:
    """The stamp as a column of a query, for those who ask the database something else anyway."""
    return RawSQL(f"({standing.CURRENT})", ())  # noqa: S611  # our own words


def _query() -> QuerySet[Application, Any]:
    """A client with its secrets: one row for each, and one row for a client without any."""
    secrets = (f"secrets__{name}" for name in _OF_SECRET)
    clients = Application.objects.annotate(stamp=stamp_column()).filter(client_id=value("client_id"))
    rows: QuerySet[Application, Any] = clients.values_list(*_OF_CLIENT, *secrets, "stamp")
    return rows


_CLIENT = Prepared(_query)
_clients: dict[str, KnownClient] = {}


def remembered_client(client_id: str) -> KnownClient | None:
    """The client of this id as it was when it was last looked up by this process, if it was."""
    return _clients.get(client_id)


def look_up_client(client_id: str) -> KnownClient | None:
    """The client of this id as it is now, to be remembered; None if there is none."""
    rows = _CLIENT(client_id=client_id)
    client = instance(Application, _OF_CLIENT, rows[0]) if rows else None
    if client is None:
        return None
    secrets = (instance(ClientSecret, _OF_SECRET, row[len(_OF_CLIENT) :]) for row in rows)
    known = KnownClient(client, tuple(secret for secret in secrets if secret is not None), int(rows[0][-1]))
    if len(_clients) >= _MOST_CLIENTS:
        _clients.clear()
    _clients[client_id] = known
    return known


@lru_cache(maxsize=4)
def enabled_scopes(stamp: int) -> str:
    """The catalogue, as `oauth.catalogue.enabled_text` gives it, under a stamp that was read just now."""
    return enabled_text()


@lru_cache(maxsize=4)
def active_signers(stamp: int) -> dict[str, Signer]:
    """The keys that sign, by algorithm, under a stamp that was read just now."""
    return signers()
