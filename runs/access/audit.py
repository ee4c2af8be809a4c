"""The audit: who asked for what, when, by which way, and whether they got it. Rows for the page, JSON lines for a collector.

A line is written before the row, so that one is there when the database is not.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from django.conf import settings

from runs.access.deeds import Deed, Outcome
from runs.domain.errors import Unavailable
from runs.domain.roles import Subject
from runs.models import AuditEntry
from runs.store import database

FILE = "audit.jsonl"
LONGEST = {"target": 300, "project": 63, "note": 500, "behalf": 255, "name": 255, "subject": 255}
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. target: project/domain/run/action, or what else it is; note: the reason that was given, or that of a refusal."""

    deed: Deed
    outcome: Outcome = Outcome.DONE
    subject: str = ""
    name: str = ""
    way: str = ""
    behalf: str = ""
    project: str = ""
    target: str = ""
    note: str = ""


def entry_of(subject: Subject | None, deed: Deed, **fields: str | Outcome) -> Entry:
    """An entry about this subject; None when nobody was verified."""
    who = (
        {"subject": subject.id, "name": subject.name, "way": str(subject.way), "behalf": subject.behalf}
        if subject
        else {}
    )
    return Entry(deed, **(who | fields))  # type: ignore[arg-type]  # mypy does not see into the union


def record(entry: Entry) -> None:
    """Write one entry. One statement, and one line of the file, which outlives a database that does not answer."""
    at = datetime.now(UTC)
    columns = {name: str(value) for name, value in asdict(entry).items()}
    columns |= {name: clean(columns[name], most) for name, most in LONGEST.items()}
    append_line({"at": at.isoformat(timespec="milliseconds"), **columns})
    AuditEntry.objects.create(at=at, **columns)


async def record_soon(entry: Entry) -> None:
    """`record` from async code. What cannot be kept in the database is in the file, and the request goes on."""
    try:
        await database.write(record, entry)
    except Unavailable as error:
        log.warning("an audit entry is in the file only", deed=str(entry.deed), error=error.message)


def clean(text: str, most: int) -> str:
    """Cut, and without what no database takes: NULs, halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:most]


def append_line(columns: dict[str, str]) -> None:
    """One write of a whole line to a file that is opened for appending: lines of several processes do not mix."""
    line = json.dumps({name: value for name, value in columns.items() if value}, ensure_ascii=True)
    try:
        descriptor = os.open(path(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        log.warning("cannot write the audit's file", path=str(path()), error=str(error))


def path() -> Path:
    return Path(settings.HOME) / FILE
