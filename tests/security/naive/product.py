"""The product under the same requests: a world put into its database, a person with an Access, HTTP."""

from __future__ import annotations

import base64
import datetime as dt
import json
import time
from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone

from accounts.models import Proxy as ProxyRow
from accounts.models import User
from fhir.access import Access, Guard, Rule
from fhir.exchange import instant
from fhir.outcome import Unauthorized
from launch.rights import rights_of
from oauth import catalogue
from oauth.scopes import Scope, parse_scopes
from oauth.tokens import effective_access
from tests.fhir.callers import Caller
from tests.fhir.exporting import ASYNC, path_of, with_ticket, work
from tests.fhir.search.shelf import put, remove
from tests.security.naive.cases import NEW, Case, Outcome, is_new, plain, show
from tests.security.naive.matching import Json
from tests.security.naive.rights import Person, World

COUNTED = ("search", "count", "system_search")
PAGED = ("search", "system_search", "history", "type_history", "system_history")
PATCHES = ("patch", "conditional_patch")
PATCH = "application/json-patch+json"
_SLOTS = 500

Moments = list[str]
"""Between the writing of first versions, second ones and so on; the last lies after all."""


def fill(world: World) -> Moments:
    """Store a world with all its versions; the moments between the first, the second ones and so on."""
    longest = max(len(versions) for versions in world.values())
    moments = [""]
    for step in range(longest):
        due = [(key, versions[step]) for key, versions in world.items() if len(versions) > step]
        put(*(content for _, content in due if content is not None))
        for key, content in due:
            if content is None:
                remove(*key)
        moments.append(instant(time.time_ns() // 1000))
    return moments


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
    """Sends a person's requests in a world that was filled at these moments."""

    def __init__(self, person: Person, moments: Moments) -> None:
        self.caller = Caller(with_ticket(_access(person)))
        self.moments = moments

    def send(self, case: Case) -> Outcome:
        """What the product answers."""
        if case.kind in ("batch", "transaction"):
            return self._bundle(case)
        if case.kind == "export":
            return self._export(case)
        headers = {"If_None_Exist": case.query} if case.kind == "create" and case.query else {}
        body: Any = case.resource
        if case.kind in PATCHES:
            body, headers["content_type"] = _patch(case), PATCH
        response = self.caller.send(_method(case), self._path(case), body, **headers)
        found = _outcome(case, response.status_code, response.json() if response.content else None)
        while (following := _link(response)) and case.size:
            response = self.caller.get(following.removeprefix("http://testserver"))
            further = _outcome(case, response.status_code, response.json())
            assert further.status == 200
            found.shown = sorted([*found.shown, *further.shown])
        return found

    def _bundle(self, case: Case) -> Outcome:
        entries = [self._entry(part) for part in case.parts]
        response = self.caller.send(
            "POST", "", {"resourceType": "Bundle", "type": case.kind, "entry": entries}
        )
        outcome = _outcome(case, response.status_code, None)
        if outcome.status == 200:
            for part, entry in zip(case.parts, response.json()["entry"], strict=True):
                status = int(entry["response"]["status"][:3])
                outcome.parts.append(_outcome(part, status, entry.get("resource")))
        return outcome

    def _entry(self, case: Case) -> Json:
        request = {"method": _method(case), "url": self._path(case)}
        if case.kind == "create" and case.query:
            request["ifNoneExist"] = case.query
        resource = case.resource
        if case.kind in PATCHES:
            data = base64.b64encode(json.dumps(_patch(case)).encode()).decode()
            resource = {"resourceType": "Binary", "contentType": PATCH, "data": data}
        return {"request": request, **({"resource": resource} if resource else {})}

    def _export(self, case: Case) -> Outcome:
        """Start an export, let it be carried out, and fetch all of it."""
        body = None
        if case.patients:
            named = [
                {"name": "patient", "valueReference": {"reference": f"Patient/{each}"}}
                for each in case.patients
            ]
            body = {"resourceType": "Parameters", "parameter": named}
        response = self.caller.send("POST" if body else "GET", self._path(case), body, **ASYNC)
        outcome = _outcome(case, response.status_code, None)
        if outcome.status == 202:
            work()
            status = self.caller.get(path_of(response["Content-Location"]))
            if status.status_code != 200:
                return Outcome(status.status_code)
            manifest = status.json()
            rows = [*manifest["output"], *manifest.get("deleted", ())]
            outcome.shown = sorted(line for row in rows for line in self._file(row))
        return outcome

    def _file(self, row: Json) -> Iterable[str]:
        response = self.caller.get(path_of(row["url"]), Accept="application/fhir+ndjson")
        for line in b"".join(response.streaming_content).splitlines():
            resource = json.loads(line)
            if row["type"] != "Bundle":
                yield _line(resource)
                continue
            for entry in resource["entry"]:
                yield f"{entry['request']['url']} deleted"

    def _path(self, case: Case) -> str:
        words = [case.query, *case.include, _chain(case.chain)]
        if case.kind in PAGED:
            words.append(f"_count={case.size or _SLOTS}")
        if case.kind == "count":
            words.append("_summary=count")
        words += [f"_since={self._moment(case.since)}"] if case.since else []
        words += [f"_at={self._moment(case.at)}"] if case.at else []
        words += [f"_type={','.join(case.types)}"] if case.types else []
        asked = "&".join(filter(None, words)) if case.kind != "create" else ""
        return f"{_place(case)}?{asked}" if asked else _place(case)

    def _moment(self, number: int) -> str:
        """A moment; where nothing was written so late, one after all that was."""
        return self.moments[min(number, len(self.moments) - 1)]


def _place(case: Case) -> str:
    """The path below the FHIR base."""
    ends = {
        "vread": f"_history/{case.number}",
        "history": "_history",
        "type_history": "_history",
        "system_history": "_history",
        "everything": "$everything",
        "operation": "$everything",
        "export": "$export",
    }
    return "/".join(filter(None, (case.type, case.id, ends.get(case.kind, ""))))


def _method(case: Case) -> str:
    names = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}
    return names.get(case.kind.removeprefix("conditional_"), "GET")


def _patch(case: Case) -> list[Json]:
    """The operations; `add` puts a member where there is one or none."""
    test = {"op": "test", "path": "/resourceType", "value": case.type}
    changes = [
        {"op": "add", "path": f"/{name}", "value": each} for name, each in (case.resource or {}).items()
    ]
    return [*([test] if case.number else []), *changes]


def _chain(chain: tuple[str, ...]) -> str:
    """A chain as a parameter of a query."""
    if len(chain) < 3:
        return "=".join(chain)
    way, kind, code, *rest = chain
    if way == "list":
        return f"_list={rest[-1]}"
    inner = _chain(tuple(rest))
    return f"_has:{kind}:{code}:{inner}" if way == "has" else f"{code}:{kind}.{inner}"


def _link(response: Any) -> str:
    """The address of the next page, empty if there is none."""
    links = response.json().get("link", ()) if response.content else ()
    return next((each["url"] for each in links if each["relation"] == "next"), "")


def _outcome(case: Case, status: int, body: Json | None) -> Outcome:
    assert status != 500, case
    if status >= 400 or body is None or body["resourceType"] == "OperationOutcome":
        return Outcome(status)
    if body["resourceType"] != "Bundle":
        return Outcome(status, [_line(body)])
    shown = sorted(_lines(body.get("entry", ())))
    return Outcome(status, shown, body.get("total") if case.kind in COUNTED and not case.size else None)


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
    asked = parse_scopes(" ".join(person.scopes)) or ()
    granted = catalogue.grantable(asked, asked)
    if person.fhir_user:
        rules = _rules_of_person(person, granted)
    else:
        rules = effective_access.client_rules(granted, parse_scopes(" ".join(person.registered)) or ())
    return Access(
        rules=rules,
        own=person.fhir_user if effective_access.shows_own_record(granted) else "",
        guard=None if person.alive else Guard("1 = 0", (), _ended),
        subject="somebody",
        client="app",
    )


def _rules_of_person(person: Person, granted: tuple[Scope, ...]) -> tuple[Rule, ...]:
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
        rules = effective_access.rules(granted, rights_of(user), person.patient)
        transaction.set_rollback(True)
    return rules


def _ended() -> Access:
    raise Unauthorized("The token has ended.", challenge="Bearer")
