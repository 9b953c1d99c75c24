"""The product under the same requests: a world put into its database, a person with an Access, HTTP."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone

from accounts.models import Proxy as ProxyRow
from accounts.models import User
from fhir.access import Access, Guard
from fhir.outcome import Unauthorized
from launch.rights import rights_of
from oauth import catalogue, effective_access
from oauth.scopes import parse_scopes
from tests.fhir.callers import Caller
from tests.fhir.search.shelf import put, remove
from tests.security.naive.cases import NEW, Case, Outcome, is_new, plain, show
from tests.security.naive.matching import Json
from tests.security.naive.rights import Person, World

METHODS = {"create": "POST", "update": "PUT", "delete": "DELETE"}
_SLOTS = 200


def fill(world: World) -> None:
    """Store a world with all its versions."""
    longest = max(len(versions) for versions in world.values())
    for step in range(longest):
        due = [(key, versions[step]) for key, versions in world.items() if len(versions) > step]
        put(*(content for _, content in due if content is not None))
        for key, content in due:
            if content is None:
                remove(*key)


def state() -> tuple[dict[str, str], list[str]]:
    """All that is stored: resources with known ids as they are, and the contents of those under new ids."""
    known: dict[str, str] = {}
    new: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT type, fhir_id, version, deleted, text FROM fhir_resource")
        for kind, fhir_id, version, deleted, text in cursor.fetchall():
            content = {} if deleted else json.loads(text)
            if is_new(fhir_id):
                new.append(plain({**content, "id": NEW}))
            else:
                known[f"{kind}/{fhir_id}"] = f"{version} {'deleted' if deleted else plain(content)}"
    return known, sorted(new)


def expected_state(world: World) -> tuple[dict[str, str], list[str]]:
    """The same of a world."""
    known: dict[str, str] = {}
    new: list[str] = []
    for (kind, fhir_id), versions in world.items():
        now = versions[-1]
        if is_new(fhir_id):
            new.append(plain({**(now or {}), "id": NEW}))
        else:
            known[f"{kind}/{fhir_id}"] = f"{len(versions)} {'deleted' if now is None else plain(now)}"
    return known, sorted(new)


class Desk:
    """Sends a person's requests."""

    def __init__(self, person: Person) -> None:
        self.caller = Caller(_access(person))

    def send(self, case: Case) -> Outcome:
        """What the product answers."""
        if case.kind in ("batch", "transaction"):
            return self._bundle(case)
        headers = {"If_None_Exist": case.query} if case.kind == "create" and case.query else {}
        body: Any = case.resource
        if case.kind == "patch":
            body = [
                {"op": "replace", "path": f"/{name}", "value": each} for name, each in (body or {}).items()
            ]
            headers["content_type"] = "application/json-patch+json"
        response = self.caller.send(_method(case), _path(case), body, **headers)
        return _outcome(case, response.status_code, response.json() if response.content else None)

    def _bundle(self, case: Case) -> Outcome:
        entries = [
            {
                "request": {"method": _method(part), "url": _path(part)},
                **({"resource": part.resource} if part.resource else {}),
            }
            for part in case.parts
        ]
        response = self.caller.send(
            "POST", "", {"resourceType": "Bundle", "type": case.kind, "entry": entries}
        )
        outcome = Outcome(response.status_code)
        if case.kind == "batch" and outcome.status == 200:
            for part, entry in zip(case.parts, response.json()["entry"], strict=True):
                status = int(entry["response"]["status"][:3])
                outcome.parts.append(_outcome(part, status, entry.get("resource")))
        return outcome


def _method(case: Case) -> str:
    names = {"patch": "PATCH", "conditional_update": "PUT", "conditional_delete": "DELETE"}
    return METHODS.get(case.kind) or names.get(case.kind, "GET")


def _path(case: Case) -> str:
    place = f"{case.type}/{case.id}" if case.id else case.type
    match case.kind:
        case "vread":
            return f"{place}/_history/{case.number}"
        case "history":
            return f"{place}/_history?_count={_SLOTS}"
        case "type_history":
            return f"{case.type}/_history?_count={_SLOTS}"
        case "everything":
            return f"{place}/$everything"
        case "search" | "count":
            words = [case.query, *case.include, _chain(case.chain) if case.chain else ""]
            words.append("_summary=count" if case.kind == "count" else f"_count={_SLOTS}")
            return f"{case.type}?{'&'.join(filter(None, words))}"
        case "conditional_update" | "conditional_delete":
            return f"{case.type}?{case.query}"
        case _:
            return place


def _chain(chain: tuple[str, ...]) -> str:
    way, kind, code, name, value = chain
    return f"_has:{kind}:{code}:{name}={value}" if way == "has" else f"{code}:{kind}.{name}={value}"


def _outcome(case: Case, status: int, body: Json | None) -> Outcome:
    if status >= 400 or body is None or body["resourceType"] == "OperationOutcome":
        return Outcome(status)
    if body["resourceType"] != "Bundle":
        return Outcome(status, [_line(body)])
    shown = sorted(_lines(body.get("entry", ())))
    return Outcome(status, shown, body.get("total") if case.kind in ("search", "count") else None)


def _lines(entries: Iterable[Json]) -> Iterable[str]:
    for entry in entries:
        resource = entry.get("resource")
        if resource is None:
            number = entry["response"]["etag"].strip('W/"')
            yield f"{'/'.join(entry['fullUrl'].rsplit('/', 2)[1:])}/{number} deleted"
        elif resource["resourceType"] != "OperationOutcome":
            yield _line(resource)


def _line(resource: Json) -> str:
    return show((resource["resourceType"], resource["id"]), int(resource["meta"]["versionId"]), resource)


def _access(person: Person) -> Access:
    """The Access that a token of this person with these scopes has, by the product's own steps."""
    moment, day = timezone.now(), dt.timedelta(days=1)
    with transaction.atomic(), override_settings(CLINICIAN_ACCESS="all" if person.sees_all else "careteam"):
        user = User.objects.create(username="somebody", fhir_user=person.fhir_user)
        for each in person.proxies:
            ProxyRow.objects.create(
                user=user,
                patient=each.patient,
                active=each.active,
                starts=moment - day if each.begun else moment + day,
                ends=moment - day if each.ended else moment + day,
            )
        asked = parse_scopes(" ".join(person.scopes)) or ()
        granted = catalogue.grantable(asked, asked)
        access = Access(
            rules=effective_access.rules(granted, rights_of(user), person.patient),
            own=person.fhir_user if effective_access.shows_own_record(granted) else "",
            guard=None if person.alive else Guard("1 = 0", (), _ended),
        )
        transaction.set_rollback(True)
    return access


def _ended() -> Access:
    raise Unauthorized("The token has ended.", challenge="Bearer")
