"""Loads data into a migrated database, in a process of its own, and prints how many resources they were.

    python -m bench.fill clinic                 what invented records refer to
    python -m bench.fill PATIENTS SHARE OF      invented records whose number leaves SHARE if divided by OF
    python -m bench.fill published              published or demonstration data

The product's own loader does it: every resource is validated and gets all of its index rows.
"""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django
import orjson

from bench.data import load_order
from bench.synthetic.clinic import clinic
from bench.synthetic.record import record

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartcdr.settings")

CLINIC, PUBLISHED = "clinic", "published"


def main(words: list[str]) -> int:
    """Load what the words say. Exit status 1 if anything was refused."""
    django.setup()
    from fhir.loading import Loader

    loader = Loader(keep_ids=False, strict=False, progress=lambda: None)
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    with tempfile.TemporaryDirectory(prefix="smartcdr-bench-") as directory:
        file = Path(directory) / "bundle.json"
        for bundle in _bundles(words):
            file.write_bytes(bundle)
            loader.load(file)
    for refusal in loader.tally.refusals:
        print(refusal.place, *refusal.reasons, sep="\n  ", file=sys.stderr)
    print(loader.tally.total)
    return 1 if loader.tally.refusals else 0


def _bundles(words: list[str]) -> Iterator[bytes]:
    if words == [CLINIC]:
        yield orjson.dumps(clinic())
    elif words == [PUBLISHED]:
        yield from (bundle for _, bundle in load_order())
    else:
        patients, share, of = map(int, words)
        yield from (orjson.dumps(record(number)) for number in range(share, patients, of))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
