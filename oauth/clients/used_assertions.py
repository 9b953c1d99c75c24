"""No assertion counts twice: not in another process, and not after a restart.

https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#signature-verification
"""

import time
from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone

from fhir.rows import fetched
from oauth.clients.assertion import Assertion
from oauth.models import Application, ClientAssertionJti

CLEAN_EVERY_SECONDS = 60
# Other machines' clocks may be behind, and accept an assertion for a little longer.
_KEPT_LONGER = timedelta(minutes=1)
_CLEAN_AT_ONCE = 1000
_INSERT = (
    "INSERT INTO oauth_clientassertionjti (application_id, digest, expires) VALUES (%s, %s, %s)"
    " ON CONFLICT DO NOTHING RETURNING id"
)
_cleaned = 0.0


def use_up(client: Application, assertion: Assertion) -> bool:
    """Note that the client has shown this assertion; False if it had done so before.

    The table's constraint decides, so that of several that arrive together one is the first.
    """
    clean_now_and_then()
    expires = connection.ops.adapt_datetimefield_value(assertion.expires)
    return bool(fetched(_INSERT, [client.pk, assertion.jti_digest, expires]))


def clean() -> int:
    """Delete up to a thousand rows whose assertions are refused by their `exp` alone; returns how many."""
    with transaction.atomic():
        expired = ClientAssertionJti.objects.filter(expires__lte=timezone.now() - _KEPT_LONGER).order_by(
            "expires"
        )
        # Rows that another process is deleting just now are left to it.
        keys = list(expired.select_for_update(skip_locked=True).values_list("pk", flat=True)[:_CLEAN_AT_ONCE])
        return ClientAssertionJti.objects.filter(pk__in=keys).delete()[0] if keys else 0


def clean_now_and_then() -> None:
    """Clean once a minute in each process; that is enough, as a client has few assertions in five minutes."""
    global _cleaned
    now = time.monotonic()
    if now - _cleaned < CLEAN_EVERY_SECONDS:
        return
    _cleaned = now
    while clean() == _CLEAN_AT_ONCE:
        pass
