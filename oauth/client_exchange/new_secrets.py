"""Which of the secrets in a file a client would get. A file never replaces a secret that is there."""

from django.db.models import Q
from django.utils import timezone

from oauth.client_exchange.entries import GivenSecret, Read
from oauth.clients.secrets import is_same
from oauth.models import Application


def to_add(found: Read, client: Application) -> list[GivenSecret]:
    """The secrets to add. Notes and faults are added to what was read.

    One that the client has already is left alone. Any other, for a client that has secrets which have not
    ended, is a fault: which of the two counts is for staff to say.
    """
    if not client.has_secrets:
        if found.secrets:
            found.drop("client_secrets", "the client does not prove itself by a secret.")
        return []
    there = []
    if client.pk is not None:
        not_ended = Q(ends__isnull=True) | Q(ends__gt=timezone.now())
        there = list(client.secrets.filter(not_ended).values_list("digest", flat=True))
    if not found.secrets and not there:
        found.warn("client_secrets", "the client has no secret yet; make one, or it cannot get tokens.")
    new = [one for one in found.secrets if not any(is_same(stored, one.secret) for stored in there)]
    if new and there:
        found.faults.append(
            "client_secrets: the client has secrets here, which a file does not replace; take them out of "
            "the file, or end those here first."
        )
    return new
