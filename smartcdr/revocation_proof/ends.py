"""The three ways in which a token is revoked: by its client, by the person, and by staff."""

from __future__ import annotations

from collections.abc import Callable

from oauth.models import AccessToken
from smartcdr.revocation_proof.servers import UnexpectedAnswer
from smartcdr.revocation_proof.visitor import Answer, Visitor

CLIENT, PERSON, STAFF = "client", "person", "staff"
WAYS = (CLIENT, PERSON, STAFF)
MANAGE, CONSOLE = "/oauth/manage", "/admin/oauth/accesstoken/"

End = Callable[[str, str], float]
"""Ends what an app holds, given its client_id and the token; returns the moment (`monotonic`, seconds) at
which the answer had arrived. Raises UnexpectedAnswer."""


def ends(app: Visitor, person: Visitor, staff: Visitor) -> dict[str, End]:
    """Each way, carried out by whoever it belongs to; person and staff are signed in."""

    def by_client(client_id: str, token: str) -> float:
        return _moment(app.post("/oauth/revoke", [("client_id", client_id), ("token", token)]), 200)

    def by_person(client_id: str, token: str) -> float:
        page = person.get(MANAGE)
        return _moment(person.press(page, f"{MANAGE}/revoke", [("client_id", client_id)]), 302, MANAGE)

    def by_staff(client_id: str, token: str) -> float:
        pk = AccessToken.objects.values_list("pk", flat=True).get(application__client_id=client_id)
        chosen = [("action", "revoke_selected"), ("_selected_action", str(pk))]
        return _moment(staff.press(staff.get(CONSOLE), CONSOLE, chosen), 302, CONSOLE)

    return {CLIENT: by_client, PERSON: by_person, STAFF: by_staff}


def _moment(answer: Answer, status: int, path: str = "") -> float:
    """When the answer had arrived, if it is the one that says that all was done."""
    if answer.status != status or (path and answer.path != path):
        raise UnexpectedAnswer(f"A revocation led to {answer.path} with status {answer.status}.")
    return answer.arrived
