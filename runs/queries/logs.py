"""What an action printed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import QuerySet

from runs.models import LogChunk

# The tail that a panel shows; the whole log is a download.
MAX_CHUNKS = 400
MAX_LINES = 2000


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that the action printed."""

    at: datetime
    stream: str
    text: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Log:
    """Lines up to a chunk. is_cut: earlier lines are not in it; has_more: later ones are there already."""

    lines: tuple[LogLine, ...]
    last_id: int
    is_cut: bool = False
    has_more: bool = False


def read_log(action_id: int, *, attempt: int | None = None) -> Log:
    """The last lines, of one attempt or of all. One statement."""
    found = _chunks(action_id, attempt).order_by("-id")
    chunks = list(found.values_list("id", "attempt", "lines")[: MAX_CHUNKS + 1])
    kept = chunks[:MAX_CHUNKS][::-1]
    lines = [line for _, number, data in kept for line in parse_lines(bytes(data), number)]
    is_cut = len(chunks) > MAX_CHUNKS or len(lines) > MAX_LINES
    return Log(tuple(lines[-MAX_LINES:]), kept[-1][0] if kept else 0, is_cut)


def read_more(action_id: int, *, after: int, attempt: int | None = None) -> Log:
    """The lines that follow a chunk that was seen, none left out: whole chunks, until there are many. One statement."""
    found = _chunks(action_id, attempt).filter(id__gt=after).order_by("id")
    chunks = list(found.values_list("id", "attempt", "lines")[:MAX_CHUNKS])
    lines: list[LogLine] = []
    last, has_more = after, len(chunks) == MAX_CHUNKS
    for chunk_id, number, data in chunks:
        if len(lines) >= MAX_LINES:
            return Log(tuple(lines), last, has_more=True)
        lines += parse_lines(bytes(data), number)
        last = chunk_id
    return Log(tuple(lines), last, has_more=has_more)


def parse_lines(data: bytes, attempt: int) -> list[LogLine]:
    """Lines of a chunk: a JSON list of [microseconds since 1970, stream, text]."""
    return [
        LogLine(datetime.fromtimestamp(int(at) / 1e6, tz=UTC), str(stream), str(text).rstrip("\n"), attempt)
        for at, stream, text in json.loads(data)
    ]


def read_whole_log(action_id: int, *, attempt: int | None = None) -> str:
    """Every line as text, for a download. One statement."""
    found = _chunks(action_id, attempt).order_by("id").values_list("attempt", "lines")
    lines = (line for number, data in found.iterator() for line in parse_lines(bytes(data), number))
    return "".join(f"{line.at.isoformat()} {line.attempt} {line.stream} {line.text}\n" for line in lines)


def _chunks(action_id: int, attempt: int | None) -> QuerySet[LogChunk]:
    found = LogChunk.objects.filter(action_id=action_id)
    return found if attempt is None else found.filter(attempt=attempt)
