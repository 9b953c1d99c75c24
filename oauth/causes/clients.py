"""Why a client was refused at the authorization endpoint."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from oauth.causes.addresses import not_once
from oauth.causes.differences import of_texts

_SECRET = re.compile(r"[A-Za-z0-9]{43}\Z")  # as oauth.clients.secrets makes them
_STATUS = {
    "draft": "is a draft, which staff have not made live yet",
    "suspended": "is suspended",
    "retired": "is retired",
}


def of_unknown(values: Sequence[str], near: Iterable[tuple[str, str]]) -> str:
    """Which client may have been meant. `near` has client_id and name of clients that it could be."""
    if fault := not_once("client_id", values):
        return fault
    received = values[0]
    for client_id, name in near:
        if difference := of_texts(received, client_id):
            return (
                f"No client has this client_id; it differs from {client_id}, that of {name}, only by"
                f" {difference}."
            )
        if received.casefold() == name.casefold():
            return f"client_id is the name of a client; the client_id of {name} is {client_id}."
    if _SECRET.match(received):
        return "No client has this client_id; it has the form of a client secret."
    return "No client has this client_id."


def of_status(client_id: str, status: str, since: datetime | None) -> str:
    """Which status keeps the client from taking part, and since when, if that is known."""
    what = _STATUS.get(status, f"is {status}")
    return f"The client {client_id} {what}{f', since {moment(since)}' if since else ''}."


def moment(time: datetime) -> str:
    """A time in UTC, to the second."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
