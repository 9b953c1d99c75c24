"""Ids that no client may have, since it could be taken for a person by them.

The token of a client that acts for itself says its client_id as `sub`, where a person's says the person's.
https://www.rfc-editor.org/rfc/rfc9700#section-4.15
"""

import uuid

from accounts.models import User


def client_id_fault(client_id: str) -> str:
    """What is wrong with an id beside its spelling; empty if nothing is.

    A person's subject is refused in every way to write a UUID, as somebody may compare them leniently.
    """
    try:
        subject = uuid.UUID(client_id)
    except ValueError:
        return ""
    return "is the subject of a person." if User.objects.filter(uid=subject).exists() else ""
