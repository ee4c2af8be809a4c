"""What an action printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import QuerySet

from runs.models import Action, LogChunk
from runs.phases import Phase

# What a panel shows at first; later lines are streamed, earlier ones are found by a search or in the download.
MAX_LINES = 1000
# What is told at once: less than 100 kB of HTML, unless one line alone is long.
MAX_LINES_TOLD = 400
MAX_CHARACTERS_TOLD = 45_000
MAX_FOUND = 500
CHUNKS_AT_ONCE = 8  # that are read from the database; each may hold thousands of lines


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that the action printed. stream: out, err, log (a record of a logger) or system (a note of ours)."""

    at: datetime
    stream: str
    text: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Place:
    """How much of a log was told: up to this chunk, and so many lines of the one after it."""

    chunk: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True)
class Log:
    """Lines up to a place. is_cut: earlier lines are not in it; has_more: later ones are there already."""

    lines: tuple[LogLine, ...]
    place: Place
    is_cut: bool = False
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The first lines of a log that match, and how many do."""

    lines: tuple[LogLine, ...]
    total: int


def get_phase(run_id: int, action_id: int) -> Phase | None:
    """The phase of an action; None when it is not one of this run. One statement."""
    phase = Action.objects.filter(id=action_id, run=run_id).values_list("phase", flat=True).first()
    return None if phase is None else Phase(phase)


def read_log(action_id: int, *, attempt: int | None = None) -> Log:
    """The last lines, of one attempt or of all. One statement."""
    chunks: list[list[LogLine]] = []
    last, count, is_cut = 0, 0, False
    for chunk_id, number, data in _chunks(action_id, attempt, "-id"):
        if is_cut := count >= MAX_LINES:
            break
        last = last or chunk_id
        chunks.append(parse_lines(bytes(data), number))
        count += len(chunks[-1])
    lines = [line for chunk in reversed(chunks) for line in chunk]
    return Log(tuple(lines[-MAX_LINES:]), Place(last), is_cut or count > MAX_LINES)


def read_more(action_id: int, place: Place, *, attempt: int | None = None) -> Log:
    """The lines that follow a place, none left out, until there are many. One statement."""
    told, told_of = place.chunk, place.lines
    lines: list[LogLine] = []
    characters = 0
    for chunk_id, number, data in _chunks(action_id, attempt, "id", after=told):
        for index, line in enumerate(parse_lines(bytes(data), number)[told_of:], told_of):
            if len(lines) >= MAX_LINES_TOLD or characters >= MAX_CHARACTERS_TOLD:
                return Log(tuple(lines), Place(told, index), has_more=True)
            lines.append(line)
            characters += len(line.text)
        told, told_of = chunk_id, 0
    return Log(tuple(lines), Place(told, told_of))


def search_log(action_id: int, text: str, *, attempt: int | None = None, stream: str = "") -> Found:
    """The lines of the whole log that hold a text in any case; stream: only of this one. One statement."""
    wanted, total = text.casefold(), 0
    found: list[LogLine] = []
    for line in _lines(action_id, attempt):
        if (not stream or line.stream == stream) and wanted in line.text.casefold():
            total += 1
            if len(found) < MAX_FOUND:
                found.append(line)
    return Found(tuple(found), total)


def read_whole_log(action_id: int, *, attempt: int | None = None) -> str:
    """Every line as text, for a download. One statement."""
    return "".join(
        f"{line.at.isoformat()} {line.attempt} {line.stream} {line.text}\n"
        for line in _lines(action_id, attempt)
    )


def parse_lines(data: bytes, attempt: int) -> list[LogLine]:
    """Lines of a chunk: a JSON list of [microseconds since 1970, stream, text]."""
    return [
        LogLine(datetime.fromtimestamp(int(at) / 1e6, tz=UTC), str(stream), str(text).rstrip("\n"), attempt)
        for at, stream, text in json.loads(data)
    ]


def _lines(action_id: int, attempt: int | None) -> Iterator[LogLine]:
    return (
        line
        for _, number, data in _chunks(action_id, attempt, "id")
        for line in parse_lines(bytes(data), number)
    )


def _chunks(
    action_id: int, attempt: int | None, order: str, *, after: int = 0
) -> Iterator[tuple[int, int, bytes | memoryview]]:
    """A few at a time: whoever has enough stops, and the rest is not read."""
    found: QuerySet[LogChunk] = LogChunk.objects.filter(action_id=action_id, id__gt=after)
    found = found if attempt is None else found.filter(attempt=attempt)
    return found.order_by(order).values_list("id", "attempt", "lines").iterator(chunk_size=CHUNKS_AT_ONCE)
