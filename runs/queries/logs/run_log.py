"""The log of a run: the lines of all its actions, interleaved, and of these what a reader wants to see.

Chunks come in the order in which they were stored, and the lines of a part in the order of their times. An executor holds
lines back for a moment, so that at the border of two parts some may come before older ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from runs.domain.logs.levels import LEVELS, read_level
from runs.domain.logs.terminal import plain
from runs.domain.phases import LIVE, Kind, Phase
from runs.models import Action, LogChunk
from runs.queries.logs.action_log import CHUNKS_AT_ONCE, Chunk, LogLine, parse_lines

MAX_LINES = 500  # of a part, but for those of its last chunk
MAX_CHUNKS = 2000  # in which a part looks for what is wanted
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


@dataclass(frozen=True, slots=True)
class RunLine:
    """A line, and the action that printed it: its name, what people read of its task, and whether it runs still."""

    line: LogLine
    action: str
    label: str
    is_live: bool


@dataclass(frozen=True, slots=True)
class RunLog:
    """A part of the log. first and last: the ids of the chunks between which it was looked for; 0: there is nothing before or behind.

    has_earlier, has_more: before these, or behind them, there are chunks that were not looked at.
    """

    lines: tuple[RunLine, ...] = ()
    first: int = 0
    last: int = 0
    has_earlier: bool = False
    has_more: bool = False


def read_before(run_id: int, wanted: Wanted, chunk: int | None = None) -> RunLog:
    """The last lines that are wanted, or the last before a chunk. One statement, and one for each few chunks."""
    chunks = _chunks(run_id, wanted)
    chunks = chunks if chunk is None else chunks.filter(pk__lt=chunk)
    ids = list(chunks.order_by("-pk").values_list("pk", flat=True)[:MAX_CHUNKS])
    lines, seen = _read(ids, wanted)
    earlier = len(seen) < len(ids) or len(ids) == MAX_CHUNKS
    return RunLog(lines, min(seen, default=0), max(seen, default=chunk or 0), has_earlier=earlier)


def read_after(run_id: int, wanted: Wanted, chunk: int) -> RunLog:
    """The first lines that are wanted behind a chunk. Statements: as before."""
    chunks = _chunks(run_id, wanted).filter(pk__gt=chunk)
    ids = list(chunks.order_by("pk").values_list("pk", flat=True)[:MAX_CHUNKS])
    lines, seen = _read(ids, wanted)
    more = len(seen) < len(ids) or len(ids) == MAX_CHUNKS
    return RunLog(lines, min(seen, default=chunk), max(seen, default=chunk), has_more=more)


def list_tasks(run_id: int) -> list[tuple[str, str]]:
    """The tasks of a run: their names, and what people read of them, which is the whole name where two would be the same. One statement."""
    names = Action.objects.filter(run_id=run_id, kind=Kind.TASK).order_by("short_name", "task_name")
    found = list(names.values_list("task_name", "short_name").distinct()[:MAX_TASKS])
    labels = Counter(label for _, label in found)
    return [(name, label if label and labels[label] == 1 else name) for name, label in found]


def is_live(run_id: int) -> bool:
    """Whether anything of the run may print still. One statement."""
    return Action.objects.filter(run_id=run_id, phase__in=sorted(LIVE)).exists()


def _chunks(run_id: int, wanted: Wanted) -> QuerySet[LogChunk]:
    found = LogChunk.objects.filter(action__run_id=run_id)
    if wanted.task:
        found = found.filter(action__task_name=wanted.task)
    return found if wanted.phase is None else found.filter(action__phase=wanted.phase)


def _read(ids: Sequence[int], wanted: Wanted) -> tuple[tuple[RunLine, ...], list[int]]:
    """The lines of these chunks in order of time, until there are enough; and which chunks these were."""
    lines: list[RunLine] = []
    seen: list[int] = []
    columns = ("pk", "attempt", "lines", "left_out", "action__name", "action__short_name", "action__phase")
    while len(seen) < len(ids) and len(lines) < MAX_LINES:
        some = ids[len(seen) : len(seen) + CHUNKS_AT_ONCE]
        rows = LogChunk.objects.filter(pk__in=some).order_by("pk").values_list(*columns)
        for pk, attempt, data, left_out, name, label, phase in rows:
            chunk = Chunk(pk, parse_lines(bytes(data), attempt, pk), left_out)
            found = filter(wanted.has, [*chunk.gap(), *chunk.lines])
            lines += [RunLine(line, name, label or name, phase in LIVE) for line in found]
        seen += some
    return tuple(sorted(lines, key=lambda one: one.line.at)), seen
