"""The one reader of logs: the tail that a panel shows, what follows for frames and for the API, search, download.

A log is kept in chunks, each a JSON list of lines; an offset counts chunks and lines, so a reader may stop amid a chunk.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from django.db.models import QuerySet

from runs.domain.logs.places import LinePlace
from runs.domain.logs.terminal import plain
from runs.domain.logs.tracebacks import Frame, find_own_frame
from runs.domain.phases import TERMINAL, Phase
from runs.models import Action, LogChunk

MAX_FOUND = 500
CHUNKS_AT_ONCE = 8  # that are read from the database; each may hold thousands of lines


class Bounds(NamedTuple):
    """How much is read at once. One line may be longer than all that is allowed: it is read all the same."""

    lines: int
    characters: int


# Characters of HTML, about: for a style beyond those of its escape sequence, and for the stream and the level of a line.
COST_OF_A_STYLE, COST_OF_MARKS = 25, 60
# At first; what is before and behind it, the page asks for as its reader goes there.
ON_A_PAGE = Bounds(1000, 300_000)
IN_A_FRAME = Bounds(400, 40_000)  # less than 100 kB of HTML, unless one line alone is long
WITH_A_TRACEBACK = Bounds(300, 60_000)
IN_A_MESSAGE = Bounds(10_000, 1_000_000)  # of the API, where lines cost less


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that the action printed. stream: out, err, log (a record of a logger) or system (a note of ours).

    place: None for a line that is not stored, because it says what is missing.
    """

    at: datetime
    stream: str
    text: str
    attempt: int
    place: LinePlace | None = None


@dataclass(frozen=True, slots=True)
class LogOffset:
    """How much of a log a reader has: all chunks up to this id, and so many lines of the one after it."""

    chunk: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True)
