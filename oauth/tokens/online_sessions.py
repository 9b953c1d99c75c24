"""What ends with a session: `online_access`, and what was allowed until the person signs out.

Signing out, a flushed or a deleted session, and its time all end it.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#scopes-for-requesting-a-refresh-token
"""

import hashlib
from datetime import datetime
from typing import Any

from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from oauth.models import Consent
from oauth.tokens.revocation import revoke_all


def session_digest(session_key: str) -> str:
    """SHA-256 in hex of a session key: what tokens keep of the session, as the key itself would be a
    credential.
    """
    return hashlib.sha256(session_key.encode()).hexdigest()


@transaction.atomic(savepoint=False)
def session_end(request: HttpRequest) -> datetime:
    """When the session of this request ends at the latest, as it is kept; now, if it is not kept at all.

    Until the transaction is over the session cannot end: whoever signs out meanwhile ends what is written in
    it.
    """
    kept = Session.objects.select_for_update().filter(session_key=request.session.session_key or "")
    return kept.values_list("expire_date", flat=True).first() or timezone.now()


def end_online_access(sender: type, instance: AbstractBaseSession, **kwargs: Any) -> None:
    """Revoke the tokens and end the consents that lived by this session; a `post_delete` receiver of the
    session model.
    """
    digest = session_digest(instance.session_key)
    revoke_all(session_digest=digest)
    Consent.objects.filter(session_digest=digest, withdrawn__isnull=True).update(withdrawn=timezone.now())
