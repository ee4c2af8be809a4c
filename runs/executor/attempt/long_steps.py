"""How long a step of an event loop kept everything else from running: what its code took, not what others took of it.

A step is measured by the clock on the wall. Others are: the machine, while the thread waited for a processor; Python's
collector of garbage, which takes a second among 10,000 live actions and runs in whatever step it comes due; and other
threads, which may have had Python's lock for as long as they computed. That is read so seldom that it costs nothing: a few
times a second, and after a step that was long.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from typing import Any

# A step that takes so long is remembered as the manner of its task.
LONG_NS = 250_000_000
# Below this, a step that imported modules is not: it does so once in a process, and alone it would do so each time.
LONG_WITH_IMPORTS_NS = 1_000_000_000
SAMPLE_NS = 50_000_000
_SCHEDULING = "/proc/thread-self/schedstat"  # nanoseconds on a processor, and waiting for one


class Collections:
    """The time that Python's collector has taken in this process, but for its brief collections of what is new."""

    def __init__(self) -> None:
        self.total_ns = 0
        self._began_ns = 0
        self._mark: Callable[[bool], None] = lambda _: None

    def watch(self, mark: Callable[[bool], None] = lambda _: None) -> None:
        """Count from now on. Once in a process. mark: called when a collection begins and ends."""
        self._mark = mark
        gc.callbacks.append(self._called)

    def _called(self, phase: str, info: dict[str, Any]) -> None:
        if not info["generation"]:
            return
        if phase == "start":
            self._began_ns = time.thread_time_ns()
        else:
            self.total_ns += time.thread_time_ns() - self._began_ns
        self._mark(phase == "start")


COLLECTIONS = Collections()


class LongSteps:
    """Of the thread that calls it."""

    def __init__(self) -> None:
        self.due_ns = 0  # when the next sample is to be taken, before a step
        self._taken_ns = 0
        self._modules = 0

    def sample(self, now_ns: int) -> None:
        """Note what others have taken so far."""
        self.due_ns = now_ns + SAMPLE_NS
        self._taken_ns = read_taken_ns()
        self._modules = len(sys.modules)

    def has_imported(self) -> bool:
        """Whether modules came since the last sample."""
        return len(sys.modules) != self._modules

    def measure(self, began_ns: int) -> int:
        """How long the step that ends now has kept its loop; 0 if that is not long. began_ns: of the monotonic clock."""
        took_ns = time.monotonic_ns() - began_ns - (read_taken_ns() - self._taken_ns)
        limit_ns = LONG_WITH_IMPORTS_NS if self.has_imported() else LONG_NS
        return took_ns if took_ns >= limit_ns else 0


def read_taken_ns() -> int:
    """What others have taken from this thread at most, in all."""
    other_threads = time.process_time_ns() - time.thread_time_ns()
    return read_delay_ns() + COLLECTIONS.total_ns + other_threads


def read_delay_ns() -> int:
    """How long this thread has waited for a processor in all; 0 on systems that do not say."""
    try:
        file = os.open(_SCHEDULING, os.O_RDONLY)
    except OSError:
        return 0
    try:
        return int(os.read(file, 100).split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    finally:
        os.close(file)
