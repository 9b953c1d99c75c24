"""Writers that meet: threads that change one resource through the API at the same time.

Run as a module it migrates the database of the environment, races on it and prints what came out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

THREADS = 4
UPDATES = 5
WANTED = f"version {THREADS * UPDATES + 1}, {THREADS * UPDATES} names"


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """The results of `work`, called with 0, 1 … in as many threads at once."""
    from django.db import connection

    results: list[Any] = [None] * count

    def run(number: int) -> None:
        results[number] = work(number)
        connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def race() -> str:
    """Each thread adds names to one Patient, reading it anew whenever its version was no longer the current
    one."""
    from tests.fhir.callers import everyone

    api = everyone()
    api.send("PUT", "Patient/race", {"resourceType": "Patient", "id": "race"})

    def add(thread: int) -> None:
        for number in range(UPDATES):
            _add_name(f"{thread}.{number}")

    together(THREADS, add)
    stored = api.get("Patient/race").json()
    return f"version {stored['meta']['versionId']}, {len({name['family'] for name in stored['name']})} names"


def _add_name(family: str) -> None:
    from tests.fhir.callers import everyone

    api = everyone()
    for _ in range(1000):
        read = api.get("Patient/race")
        stored = read.json()
        changed = {**stored, "name": [*stored.get("name", []), {"family": family}]}
        written = api.send("PUT", "Patient/race", changed, If_Match=read["ETag"])
        if written.status_code == 200:
            return
        assert written.status_code in (409, 412), written.content
    raise AssertionError("never got a turn")


def create_once(barrier: threading.Barrier) -> int:
    """The status of a create that all threads ask for under the same condition, at once."""
    from tests.fhir.callers import everyone

    given = {"resourceType": "Organization", "identifier": [{"system": "urn:x", "value": "1"}]}
    barrier.wait()
    status: int = (
        everyone().send("POST", "Organization", given, If_None_Exist="identifier=urn:x|1").status_code
    )
    return status


def crossing(thread: int) -> int:
    """The worst status of transactions that change the same two resources, some in one order, some in the
    other."""
    from tests.fhir.callers import everyone

    worst = 200
    for number in range(UPDATES):
        names = ["a", "b"] if thread % 2 else ["b", "a"]
        entries = [
            {
                "request": {"method": "PUT", "url": f"Patient/{name}"},
                "resource": {
                    "resourceType": "Patient",
                    "id": name,
                    "name": [{"family": f"{thread}.{number}"}],
                },
            }
            for name in names
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        worst = max(worst, everyone().send("POST", "", bundle).status_code)
    return worst


if __name__ == "__main__":
    import os

    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(race())
