"""The benchmark's own WSGI application: what it serves beside the product, and what it leaves out."""

import importlib
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import pytest

from audit.models import Event
from audit.recording import waiting
from bench.load import Exchange
from bench.rows.reading import untold
from bench.rows.row import http
from bench.statements import environ_of
from fhir import accounting
from fhir.front import straight_to_api
from tests.oauth.issuing import issue, make_client, make_key, make_user

pytestmark = pytest.mark.django_db
Application = Callable[[dict[str, Any], Callable[..., None]], Iterable[bytes]]


@pytest.fixture
def application(db: None, monkeypatch: pytest.MonkeyPatch) -> Application:
    """As granian imports it, around the product's API alone: a server's process settles its memory as well.

    It puts itself before what tells the audit trail, for this one test.
    """
    product: Any = ModuleType("smartcdr.wsgi")
    product.application = straight_to_api(lambda environ, start_response: [])
    monkeypatch.setitem(sys.modules, "smartcdr.wsgi", product)
    monkeypatch.setattr(accounting, "tell", accounting.tell)
    monkeypatch.delitem(sys.modules, "bench.wsgi", raising=False)
    found: Application = importlib.import_module("bench.wsgi").application
    # Nobody else is to have this one: by then the accounting is the product's again.
    del sys.modules["bench.wsgi"]
    return found


def test_only_reads_that_ask_for_it_are_left_out_of_the_trail(application: Application) -> None:
    """Or "read, no audit" would measure the same as "read", or "read" would measure no audit."""
    token = issue(make_key(), make_user(), make_client(), scope="user/*.rs").token
    told = Exchange(http("GET", "/fhir/Patient", {"Authorization": f"Bearer {token}"}), 200, "")
    counts = []
    for exchange in (told, untold(told), told):
        statuses: list[str] = []
        body = application(
            environ_of(exchange.request), lambda status, *_, said=statuses: said.append(status)
        )
        assert (statuses, b'"Bundle"' in b"".join(body)) == (["200 OK"], True)
        waiting.write()
        counts.append(Event.objects.filter(kind="search-type", outcome="allowed").count())
    assert counts == [1, 1, 2]
