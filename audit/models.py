"""What happened, for good: events in chains, and the record of each removal of old ones."""

from __future__ import annotations

from django.db import models

from audit.finding import Day


class Chain(models.Model):
    """The events of one writer, a thread of a server's process or of the one beside it, in their order.

    Each event's hash covers the hash before it, so that none can be altered or taken out unnoticed; the
    chain's own row says how many there are and what the last hash is. Chains follow one another in the same
    way: `before` is the hash of the chain that began last.
    """

    id = models.BigAutoField(primary_key=True)
    began = models.BigIntegerField(help_text="Microseconds since 1970.")
    before = models.BinaryField(
        max_length=32, unique=True, help_text="Digest of the chain that began before."
    )
    number = models.BigIntegerField(default=0, help_text="Number of the last event.")
    hash = models.BinaryField(max_length=32, help_text="Hash of the last event, at first of the chain.")
    first_kept = models.BigIntegerField(
        default=1, help_text="Number of the oldest event that retention left."
    )
    hash_before = models.BinaryField(max_length=32, help_text="Hash of the event before that one.")

    def __str__(self) -> str:
        return f"Chain {self.pk}"


class Event(models.Model):
    """One thing that happened: who, with which app, to whose record, what, when, from where, how it ended.

    `id` is the chain's number times 2**32 plus the event's number in it (audit.chain). Whoever writes one
    masks what opens anything: no token, code, secret or password stands here.
    """

    id = models.BigIntegerField(primary_key=True)
    time = models.BigIntegerField(help_text="Microseconds since 1970.")
    kind = models.TextField(help_text="What was done: an interaction of FHIR, sign-in, consent, token …")
    outcome = models.TextField(help_text="allowed, refused or failed.")
    status = models.IntegerField(help_text="The HTTP status of the answer; 0 where there is none.")
    person = models.TextField(help_text="The subject identifier of the person; empty where none is known.")
    client = models.TextField(help_text="The app's client_id.")
    patient = models.TextField(help_text="The id of the Patient whose record it was.")
    type = models.TextField(help_text="The resource type that was asked for.")
    what = models.TextField(help_text="The addresses of the resources, with versions, separated by spaces.")
    address = models.TextField(help_text="Where the request came from.")
    attempt = models.TextField(
        help_text="The reference code of the authorization attempt that it belongs to."
    )
    detail = models.TextField(help_text="More about it, as a JSON object: rule, expected, received, query …")
    hash = models.BinaryField(max_length=32)

    class Meta:
        verbose_name = "audit event"
        indexes = [
            models.Index(fields=["time"], name="audit_time"),
            models.Index("patient", Day("time"), name="audit_patient", condition=~models.Q(patient="")),
            models.Index(fields=["attempt"], name="audit_attempt", condition=~models.Q(attempt="")),
            models.Index("person", Day("time"), name="audit_person", condition=~models.Q(person="")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.what}".strip()


class Removal(models.Model):
    """A removal of old events, which nothing but such a row makes possible. It stays."""

    time = models.BigIntegerField(help_text="Microseconds since 1970.")
    before = models.BigIntegerField(help_text="Events older than this are removed, microseconds since 1970.")
    operator = models.TextField(help_text="Who ran the command: the account on the machine.")
    removed = models.BigIntegerField(default=0)
    done = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"Removal {self.pk}"


class Attempt(Event):
    """An authorization attempt: the same events, by reference code. A model only for the console, where one
    may have the right to look at attempts without that to look at all events.
    """

    class Meta:
        proxy = True
        verbose_name = "authorization attempt"

    def __str__(self) -> str:
        return f"Attempt {self.attempt}"
