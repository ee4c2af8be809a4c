"""What attempts print, kept within a bound: of a log that is too long the first and the last part are kept.

Each chunk has the offset of its end in the log, so a log is never counted anew: its size is read once a connection, and added up.
What is left out is dropped in bulk, from the oldest part behind the head, so that it costs a few statements for each megabyte.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from runs.models import LogChunk
from runs.store import hints
from runs.store.bulk import chunks

MAX_LOG_BYTES = 10 * 1024 * 1024  # an attempt's log, as it is stored
_SLACK_BYTES = MAX_LOG_BYTES // 10  # how much is dropped at once
_PART_BYTES = (MAX_LOG_BYTES - _SLACK_BYTES) // 2  # the head, and the tail
_CHUNK_BYTES = 256 * 1024  # what one chunk holds, but for a single longer line
_KNOWN = 20_000  # logs whose size a process remembers

Line = tuple[int, str, str]
# A connection of an executor, an action, an attempt. Nobody else writes to that log while the connection lasts, but for what
# an earlier executor of a system retry reports late; that much a log may be longer.
_Key = tuple[UUID, int, int, int]


@dataclass(frozen=True, slots=True)
class Size:
    """How long a log is, with what was left out of it."""

    end: int = 0
    left_out: int = 0


_sizes: OrderedDict[_Key, Size] = OrderedDict()


@dataclass(frozen=True, slots=True)
class Printed:
    """Lines of an attempt."""

    action_id: int
    attempt: int
    lines: Sequence[Line]


def keep(executor_id: UUID, epoch: int, printed: Sequence[Printed]) -> None:
    """Store what an executor's batch brings, in order. Two statements at most, and four for each log that gets too long."""
    if not printed:
        return
    keys = {(executor_id, epoch, one.action_id, one.attempt) for one in printed}
    sizes = {key: _sizes[key] for key in keys if key in _sizes}
    sizes |= _read_sizes(keys - sizes.keys())
    made: list[LogChunk] = []
    for one in printed:
        key = executor_id, epoch, one.action_id, one.attempt
        for data in _encode(one.lines):
            end = sizes[key].end + len(data)
            sizes[key] = Size(end, sizes[key].left_out)
            made.append(LogChunk(action_id=one.action_id, attempt=one.attempt, lines=data, upto=end))
        hints.publish(hints.log_group(one.action_id))
    LogChunk.objects.bulk_create(made)
    for key, size in sizes.items():
        if size.end - size.left_out > MAX_LOG_BYTES:
            sizes[key] = Size(size.end, _drop_middle(key[2], key[3], size.end))
    transaction.on_commit(partial(_remember, sizes))


def _remember(sizes: dict[_Key, Size]) -> None:
    for key, size in sizes.items():
        _sizes[key] = size
        _sizes.move_to_end(key)
    while len(_sizes) > _KNOWN:
        _sizes.popitem(last=False)


def _read_sizes(keys: Iterable[_Key]) -> dict[_Key, Size]:
    """The sizes of these logs, as they are stored. One statement (for each 900 actions)."""
    sizes = dict.fromkeys(keys, Size())
    by_log = {(action_id, attempt): (executor, epoch) for executor, epoch, action_id, attempt in sizes}
    for some in chunks(sorted({action_id for action_id, _ in by_log})):
        stored = LogChunk.objects.filter(action_id__in=some).values_list("action_id", "attempt")
        for action_id, attempt, end, left_out in stored.annotate(Max("upto"), Max("left_out")):
            if writer := by_log.get((action_id, attempt)):
                sizes[*writer, action_id, attempt] = Size(end, left_out)
    return sizes


def _encode(lines: Sequence[Line]) -> list[bytes]:
    """The lines as chunks hold them, in halves where they are too many for one."""
    data = json.dumps(lines, ensure_ascii=False, separators=(",", ":")).encode()
    if len(data) <= _CHUNK_BYTES or len(lines) == 1:
        return [data]
    middle = len(lines) // 2
    return [*_encode(lines[:middle]), *_encode(lines[middle:])]


def _drop_middle(action_id: int, attempt: int, end: int) -> int:
    """Delete what is behind the head and before the tail; returns how many bytes are left out now."""
    log = LogChunk.objects.filter(action_id=action_id, attempt=attempt)
    log.filter(upto__gt=_PART_BYTES, upto__lte=end - _PART_BYTES).delete()
    head = log.filter(upto__lte=_PART_BYTES).aggregate(end=Max("upto"))["end"] or 0
    first = log.filter(upto__gt=_PART_BYTES).earliest("pk")
    left_out = first.upto - len(bytes(first.lines)) - head
    log.filter(pk=first.pk).update(left_out=left_out)
    return left_out
