"""Many sign-ins elsewhere at the same moment make one account of one FHIR user."""

import threading

import pytest
from django.db import connection

from accounts.federation.admission import admit
from accounts.federation.refused import Refused
from accounts.models import IdentityProvider, User

TIMES = 8


def admitted(provider: IdentityProvider) -> str:
    """What becomes of somebody there whose FHIR user is Practitioner/doc: the account, or the rule."""
    try:
        return str(admit(provider, {"sub": "17", "fhirUser": "Practitioner/doc"}).pk)
    except Refused as refused:
        return refused.rule


def at_once(providers: list[IdentityProvider]) -> list[str]:
    """What becomes of all, each in a thread; one after the other on SQLite, where one writes at a time."""
    if connection.vendor == "sqlite":
        return [admitted(provider) for provider in providers]
    found: list[str] = []
    gate = threading.Barrier(len(providers))

    def run(provider: IdentityProvider) -> None:
        gate.wait()
        found.append(admitted(provider))
        connection.close()

    threads = [threading.Thread(target=run, args=(provider,)) for provider in providers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.django_db(transaction=True)
def test_of_two_providers_one_brings_the_person_and_the_other_is_refused() -> None:
    choices = {"client_id": "smart-cdr", "new_people": "created"}
    one, other = (
        IdentityProvider.objects.create(name=name, slug=name, issuer=f"https://{name}.example.org", **choices)
        for name in ("one", "other")
    )
    found = at_once([one, other] * (TIMES // 2))
    assert len(found) == TIMES
    assert set(found) == {str(User.objects.get().pk), "fhir_user"}
    assert found.count("fhir_user") == TIMES // 2
