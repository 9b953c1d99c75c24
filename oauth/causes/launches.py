"""Why a launch value was refused. The value itself is a credential and stands nowhere."""

from datetime import datetime
from typing import Protocol

from oauth.causes.clients import moment


class Client(Protocol):
    """The part of a client that is told."""

    client_id: str


class Launch(Protocol):
    """The part of a launch context that is told; launch.models.LaunchContext has it."""

    attempt: str
    expires: datetime
    claimed_at: datetime | None

    @property
    def application(self) -> Client:
        """The client that it was made for."""

    @property
    def made_by(self) -> Client | None:
        """The external EHR that made it."""


def of_launch(why: str, launch: Launch | None) -> str:
    """What is wrong with a launch value, in a sentence. `why` is what launch.context.refusal says."""
    if launch is None:
        return "No launch has this launch value: it was never made here, or was removed after its time."
    begun = f" (attempt {launch.attempt})" if launch.attempt else ""
    match why:
        case "made for another client":
            return f"The launch value was made for another client, {launch.application.client_id}{begun}."
        case "already used":
            when = f" on {moment(launch.claimed_at)}" if launch.claimed_at else ""
            first = launch.attempt or "of an unknown code"
            return f"The launch value was used before{when}, by attempt {first}."
        case "expired":
            return f"The launch value expired on {moment(launch.expires)}, before the app presented it."
        case _ if launch.made_by is not None:
            ehr = launch.made_by.client_id
            return f"The launch value was made by {ehr}, which may not launch this client now."
        case _:
            return "The launch value was made by an account that is there no more."
