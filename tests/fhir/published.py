"""Published example data for the tests marked `corpus`: found where SMARTCDR_TEST_CORPUS points to."""

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path


def folder() -> Path:
    """Return the folder of the published data. Raises KeyError if the environment does not name it."""
    return Path(os.environ["SMARTCDR_TEST_CORPUS"])


def zipped(name: str) -> Iterator[tuple[str, bytes]]:
    """Return (file name, content) of each file in a zip of the published data, ordered by name."""
    with zipfile.ZipFile(io.BytesIO((folder() / name).read_bytes())) as archive:
        for entry in sorted(archive.namelist()):
            if not entry.endswith("/"):
                yield entry, archive.read(entry)


def hl7_examples() -> Iterator[tuple[str, bytes]]:
    """Return (file name, content) of the 773 examples that HL7 publishes with R4 4.0.1."""
    return zipped("hl7-examples/hl7-r4-4.0.1-examples.zip")
