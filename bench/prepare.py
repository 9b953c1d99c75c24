"""Makes a filled database ready to be served, in a process of its own: `python -m bench.prepare FILE`.

FILE gets the facts: what there is to ask for.
"""

import json
import os
import sys
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartcdr.settings")

USER, PASSWORD = "bench.clinician", "benchmark-of-the-day"


def main(file: Path) -> None:
    """Migrate what is older than the code, make a key and a clinician, and write down what can be asked."""
    django.setup()
    from django.core.management import call_command

    from bench.facts import facts

    call_command("migrate", verbosity=0)
    call_command("ensure_signing_key", verbosity=0)
    found = facts()
    _make_clinician(found["practitioner"])
    file.write_text(json.dumps(found))


def _make_clinician(practitioner: str) -> None:
    from accounts.models import User

    user = User(username=USER, fhir_user=practitioner)
    user.set_password(PASSWORD)
    user.save()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
