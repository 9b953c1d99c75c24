"""The proof that revoked tokens read nothing: it holds for the product, and notices what would break it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from smartcdr.revocation_proof import reading
from smartcdr.revocation_proof.cast import Cast
from smartcdr.revocation_proof.proof import Ended, Outcome, end_all, ended
from smartcdr.revocation_proof.reading import Read, Readers
from smartcdr.revocation_proof.report import report
from smartcdr.revocation_proof.servers import UnexpectedAnswer
from tests.oauth.flow import ensure_keys, make_user
from tests.oauth.parallel import shared_database

ROOT = Path(__file__).resolve().parents[2]
WITHIN = "CONTRACT: revocation stops reads within one second, in every worker process"
LEFT = """
import django; django.setup()
import json
from accounts.models import User
from django.contrib.sessions.models import Session
from fhir.models import Resource
from oauth.models import AccessToken, Application
left = {"deleted": list(Resource.objects.values_list("deleted", flat=True))}
models = (User, Session, Application, AccessToken)
print(json.dumps(left | {one.__name__: one.objects.count() for one in models}))
"""


def run(environment: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement(WITHIN)
@pytest.mark.requirement("CONTRACT: revocation survives a restart")
def test_tokens_end_at_once_by_each_of_the_three_ways_and_stay_so_after_a_restart(tmp_path: Path) -> None:
    ensure_keys()
    own = {"DATABASE_URL": shared_database(tmp_path), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = run(os.environ | own, "manage.py", "prove_revocation", "--tokens", "6")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {line[:10].strip(): line[10:].split() for line in done.stdout.splitlines() if line[:1] in "tsa"}
    for way in ("the client", "the person", "staff"):
        tokens, median, longest, reads, served, alive = (int(figure) for figure in rows[way])
        assert (tokens, median, longest, served, alive) == (2, 0, 0, 0, 0)
        assert reads > 2
    assert "Proven: no token was served longer than 1 s, and none after the restart." in done.stdout
    left = json.loads(run(os.environ | own, "-c", LEFT).stdout)
    assert left == {"User": 0, "Session": 0, "Application": 0, "AccessToken": 0, "deleted": [True]}


class Site:
    """A site that ends no token by itself: `lives` is how many more reads a token is served, None: always."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.lives: dict[str, int | None] = {}

    def status(self, token: str) -> int:
        left = self.lives.get(token)
        if left is not None:
            self.lives[token] = max(left - 1, 0)
        return 401 if left == 0 else 200


@contextmanager
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(made.status(self.headers["Authorization"].removeprefix("Bearer ")))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        made = Site(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


TOKENS = ["first", "second"]
CAST = Cast("person", "staff", "password", "patient", TOKENS)


def lasted(made: Site, how: "dict[str, int | None]") -> list[Ended]:
    """What the proof says of tokens that a site goes on to serve so many times, or always, when ended."""

    def end(client_id: str, token: str) -> float:
        made.lives[token] = how[token]
        return monotonic()

    readers = Readers([made.port], "/", TOKENS)
    with readers.at_work():
        moments = end_all(readers, CAST, TOKENS, ["client", "client"], {"client": end})
    return [
        ended("client", moment, False, (read for read in readers.reads if read.token == number))
        for number, moment in enumerate(moments)
    ]


@pytest.mark.requirement(WITHIN)
def test_a_token_that_is_served_once_more_is_noticed_and_one_that_never_ends_breaks_the_proof(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "PATIENCE_SECONDS", 0.1)
    with site() as made:
        first, second = lasted(made, {"first": 3, "second": None})
    assert 0 < first.lasted < 1
    assert 0 < first.served <= 3
    assert first.refused > 0
    assert second.lasted > 1
    assert second.refused == 0
    assert Outcome([first], 1, 1).holds
    assert not Outcome([first, second], 1, 1).holds


def test_a_token_that_never_worked_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PATIENCE_SECONDS", 0.1)
    with site() as made:
        made.lives["first"] = 0
        with pytest.raises(UnexpectedAnswer, match=r"Token 1 never worked\."):
            lasted(made, {"first": 0, "second": 0})


def test_only_reads_that_began_after_the_answer_count() -> None:
    reads = [
        Read(0, 1, began=1.0, answered=2.5, status=200),
        Read(0, 1, began=2.1, answered=2.2, status=401),
        Read(0, 2, began=2.2, answered=2.75, status=200),
    ]
    assert ended("staff", 2.0, False, reads) == Ended("staff", 0.75, served=1, refused=1, revived=False)
    assert ended("staff", 2.3, False, reads) == Ended("staff", 0.0, served=0, refused=0, revived=False)


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (
            Ended("person", 1.01, 5, 5, False),
            "1 tokens were served longer than 1 s, 0 were never refused, 0",
        ),
        (
            Ended("person", 0.0, 0, 0, False),
            "0 tokens were served longer than 1 s, 1 were never refused, 0",
        ),
        (Ended("person", 0.0, 0, 5, True), "0 were never refused, 1 were alive after the restart"),
    ],
)
def test_one_token_that_outlives_its_revocation_spoils_the_proof(spoilt: Ended, words: str) -> None:
    sound = Ended("client", 0.25, 1, 9, False)
    assert Outcome([sound], 10, 10).holds
    assert not Outcome([sound, spoilt], 10, 10).holds
    assert not Outcome([], 0, 0).holds
    told = report(Outcome([sound, spoilt], 10, 10))
    assert "NOT PROVEN" in told
    assert words in told
    assert "the client       1        250         250" in told


@pytest.mark.django_db
def test_the_proof_is_refused_where_it_could_harm_or_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="At least 3 tokens"):
        call_command("prove_revocation", tokens=2)
    with pytest.raises(CommandError, match="At least 3 tokens"):
        call_command("prove_revocation", workers=0)
    monkeypatch.setitem(connection.settings_dict, "NAME", "/somewhere/database")
    make_user("", "somebody")
    with pytest.raises(CommandError, match="Say --in-use"):
        call_command("prove_revocation")
    if connection.vendor == "sqlite":  # where alone such databases are
        monkeypatch.setitem(connection.settings_dict, "NAME", ":memory:")
        with pytest.raises(CommandError, match="cannot share a database in memory"):
            call_command("prove_revocation")
