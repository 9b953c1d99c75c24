"""manage.py register_client FILE.json: register a client, or bring a known one up to date."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from oauth.clients import status as client_status
from oauth.clients.metadata import BadMetadata, fill, link
from oauth.clients.secrets import add_secret
from oauth.models import Application
from oauth.operators import tell


class Command(BaseCommand):
    """Reads RFC 7591 metadata plus `launch_url`, and prints client_id and a new secret as JSON."""

    help = (
        "Registers the client that FILE describes: RFC 7591 metadata plus launch_url. "
        "A client known by client_id, else software_id, else client_name is updated. "
        "Prints client_id, and the client_secret when a new one was made: it is shown this once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, and whether a known client gets one more secret."""
        parser.add_argument("file", help="JSON file with the metadata, or - for standard input")
        parser.add_argument(
            "--new-secret", action="store_true", help="make a known confidential client a new secret"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Save all or nothing. Raises CommandError with every fault."""
        metadata = _read(options["file"])
        try:
            with transaction.atomic():
                answer = register(metadata, new_secret=options["new_secret"])
                made = " and made it a secret" if "client_secret" in answer else ""
                cause = f"Saved the client from a file{made}."
                tell("register_client", cause, client=answer["client_id"])
        except BadMetadata as bad:
            raise CommandError("\n".join(bad.faults)) from bad
        self.stdout.write(json.dumps(answer, indent=2))


def register(metadata: dict[str, Any], new_secret: bool = False) -> dict[str, str]:
    """Save the client and answer what the operator is to be told. Raises BadMetadata.

    A new client is live unless the metadata say otherwise: whoever may run this command may decide that.
    """
    application = _known(metadata) or Application(status=Application.Status.LIVE)
    is_new = application.pk is None
    fill(application, metadata)
    client_status.save(application)
    link(application, metadata)
    answer = {"client_id": application.client_id}
    if application.has_secrets and (is_new or new_secret):
        answer["client_secret"] = add_secret(application, description="From register_client")
    return answer


def _known(metadata: dict[str, Any]) -> Application | None:
    """The client that the metadata mean. Raises BadMetadata if they could mean several.

    One that registered itself is meant by its client_id only: it may have chosen the name of another, and
    whoever registered it has its secret.
    """
    for name, field in (("client_id", "client_id"), ("software_id", "software_id"), ("client_name", "name")):
        value = metadata.get(name)
        if not isinstance(value, str) or not value.isprintable() or not value:
            continue
        named = Application.objects.filter(**{field: value})
        if name != "client_id":
            named = named.exclude(registration_source=Application.RegistrationSource.DCR)
        found: list[Application] = list(named[:2])
        if len(found) > 1:
            raise BadMetadata([f"{name}: several clients have this one; say which by client_id."])
        if found:
            return found[0]
        if name == "client_id":
            return None
    return None


def _read(file: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        metadata = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise CommandError(f"{file} cannot be read as JSON: {error}") from error
    if not isinstance(metadata, dict):
        raise CommandError(f"{file} does not hold a JSON object.")
    return metadata