class Log:
    """Lines up to an offset. is_cut: earlier lines were left out; has_more: later ones are stored already."""

    lines: tuple[LogLine, ...]
    offset: LogOffset
    is_cut: bool = False
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The first lines of a log that match, and how many do. left_out: bytes that could not be searched."""

    lines: tuple[LogLine, ...]
    total: int
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Culprit:
    """Where in the user's own code an error was raised, and the line of the log that says it."""

    frame: Frame
    place: LinePlace | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines that were stored together. left_out: bytes of the log that are not kept, just before them."""

    id: int
    lines: list[LogLine]
    left_out: int

    def gap(self) -> list[LogLine]:
        """The line that says what is missing before these lines, if anything is."""
        if not self.left_out or not self.lines:
            return []
        first = self.lines[0]
        return [LogLine(first.at, "system", gap_text(self.left_out), first.attempt)]


def gap_text(left_out: int) -> str:
    """What a log says where its middle is missing."""
    return f"{left_out / 1e6:.1f} MB are left out here: of a long log, its first and its last part are kept"


def get_phase(run_id: int, action_id: int) -> Phase | None:
    """The phase of an action; None when it is not one of this run. One statement."""
    phase = Action.objects.filter(id=action_id, run=run_id).values_list("phase", flat=True).first()
    return None if phase is None else Phase(phase)


def read_end(action_id: int, *, attempt: int | None = None) -> Log:
    """The last lines, of one attempt or of all. One statement."""
    return read_before(action_id, None, attempt=attempt, most=ON_A_PAGE)


def read_before(
    action_id: int, place: LinePlace | None, *, attempt: int | None = None, most: Bounds = IN_A_FRAME
) -> Log:
    """The lines before a place, up to the bounds; None: those before the end, to which the offset then leads. One statement."""
    lines: list[LogLine] = []
    last, characters = 0, 0
    for chunk in _chunks(action_id, attempt, "-id", upto=place.chunk if place else None):
        last = last or chunk.id
        end = place.number if place and chunk.id == place.chunk else len(chunk.lines)
        for index in reversed(range(min(end, len(chunk.lines)))):
            if len(lines) >= most.lines or characters >= most.characters:
                return Log(tuple(reversed(lines)), LogOffset(last), is_cut=True)
            line = chunk.lines[index]
            lines += [line, *chunk.gap()] if index == 0 else [line]
            characters += size_of(line)
    return Log(tuple(reversed(lines)), LogOffset(last))


def read_around(action_id: int, place: LinePlace, *, attempt: int | None = None) -> Log:
    """The line at a place, with those before and behind it. Two statements."""
    before = read_before(action_id, place, attempt=attempt)
    after = read_after(action_id, LogOffset(place.chunk - 1, place.number), attempt=attempt)
    return Log((*before.lines, *after.lines), after.offset, before.is_cut, after.has_more)


def find_culprit(action_id: int, attempt: int, code: str) -> Culprit | None:
    """Where in the user's own code this error was raised, as the end of the attempt's log says; None when it does not. One statement."""
    log = read_before(action_id, None, attempt=attempt, most=WITH_A_TRACEBACK)
    lines = [line for line in log.lines if line.stream in {"err", "log"}]
    found = find_own_frame([plain(line.text) for line in lines], code) if code else None
    return Culprit(found[1], lines[found[0]].place) if found else None


def find_line(run_id: int, place: LinePlace) -> tuple[str, int] | None:
    """The action that printed the line at a place, and the attempt; None when it is kept no more, or of another run. One statement."""
    chunks = LogChunk.objects.filter(id=place.chunk, action__run=run_id)
    for action, attempt, lines in chunks.values_list("action__name", "attempt", "lines"):
        if place.number < len(json.loads(bytes(lines))):
            return action, attempt
    return None


def read_after(
    action_id: int, offset: LogOffset, *, attempt: int | None = None, most: Bounds = IN_A_FRAME
) -> Log:
    """The lines after an offset, none left out, up to the bounds. One statement."""
    chunk, done = offset.chunk, offset.lines
    lines: list[LogLine] = []
    characters = 0
    for part in _chunks(action_id, attempt, "id", after=chunk):
        for index, line in enumerate(part.lines[done:], done):
            if len(lines) >= most.lines or characters >= most.characters:
                return Log(tuple(lines), LogOffset(chunk, index), has_more=True)
            # A gap is no line of the chunk: it comes with the first one, and is not counted in an offset.
            lines += [*part.gap(), line] if index == 0 else [line]
            characters += size_of(line)
        chunk, done = part.id, 0
    return Log(tuple(lines), LogOffset(chunk, done))


def read_attempt(action_id: int, attempt: int, offset: LogOffset) -> tuple[Log, bool]:
    """The lines of an attempt after an offset, and whether they are its last ones. Two statements.

    The phase is read first: lines come in the transaction of the end or before it, so an ended attempt misses none.
    """
    phase, current = Action.objects.values_list("phase", "attempt").get(pk=action_id)
    log = read_after(action_id, offset, attempt=attempt, most=IN_A_MESSAGE)
    has_ended = Phase(phase) in TERMINAL or current > attempt
    return log, has_ended and not log.has_more


def search_log(action_id: int, text: str, *, attempt: int | None = None, stream: str = "") -> Found:
    """The lines of the whole log that hold a text in any case, as one reads them; stream: only of this one. One statement."""
    wanted, total, left_out = text.casefold(), 0, 0
    found: list[LogLine] = []
    for chunk in _chunks(action_id, attempt, "id"):
        left_out += chunk.left_out
        for line in chunk.lines:
            if (not stream or line.stream == stream) and wanted in plain(line.text).casefold():
                total += 1
                if len(found) < MAX_FOUND:
                    found.append(line)
    return Found(tuple(found), total, left_out)


def read_whole_log(action_id: int, *, attempt: int | None = None) -> str:
    """Every line that is kept as one reads it, for a download. One statement."""
    return "".join(
        f"{line.at.isoformat()} {line.attempt} {line.stream} {plain(line.text)}\n"
        for chunk in _chunks(action_id, attempt, "id")
        for line in [*chunk.gap(), *chunk.lines]
    )


def parse_lines(data: bytes, attempt: int, chunk: int) -> list[LogLine]:
    """Lines of a chunk: a JSON list of [microseconds since 1970, stream, text]."""
    return [
        LogLine(
            datetime.fromtimestamp(int(at) / 1e6, tz=UTC),
            str(stream),
            str(text).rstrip("\n"),
            attempt,
            LinePlace(chunk, number),
        )
        for number, (at, stream, text) in enumerate(json.loads(data))
    ]


def size_of(line: LogLine) -> int:
    """About how many characters of HTML the line is, beside what every line has."""
    marks = COST_OF_MARKS if line.stream != "out" else 0
    return len(line.text) + COST_OF_A_STYLE * line.text.count("\x1b") + marks


def _chunks(
    action_id: int, attempt: int | None, order: str, *, after: int = 0, upto: int | None = None
) -> Iterator[Chunk]:
    """A few at a time: whoever has enough stops, and the rest is not read."""
    found: QuerySet[LogChunk] = LogChunk.objects.filter(action_id=action_id, id__gt=after)
    found = found if attempt is None else found.filter(attempt=attempt)
    found = found if upto is None else found.filter(id__lte=upto)
    columns = found.order_by(order).values_list("id", "attempt", "lines", "left_out")
    for chunk_id, number, lines, left_out in columns.iterator(chunk_size=CHUNKS_AT_ONCE):
        yield Chunk(chunk_id, parse_lines(bytes(lines), number, chunk_id), left_out)
