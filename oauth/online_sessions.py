"""`online_access` ends with the session it came from: signing out, a flushed or a deleted session all end it.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-a-refresh-token
"""

import hashlib
from typing import Any

from django.contrib.sessions.base_session import AbstractBaseSession

from oauth.revocation import revoke_all


def session_digest(session_key: str) -> str:
    """SHA-256 in hex of a session key: what tokens keep of the session, as the key itself would be a
    credential.
    """
    return hashlib.sha256(session_key.encode()).hexdigest()


def end_online_access(sender: type, instance: AbstractBaseSession, **kwargs: Any) -> None:
    """Revoke the tokens that lived by this session; a `post_delete` receiver of the session model."""
    revoke_all(session_digest=session_digest(instance.session_key))
