"""Fills an empty database for the benchmark, in a process of its own: `python -m bench.prepare DIR TIMES`.

DIR gets the Bundles as files and `facts.json`: what there is to ask for, read from the tables directly.
"""

import datetime as dt
import json
import os
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartcdr.settings")

USER, PASSWORD = "bench.clinician", "benchmark-of-the-day"
FEWEST, MOST = 3, 500


def main(directory: Path, times: int) -> None:
    """Migrate, make a key and a clinician, load all of it `times` times, and write down what can be asked."""
    django.setup()
    from django.core.management import call_command

    from bench.data import load_order

    call_command("migrate", verbosity=0)
    call_command("ensure_signing_key", verbosity=0)
    files = directory / "bundles"
    files.mkdir()
    for number, (name, bundle) in enumerate(load_order()):
        first = "0-" if name.startswith("0-") else "patient-"
        (files / f"{first}{number:04}.json").write_bytes(bundle)
    for _ in range(times):
        call_command("load_fhir", files, verbosity=0)
    facts = _facts()
    _make_clinician(facts["practitioner"])
    (directory / "facts.json").write_text(json.dumps(facts))


def _facts() -> dict[str, Any]:
    from fhir.models import Resource

    rows = Resource.objects.filter(deleted=False).values_list("type", "fhir_id", "text")
    addresses, practitioner = [], ""
    series: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for kind, fhir_id, text in rows.iterator():
        addresses.append(f"{kind}/{fhir_id}")
        practitioner = practitioner or (addresses[-1] if kind == "Practitioner" else "")
        if kind == "Observation":
            _note(series, json.loads(text))
    searches = [
        {
            "patient": patient,
            "system": system,
            "code": code,
            "dates": sorted(dates, key=dt.datetime.fromisoformat, reverse=True),
        }
        for (patient, system, code), dates in series.items()
        if FEWEST <= len(dates) <= MOST
    ]
    return {"addresses": addresses, "practitioner": practitioner, "searches": searches}


def _note(series: dict[tuple[str, str, str], list[str]], observation: dict[str, Any]) -> None:
    patient = observation.get("subject", {}).get("reference", "")
    date = observation.get("effectiveDateTime", "")
    if not patient.startswith("Patient/") or "T" not in date:
        return
    for coding in observation["code"].get("coding", [])[:1]:
        series[patient, coding["system"], coding["code"]].append(date)


def _make_clinician(practitioner: str) -> None:
    from accounts.models import User

    user = User(username=USER, fhir_user=practitioner)
    user.set_password(PASSWORD)
    user.save()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
