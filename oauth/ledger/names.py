"""The names in a ledger: of apps, of people who used them, and of the resources that they were given.

Whose name is shown is decided narrowly: a clinician's as the Practitioner resource has it, which the patient
may read anyway; that of somebody who acts or acted for the patient to the patient alone; nobody else's.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from accounts.models import Proxy, User, display_name
from audit.models import Event
from fhir import jsontext
from fhir.access import Access, Rule
from fhir.incoming import is_id
from fhir.outcome import FhirError
from fhir.registry import RESOURCE_TYPES
from fhir.search import engine
from fhir.search.query import parse
from launch.summaries import summarize_resource
from oauth.foreign.issuers import names_of_clients
from oauth.ledger.ledger import CONSOLE, Ledger, Use
from oauth.ledger.words import ADMINISTRATION
from oauth.models import Application

STAFF = "the people who run this service"
BY_ITSELF = "itself, with nobody signed in"
SOMEBODY = "somebody whom we cannot name"
UNKNOWN_APP = "An app that is not registered here"
MOST = 100
"""So many resources of a kind are looked up for one page."""


@dataclass(frozen=True, slots=True)
class Names:
    """What stands for the ids of events."""

    apps: Mapping[str, str]
    people: Mapping[str, str]

    def app(self, one: Event | Use) -> str:
        """The app's name, or what was used in its place."""
        if is_console(one):
            return ADMINISTRATION
        return self.apps.get(one.client, UNKNOWN_APP)

    def person(self, one: Event | Use) -> str:
        """By whom, as in "you"."""
        if is_console(one):
            return STAFF
        return self.people.get(one.person, SOMEBODY) if one.person else BY_ITSELF


def is_console(one: Event | Use) -> bool:
    """Whether staff looked in the console, with no app."""
    return one.by_console if isinstance(one, Use) else one.kind == CONSOLE


def names(ledger: Ledger, found: Iterable[Event | Use]) -> Names:
    """The names for these events or uses."""
    met = [one for one in found if not is_console(one)]
    clients = {one.client for one in met}
    ours = Application.objects.filter(client_id__in=clients).values_list("client_id", "name")
    return Names({**names_of_clients(clients), **dict(ours)}, _people(ledger, {one.person for one in met}))


def _people(ledger: Ledger, uids: Iterable[str]) -> dict[str, str]:
    users = list(User.objects.filter(uid__in={uid for uid in uids if _is_uid(uid)}))
    if not ledger.patient:
        return {str(user.uid): "you" for user in users if str(user.uid) == ledger.reader}
    proxies = set(Proxy.objects.filter(patient=ledger.patient, user__in=users).values_list("user", flat=True))
    practitioners = titles(ledger, (user.fhir_user for user in users))
    return {str(user.uid): _person(ledger, user, user.pk in proxies, practitioners) for user in users}


def _person(ledger: Ledger, user: User, acts: bool, practitioners: Mapping[str, str]) -> str:
    if str(user.uid) == ledger.reader:
        return "you"
    if user.fhir_user == f"Patient/{ledger.patient}":
        return "you, with another account" if ledger.own else ledger.name
    if acts and user.fhir_user_type == "RelatedPerson":
        return f"{display_name(user)}, acting for you" if ledger.own else f"somebody acting for {ledger.name}"
    if user.fhir_user_type == "Practitioner":
        name = practitioners.get(user.fhir_user)
        return f"{name}, clinician" if name else "a clinician"
    return SOMEBODY


def titles(ledger: Ledger, references: Iterable[str]) -> dict[str, str]:
    """Words for those of the relative references that the reader may read in this record and that say
    something of themselves.
    """
    ids: dict[str, set[str]] = defaultdict(set)
    for reference in references if ledger.patient else ():
        resource_type, _, fhir_id = reference.partition("/")
        if resource_type in RESOURCE_TYPES and is_id(fhir_id) and len(ids[resource_type]) < MOST:
            ids[resource_type].add(fhir_id)
    return {
        reference: words
        for resource_type, wanted in ids.items()
        for reference, words in _of_type(ledger, resource_type, wanted)
        if words
    }


def _of_type(ledger: Ledger, resource_type: str, ids: set[str]) -> Iterable[tuple[str, str]]:
    rule = Rule(frozenset({resource_type}), frozenset("rs"), frozenset({ledger.patient}))
    query = parse(resource_type, urlencode({"_id": ",".join(sorted(ids))}), strict=True)
    try:
        found = engine.page(Access((rule,), subject=ledger.reader), query, len(ids), counted=False)
    except FhirError:
        # Names are a help and not the point of the page, which comes without them if the database is busy.
        return []
    return [
        (f"{resource_type}/{hit.fhir_id}", summarize_resource(jsontext.parse(hit.text.encode())))
        for hit in found.hits
    ]


def _is_uid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
