"""How large what an executor sends may be, in encoded bytes, so that no event, and no frame, can be more than its peer takes.

Pure. An event that is made of what user code said (an error's message, a stack, output) is cut to its bound where it is
made; a frame holds as many events as fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from runs.domain.failures import Failure
from runs.domain.texts import clean, shorten
from runs.protocol import frames

T = TypeVar("T")
KIB = 1024
MAX_CODE_BYTES = 255  # an error's code, which is the name of a class
MAX_MESSAGE_BYTES = 64 * KIB  # an error's message, with its traceback
MAX_STACK_BYTES = 16 * KIB
MAX_CLAUSE_BYTES = (
    4 * KIB
)  # what was left behind, changed, or goes on: clauses with names that user code has given
MAX_LINE_BYTES = 64 * KIB  # a longer line of output is sent as several
MAX_LINES_BYTES = 256 * KIB  # the lines of one event
MAX_ACTION_BYTES = 4 * KIB * KIB  # a serialised Action, of which the TaskSpec is nearly all
MAX_EVENT_BYTES = MAX_ACTION_BYTES + MAX_MESSAGE_BYTES + KIB
# A batch is one transaction: long enough to be cheap, short enough that an abort need not wait for it.
BATCH_BYTES = KIB * KIB
MAX_FRAME_BYTES = BATCH_BYTES + MAX_EVENT_BYTES
FRAME_OVERHEAD = 64  # bytes of a batch beside its events


def bound(event: frames.Event) -> frames.Event:
    """The event within its bound. Only what holds text of user code is ever another one."""
    match event:
        case frames.Finished():
            return _bound_end(event)
        case frames.Enqueue(failure=Failure() as failure):
            return msgspec.structs.replace(event, failure=bound_failure(failure))
        case frames.GoesOn():
            stack = shorten(clean(event.stack), MAX_STACK_BYTES)
            return msgspec.structs.replace(
                event, what=shorten(clean(event.what), MAX_CLAUSE_BYTES), stack=stack
            )
        case frames.Refusing(stack=stack) | frames.LoopState(stack=stack) if stack:
            return msgspec.structs.replace(event, stack=shorten(clean(stack), MAX_STACK_BYTES))
    return event


def _bound_end(event: frames.Finished) -> frames.Finished:
    if event.failure is None and not event.left_behind and not event.changed:
        return event
    return msgspec.structs.replace(
        event,
        failure=event.failure and bound_failure(event.failure),
        left_behind=shorten(clean(event.left_behind), MAX_CLAUSE_BYTES),
        changed=shorten(clean(event.changed), MAX_CLAUSE_BYTES),
    )


def bare(event: frames.Event) -> frames.Event | None:
    """The fact that an event reports, without the values that came with it; None where nothing is left then."""
    note = "flyteui: what was reported with this end could not be stored"
    match event:
        case frames.Started():
            return frames.Started(event.key, event.epoch, frames.now_us())
        case frames.Finished():
            failure = event.failure and Failure(
                "ExecutorError", note, "system", recoverable=event.failure.recoverable
            )
            return frames.Finished(event.key, event.epoch, frames.now_us(), event.outcome, failure)
        case frames.Delivered():
            return frames.Delivered(event.key, event.epoch, frames.now_us())
    return None


def bound_failure(failure: Failure) -> Failure:
    """The failure with a code and a message that can be sent and stored."""
    code = clean(failure.code).encode()[:MAX_CODE_BYTES].decode(errors="ignore")
    return Failure(
        code, shorten(clean(failure.message), MAX_MESSAGE_BYTES), failure.kind, failure.recoverable
    )


def too_large(event: frames.Event, size: int, limit: int) -> frames.Event | None:
    """What is said instead of an event that a peer does not take: the fact without the text; None if nothing is left of it.

    That is the net below the bounds: it holds where a proxy allows less than the server.
    """
    note = f"flyteui: {size:,} bytes of this are left out, because the way to the server takes {limit:,} at a time"
    match event:
        case frames.Finished(failure=Failure() as failure):
            return msgspec.structs.replace(event, failure=msgspec.structs.replace(failure, message=note))
        case frames.Refusing(stack=stack) | frames.GoesOn(stack=stack) | frames.LoopState(stack=stack) if (
            stack
        ):
            return msgspec.structs.replace(event, stack=note)
        case frames.LogLines(lines=lines):
            return msgspec.structs.replace(event, lines=[(lines[0][0], "err", f"{note}\n")])
    return None


def split(items: Iterable[T], max_bytes: int = BATCH_BYTES) -> Iterator[list[T]]:
    """The items in groups whose encoded length is within the bound; one that is longer has a group of its own."""
    group: list[T] = []
    size = 0
    for item in items:
        length = len(frames.encode(item))
        if group and size + length > max_bytes:
            yield group
            group, size = [], 0
        group.append(item)
        size += length
    if group:
        yield group


def refusal_of(size: int, limit: int) -> frames.EnqueueResult:
    """The answer to an Enqueue that cannot be sent."""
    message = f"The action takes {size:,} bytes; the way to the server takes {limit:,} at a time. Pass large inputs as files."
    return frames.EnqueueResult(0, "invalid_argument", message)
