"""The log of a run: the lines of all its actions, interleaved, and of these what a reader wants to see.

Its parts follow each other as chunks were stored, which those of a run are one after another, and the lines of a part come in
the order of their times. An executor holds lines back for a moment, so that at the border of two parts some may come before
older ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.db.models import Max, QuerySet

from runs.domain.errors import Invalid
from runs.domain.logs.levels import LEVELS, read_level
from runs.domain.logs.places import LinePlace
from runs.domain.logs.terminal import plain
from runs.domain.phases import LIVE, Kind, Phase
from runs.models import Action, LogChunk
from runs.queries.logs.action_log import (
    CHUNKS_AT_ONCE,
    IN_A_FRAME,
    Bounds,
    Chunk,
    LogLine,
    parse_lines,
    size_of,
)

MAX_CHUNKS = 2000  # in which a part looks for what is wanted
# Chunks that others have stored since, until a chunk of a run is certain to be seen: before so many, its transaction is over.
SETTLED = 2000
SMALL = 100_000  # bytes of chunks, after which twice as many are read at once
MAX_AT_ONCE = 500
MAX_TASKS = 200  # to choose from
WITH_LEVELS = frozenset({"log", "err"})  # to which loggers write


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines: with this text, of just this task (its whole name), of actions that are in this phase now, of this level or a higher one."""

    text: str = ""
    task: str = ""
    phase: Phase | None = None
    level: str = ""

    def has(self, line: LogLine) -> bool:
        """Whether the line is wanted for what it says."""
        text = plain(line.text)
        if self.level:
            found = read_level(text) if line.stream in WITH_LEVELS else ""
            if not found or LEVELS.index(found) < LEVELS.index(self.level):
                return False
        return self.text.casefold() in text.casefold()

    def has_action(self, task: str, phase: Phase) -> bool:
        """Whether lines of such an action are wanted."""
        return self.task in {"", task} and self.phase in {None, phase}


def read_wanted(query: Mapping[str, str]) -> Wanted:
    """What the query of an address asks for: `q`, `task`, `phase` and `level`. Raises Invalid."""
    slug, level = query.get("phase", ""), query.get("level", "")
    phase = next((one for one in Phase if one.slug == slug), None)
    if slug and phase is None:
        raise Invalid(f"phase {slug[:80]!r} must be one of {', '.join(one.slug for one in Phase)}")
    if level and level not in LEVELS:
        raise Invalid(f"level {level[:80]!r} must be one of {', '.join(LEVELS)}")
    return Wanted(query.get("q", ""), query.get("task", ""), phase, level)


@dataclass(frozen=True, slots=True)
class RunLine:
    """A line, and the action that printed it: its name, what people read of its task, and whether it runs still."""

    line: LogLine
    action: str
    label: str
    is_live: bool


@dataclass(frozen=True, slots=True)
class RunLog:
    """A part of the log: what is wanted of the lines from `first` on, and before `next`; as places, whether they have a line or not.

    is_cut, has_more: before these, or behind them, there may be others that were not looked at.
    """

    lines: tuple[RunLine, ...]
    first: LinePlace
    next: LinePlace
    is_cut: bool = False
    has_more: bool = False


def read_before(
    run_id: int, wanted: Wanted, place: LinePlace | None = None, *, most: Bounds = IN_A_FRAME
) -> RunLog:
    """The last lines that are wanted before a place. One statement, and one for each few chunks; None: before the end, for one more."""
    settled = _find_settled() if place is None else 0
    chunks = _chunks(run_id, wanted)
    if place is not None:
        chunks = chunks.filter(pk__lte=place.chunk if place.number else place.chunk - 1)
    ids = list(chunks.order_by("-pk").values_list("pk", flat=True)[:MAX_CHUNKS])
    first = end = place or LinePlace(max(settled, *ids[:1], 0) + 1, 0)
    part = _Part(wanted, most)
    for chunk, of in _read(ids):
        stop = place.number if place and chunk.id == place.chunk else len(chunk.lines)
        for number in reversed(range(min(stop, len(chunk.lines)))):
            if part.is_full:
                return RunLog(part.upwards(), first, end, is_cut=True)
            part.take([chunk.lines[number], *(chunk.gap() if number == 0 else [])], of)
            first = LinePlace(chunk.id, number)
    return RunLog(part.upwards(), first, end, is_cut=len(ids) == MAX_CHUNKS)


def read_after(run_id: int, wanted: Wanted, place: LinePlace, *, most: Bounds = IN_A_FRAME) -> RunLog:
    """The first lines that are wanted from a place on. One statement, and one for each few chunks."""
    chunks = _chunks(run_id, wanted).filter(pk__gte=place.chunk)
    ids = list(chunks.order_by("pk").values_list("pk", flat=True)[:MAX_CHUNKS])
    log = _from(place, ids, wanted, most)
    return replace(log, has_more=log.has_more or len(ids) == MAX_CHUNKS)


