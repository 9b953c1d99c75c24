"""One run: the server on one database, every row, the counting, the export."""

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import psycopg
import requests

from bench.data import load_order
from bench.databases import Amount, Filled
from bench.export import Exported, export
from bench.floor import FLOOR
from bench.report import Asked, Result, asked_of
from bench.rounds import in_rounds
from bench.rows.floors import floors
from bench.rows.reading import Reading
from bench.rows.row import Row
from bench.rows.tokens import by_assertion, introspection, refresh
from bench.rows.writing import Writing
from bench.services import Service
from bench.serving import exporting, serving
from bench.storage import room
from bench.synthetic.record import record
from bench.tokens import CLINICIAN_SCOPE, PATIENT_SCOPE, App, Token
from tests.demo_site import ROOT

TOKENS = 64
EXPORT = "$export"
BUNDLES = 16
FIRST_NEW_PATIENT = 10_000_000
"""The records that are loaded by transactions are of patients whom no database is filled with."""
Environment = dict[str, str]


def run(
    database: str,
    wanted: Amount,
    filled: Filled,
    port: int,
    environment: Environment,
    arguments: argparse.Namespace,
) -> Result:
    """Measure it all; the plans of the slowest requests go to the file `arguments.plans`."""
    directory = Path(environment["EXPORT_DIRECTORY"])
    directory.mkdir(parents=True)
    facts_file = directory.parent / "facts.json"
    prepare = [sys.executable, "-m", "bench.prepare", str(facts_file)]
    subprocess.run(prepare, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    on_postgres = filled.url.startswith("postgres")
    if on_postgres:
        with psycopg.connect(filled.url, autocommit=True) as connection:
            connection.execute("ANALYZE")
    facts = json.loads(facts_file.read_text())
    rooms = room(filled.url, facts["count"]) if on_postgres else []
    result = Result(database, wanted.name, facts["count"], filled, [], {}, rooms=rooms)
    with serving(port, environment):
        site = environment["SITE_URL"]
        stored = _stored(site)
        wide, rows = _rows(site, environment, wanted, facts, stored)
        if _is_chosen(EXPORT, arguments.rows):
            result.exported = _export(site, wide[0], environment, facts["count"], stored)
        basis, reading, writing = (
            [row for row in part if part is rows[0] or _is_chosen(row.name, arguments.rows)] for part in rows
        )
        result.lines = in_rounds(port, [*basis, *reading], arguments.repeat, arguments.seconds)
        told = _statements(directory.parent / "rows.json", [*reading, *writing], environment)
        result.asked = {row["name"]: asked_of(row) for row in told}
        result.empty = min((row["empty"] for row in told if "empty" in row), default=0.0)
        _write_plans(arguments.plans, result, told)
        if writing:
            lines = in_rounds(port, [*basis, *writing], arguments.repeat, arguments.seconds)
            result.lines += [line for line in lines if line.row in writing]
    return result


def _rows(
    site: str, environment: Environment, wanted: Amount, facts: Any, stored: Callable[[str], bytes]
) -> tuple[list[Token], tuple[list[Row], list[Row], list[Row]]]:
    """Tokens that may do everything; and the rows to compare with, those that read, those that write."""
    print(f"Authorizing {2 * TOKENS} times ...", flush=True)
    app = App(site, environment)
    patients = [each["patient"] for each in facts["records"]]
    narrow = [app.authorize(PATIENT_SCOPE, one) for one in random.Random(4).choices(patients, k=TOKENS)]
    wide = [app.authorize(CLINICIAN_SCOPE) for _ in range(TOKENS)]
    writing = Writing(facts, wide)
    reading = [introspection(app, wide + narrow), *Reading(facts, wide, narrow, stored).rows()]
    bundles = _bundles(wanted)
    return wide, (
        floors(facts, stored),
        reading,
        [
            refresh(app, narrow),
            *(by_assertion(Service(site, environment, alg)) for alg in ("RS384", "ES384")),
            writing.create(),
            writing.transaction(bundles),
        ],
    )


def _bundles(wanted: Amount) -> list[bytes]:
    """Records of new patients; of published ones the one of middle size."""
    if wanted.resources:
        return [orjson.dumps(record(FIRST_NEW_PATIENT + number)) for number in range(BUNDLES)]
    patients = sorted((text for name, text in load_order() if not name.startswith("0-")), key=len)
    return [patients[len(patients) // 2]]


def _stored(site: str) -> Callable[[str], bytes]:
    """What the floor says is stored at an address."""
    session = requests.Session()
    return lambda address: session.get(f"{site}{FLOOR}{address}", timeout=30).content


def _export(
    site: str, token: Token, environment: Environment, count: int, stored: Callable[[str], bytes]
) -> Exported:
    print("  $export", flush=True)
    with exporting(environment):
        return export(site, token, Path(environment["EXPORT_DIRECTORY"]), count, stored)


def _statements(file: Path, rows: list[Row], environment: Environment) -> list[dict[str, Any]]:
    """What the rows' examples ask of the database."""
    print("  counting statements", flush=True)
    told = [
        {
            "name": row.name,
            "requests": [each.decode("latin-1") for each in row.examples],
            "reads": not row.writes,
        }
        for row in rows
        if row.examples
    ]
    file.write_text(json.dumps(told))
    command = [sys.executable, "-m", "bench.statements", str(file)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    found: list[dict[str, Any]] = json.loads(file.read_text())
    return found


def _write_plans(file: Path, result: Result, told: list[dict[str, Any]]) -> None:
    with file.open("a") as plans:
        for row in told:
            asked: Asked = result.asked[row["name"]]
            if row.get("plan"):
                head = f"=== {result.database} {result.amount}: {row['name']}: {asked.most_pages:,.0f} pages"
                plans.write(f"{head}\n{row['plan']}\n\n")


def _is_chosen(name: str, names: list[str] | None) -> bool:
    return names is None or name.startswith(tuple(names))
