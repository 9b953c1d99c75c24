"""Bundles to load: published synthetic patients if SMARTCDR_TEST_CORPUS has any, else our demonstration's."""

import gzip
import json
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from smartcdr.demo.bundles import bundles
from tests import machine

Json = dict[str, Any]


def load_order() -> list[tuple[str, bytes]]:
    """(name, transaction Bundle) of all that is to be loaded, what others refer to first.

    Each can be loaded again and again: what concerns a patient is new every time.
    """
    found = _published()
    return [(path.name, gzip.decompress(path.read_bytes())) for path in found] if found else _invented()


def _published() -> list[Path]:
    corpus = machine.corpus()
    return sorted(corpus.glob("synthea/*/*.json.gz")) if corpus else []


def _invented() -> list[tuple[str, bytes]]:
    clinic, *patients = bundles()
    made = [("0-clinic", json.dumps(clinic).encode())]
    return made + [(f"patient {number}", _as_new(bundle)) for number, bundle in enumerate(patients, start=1)]


def _as_new(bundle: Json) -> bytes:
    """The Bundle with every PUT as a POST, and references within it by urn:uuid."""
    text = json.dumps(bundle)
    for entry in bundle["entry"]:
        address = entry["request"]["url"]
        text = text.replace(f'"reference": "{address}"', f'"reference": "{_urn(address)}"')
    changed: Json = json.loads(text)
    for entry in changed["entry"]:
        address = entry["request"]["url"]
        entry["fullUrl"] = _urn(address)
        entry["request"] = {"method": "POST", "url": address.partition("/")[0]}
        del entry["resource"]["id"]
    return json.dumps(changed).encode()


def _urn(address: str) -> str:
    return f"urn:uuid:{uuid5(NAMESPACE_URL, address)}"
