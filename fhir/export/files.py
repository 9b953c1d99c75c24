"""The files of an export on disk: one directory for each attempt, for our own eyes only."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from django.conf import settings

from fhir.export.models import ExportFile, ExportJob


def directory(job_id: str) -> Path:
    """Where all files of an export are."""
    return Path(settings.EXPORT_DIRECTORY) / job_id


def path_of(file: ExportFile) -> Path:
    """Where a file is."""
    return directory(file.job_id) / str(file.attempt) / f"{file.name}.ndjson"


def remove(job_id: str) -> None:
    """Remove all files of an export; none of them need be there."""
    shutil.rmtree(directory(job_id), ignore_errors=True)


def remove_attempt(job_id: str, attempt: int) -> None:
    """Remove what one worker has written, and the export's directory if nothing else is there."""
    shutil.rmtree(directory(job_id) / str(attempt), ignore_errors=True)
    with contextlib.suppress(OSError):
        directory(job_id).rmdir()


class Writer:
    """Writes lines to files by type, a new file after EXPORT_FILE_RESOURCES of them; `files` are those
    written.

    A context manager: the files are closed, and on disk, when it is left. Raises OSError where they cannot
    be.
    """

    def __init__(self, job: ExportJob) -> None:
        self.files: list[ExportFile] = []
        self._job = job
        self._open: IO[bytes] | None = None
        home = directory(job.id)
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)
        (home / str(job.attempt)).mkdir(mode=0o700)

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def write(self, kind: ExportFile.Kind, resource_type: str, lines: Sequence[str]) -> None:
        """Append lines, which have no line breaks in them; lines of one type must come together."""
        if not lines:
            return
        current = self.files[-1] if self.files else None
        if (
            self._open is None
            or current is None
            or (current.kind, current.type) != (kind, resource_type)
            or current.count >= settings.EXPORT_FILE_RESOURCES
        ):
            current, self._open = self._next(kind, resource_type)
        self._open.write("\n".join([*lines, ""]).encode())
        current.count += len(lines)

    def _next(self, kind: ExportFile.Kind, resource_type: str) -> tuple[ExportFile, IO[bytes]]:
        self._close()
        file = ExportFile(
            job=self._job,
            name=secrets.token_hex(16),
            attempt=self._job.attempt,
            kind=kind,
            type=resource_type,
            count=0,
        )
        self.files.append(file)
        handle = os.open(path_of(file), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return file, os.fdopen(handle, "wb", buffering=1 << 20)

    def _close(self) -> None:
        if self._open is not None:
            self._open.flush()
            os.fsync(self._open.fileno())
            self._open.close()
            self._open = None
