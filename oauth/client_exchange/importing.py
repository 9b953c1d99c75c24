"""Carrying out an import: exactly what was previewed, all of it or nothing."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from oauth.client_exchange.planning import Entry, Plan, plan
from oauth.clients import status as client_status
from oauth.clients.metadata import link
from oauth.clients.secrets import slow_digest
from oauth.models import ClientSecret


class ChangedMeanwhile(Exception):
    """The import would not do any more what was previewed; `plan` is what it would do now."""

    def __init__(self, now: Plan) -> None:
        super().__init__("The clients have changed since the preview. Look at what would change now.")
        self.plan = now


class Unacceptable(Exception):
    """The plan has faults; `plan` names them."""

    def __init__(self, now: Plan) -> None:
        super().__init__("The file has faults; nothing was imported.")
        self.plan = now


def carry_out(text: str, fingerprint: str, *, with_status: bool = False) -> Plan:
    """Import the file, if that does what the plan of this fingerprint said; returns the plan carried out.

    Raises ChangedMeanwhile, Unacceptable or reading.BadFile; then nothing was changed.
    """
    try:
        with transaction.atomic():
            now = plan(text, with_status=with_status, lock=True)
            if now.fingerprint != fingerprint:
                raise ChangedMeanwhile(now)
            if now.has_faults:
                raise Unacceptable(now)
            _save([entry for entry in now.entries if entry.kind != "unchanged"])
    except IntegrityError as error:
        # Somebody else made a client of the same id between the look and the insert.
        raise ChangedMeanwhile(plan(text, with_status=with_status)) from error
    return now


def _save(entries: list[Entry]) -> None:
    """First all clients, then who may launch whom among them."""
    for entry in entries:
        if entry.application is not None:
            client_status.save(entry.application)
    for entry in entries:
        if entry.application is not None:
            link(entry.application, entry.metadata)
            _add_secrets(entry)


def _add_secrets(entry: Entry) -> None:
    now = timezone.now()
    ClientSecret.objects.bulk_create(
        ClientSecret(
            application=entry.application,
            digest=slow_digest(one.secret),
            description=one.description or "From a file",
            starts=one.starts or now,
            ends=one.ends,
        )
        for one in entry.secrets
    )