def read_around(run_id: int, wanted: Wanted, place: LinePlace) -> RunLog:
    """The line at a place, with those before and behind it. Statements: of both."""
    before, after = read_before(run_id, wanted, place), read_after(run_id, wanted, place)
    return RunLog(
        (*before.lines, *after.lines), before.first, after.next, before.is_cut, has_more=after.has_more
    )


def read_new(run_id: int, wanted: Wanted, place: LinePlace) -> RunLog:
    """The same as read_after, near the end of the log. One statement, and one for each few chunks.

    It goes over what all runs have stored since, so that what it costs grows with that, and never with the run.
    """
    columns = ("pk", "action__run_id", "action__task_name", "action__phase")
    stored = LogChunk.objects.filter(pk__gte=place.chunk).order_by("pk").values_list(*columns)
    rows = list(stored[: SETTLED + MAX_CHUNKS])
    ids = [pk for pk, run, task, phase in rows if run == run_id and wanted.has_action(task, Phase(phase))]
    log = _from(place, ids, wanted, IN_A_FRAME)
    if log.has_more or not rows:
        return log
    settled = max(log.next.chunk, rows[-1][0] + 1 - SETTLED)
    following = log.next if settled == log.next.chunk else LinePlace(settled, 0)
    return replace(log, next=following, has_more=len(rows) == SETTLED + MAX_CHUNKS)


def list_tasks(run_id: int) -> list[tuple[str, str]]:
    """The tasks of a run: their names, and what people read of them, which is the whole name where two would be the same. One statement."""
    names = Action.objects.filter(run_id=run_id, kind=Kind.TASK).order_by("short_name", "task_name")
    found = list(names.values_list("task_name", "short_name").distinct()[:MAX_TASKS])
    labels = Counter(label for _, label in found)
    return [(name, label if label and labels[label] == 1 else name) for name, label in found]


def is_live(run_id: int) -> bool:
    """Whether anything of the run may print still. One statement."""
    return Action.objects.filter(run_id=run_id, phase__in=sorted(LIVE)).exists()


def _find_settled() -> int:
    """Of the chunks up to this one none is stored any more, in any run."""
    newest: int | None = LogChunk.objects.aggregate(newest=Max("pk"))["newest"]
    return max(0, (newest or 0) - SETTLED)


def _chunks(run_id: int, wanted: Wanted) -> QuerySet[LogChunk]:
    found = LogChunk.objects.filter(action__run_id=run_id)
    if wanted.task:
        found = found.filter(action__task_name=wanted.task)
    return found if wanted.phase is None else found.filter(action__phase=wanted.phase)


@dataclass(frozen=True, slots=True)
class _Of:
    """The action that printed a chunk."""

    name: str
    label: str
    is_live: bool


def _read(ids: Sequence[int]) -> Iterator[tuple[Chunk, _Of]]:
    """These chunks, in this order, a few at a time, and more while they are small: whoever has enough stops."""
    columns = ("pk", "attempt", "lines", "left_out", "action__name", "action__short_name", "action__phase")
    at, count = 0, CHUNKS_AT_ONCE
    while some := ids[at : at + count]:
        at += count
        rows = {row[0]: row for row in LogChunk.objects.filter(pk__in=some).values_list(*columns)}
        if sum(len(row[2]) for row in rows.values()) < SMALL:
            count = min(2 * count, MAX_AT_ONCE)
        for pk, attempt, data, left_out, name, label, phase in filter(None, map(rows.get, some)):
            lines = parse_lines(bytes(data), attempt, pk)
            yield Chunk(pk, lines, left_out), _Of(name, label or name, Phase(phase) in LIVE)


def _from(place: LinePlace, ids: Sequence[int], wanted: Wanted, most: Bounds) -> RunLog:
    part, following = _Part(wanted, most), place
    for chunk, of in _read(ids):
        start = place.number if chunk.id == place.chunk else 0
        for number in range(start, len(chunk.lines)):
            if part.is_full:
                return RunLog(part.downwards(), place, LinePlace(chunk.id, number), has_more=True)
            part.take([*(chunk.gap() if number == 0 else []), chunk.lines[number]], of)
        following = LinePlace(chunk.id + 1, 0)
    return RunLog(part.downwards(), place, following)


@dataclass(slots=True)
class _Part:
    """Of the lines that are looked at, those that are wanted, until there are enough."""

    wanted: Wanted
    most: Bounds
    _lines: list[RunLine] = field(default_factory=list)
    _characters: int = 0

    @property
    def is_full(self) -> bool:
        return len(self._lines) >= self.most.lines or self._characters >= self.most.characters

    def take(self, lines: Sequence[LogLine], of: _Of) -> None:
        for line in filter(self.wanted.has, lines):
            self._lines.append(RunLine(line, of.name, of.label, of.is_live))
            self._characters += size_of(line)

    def downwards(self) -> tuple[RunLine, ...]:
        return tuple(sorted(self._lines, key=lambda one: one.line.at))

    def upwards(self) -> tuple[RunLine, ...]:
        """Of lines that were taken from the last one on."""
        self._lines.reverse()
        return self.downwards()
