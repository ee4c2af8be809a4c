"""Law 14: what an action has started ends with it, before its end is reported. On the link's thread.

When the code of an action has ended, its processes get SIGTERM and its threads CancelledError; `Escalation` insists if the
action was aborted, and this module if not: after a grace period the processes are killed and the threads told again, and
what goes on after another one costs the process.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress

from runs.executor.attempt.attempt import Attempt
from runs.executor.attempt.output import Output
from runs.executor.attempt.owned import (
    FIRST_LOOK_SECONDS,
    LAST_LOOK_SECONDS,
    REST_SECONDS,
    SHOWN_AFTER_SECONDS,
    ThreadWork,
    clause,
    shorten,
)
from runs.executor.attempt.stacks import stack_of_action
from runs.executor.attempt.state import State, Stop
from runs.executor.loop.lineage import orphans, processes_of
from runs.executor.loop.starts import CHILDREN
from runs.executor.processes.table import ProcessEntry, ProcessTable, read_table
from runs.protocol.frames import Event, GoesOn, now_us

NAME_BYTES = 15  # what Linux keeps of a process' name

# Called when nothing is left, with what had been.
Then = Callable[[str], None]


class _Ending:
    """An attempt whose code has ended."""

    def __init__(self, then: Then, now: float) -> None:
        self.then = then
        self.since = now
        self.since_us = now_us()
        self.shown = ""  # of what goes on
        self.kills = False
        self.has_insisted = False
        self.told: set[object] = set()
        self.names: dict[object, str] = {}  # of what was left
        self.pids: dict[object, int] = {}  # of those that are processes
        self.positions: dict[ThreadWork, tuple[tuple[object, ...], float]] = {}

    @property
    def described(self) -> list[str]:
        """The names, for the log."""
        return [
            f"{name} (pid {self.pids[one]})" if one in self.pids else name for one, name in self.names.items()
        ]


class Leftovers:
    """Ends what is left of actions."""

    def __init__(self, output: Output, put: Callable[[Event], object]) -> None:
        self._output = output
        self._put = put
        self.on_last_step: Callable[[], object] = lambda: None  # called when something goes on after all
        self._endings: dict[Attempt, _Ending] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._looks_after = FIRST_LOOK_SECONDS
        self.grace_seconds = 30.0

    def end(self, attempt: Attempt, then: Then) -> None:
        """The code of the attempt has ended: end what it has started, and then call `then`."""
        self._endings[attempt] = _Ending(then, asyncio.get_running_loop().time())
        self._looks_after = FIRST_LOOK_SECONDS
        self._schedule(0)

    def insist(self, attempt: Attempt) -> None:
        """Kill its processes, and tell its threads again."""
        if (ending := self._endings.get(attempt)) is not None:
            ending.kills = True
            ending.told.clear()
            self._schedule(0)

    def holds(self, attempt: Attempt) -> bool:
        """Whether something is left of it."""
        return attempt in self._endings

    def kill_all(self) -> None:
        """This process is about to end."""
        if CHILDREN.owners:
            table = read_table()
            for owned in list(CHILDREN.owners):
                for process in processes_of(owned, table):
                    _signal(process, signal.SIGKILL)

    def _schedule(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """Press all, and look again while something is left. The machine's processes are read once for all."""
        has_processes = any(attempt.owned and attempt.owned.processes for attempt in self._endings)
        table = read_table() if has_processes else ProcessTable(())
        for attempt, ending in list(self._endings.items()):
            self._press(attempt, ending, table)
        if self._endings:
            self._schedule(self._looks_after)
            self._looks_after = min(1.5 * self._looks_after, LAST_LOOK_SECONDS)

    def _press(self, attempt: Attempt, ending: _Ending, table: ProcessTable) -> None:
        """Tell what is left to end; if nothing is, the end is reported."""
        owned = attempt.owned
        assert owned is not None
        processes = processes_of(owned, table)
        owned.running = [f"{process.name} (pid {process.pid})" for process in processes]
        threads = owned.left_threads()
        age = asyncio.get_running_loop().time() - ending.since
        if not is_stopped(attempt):
            self._insist_by_the_clock(attempt, ending, age)
            threads = [work for work in threads if not self._rests(work, ending)]
        if not processes and not threads:
            self._conclude(attempt, ending, table)
            return
        kills = ending.kills or is_urgent(attempt)
        for process in processes:
            is_fork = process.name == owned.mark[:NAME_BYTES]  # which has no program to be named after
            ending.names[process.identity] = "a forked process" if is_fork else f"process {process.name}"
            ending.pids[process.identity] = process.pid
            self._tell(ending, (process.identity, kills), process, kills=kills)
        for work in threads:
            ending.names[work] = f"a thread in {work.name}()"
            if work not in ending.told:
                ending.told.add(work)
                work.tell()
        if age >= SHOWN_AFTER_SECONDS:
            self._show(attempt, ending, [*threads, *(process.identity for process in processes)])
        if age >= 2 * self.grace_seconds and not is_stopped(attempt):
            self._give_up(attempt, ending, table)

    def _show(self, attempt: Attempt, ending: _Ending, left: Iterable[object]) -> None:
        """Report what goes on, where its action is still this executor's."""
        what = clause([ending.names[one] for one in left])
        if what != ending.shown and attempt.is_active:
            ending.shown = what
            stack = stack_of_action(attempt)
            self._put(GoesOn(attempt.key, attempt.lease.epoch, ending.since_us, what, stack))

    @staticmethod
    def _tell(ending: _Ending, what: object, process: ProcessEntry, *, kills: bool) -> None:
        if what not in ending.told:
            ending.told.add(what)
            _signal(process, signal.SIGKILL if kills else signal.SIGTERM)

    def _insist_by_the_clock(self, attempt: Attempt, ending: _Ending, age: float) -> None:
        if age >= self.grace_seconds and not ending.has_insisted:
            ending.has_insisted = ending.kills = True
            ending.told.clear()
            left = ", ".join(ending.described)
            self._write(attempt, f"it has ended, but something that it has started goes on: {left}")

    @staticmethod
    def _rests(work: ThreadWork, ending: _Ending) -> bool:
        """Whether it waits: it has been told to end, and has not moved since."""
        now = asyncio.get_running_loop().time()
        position = work.position()
        before, since = ending.positions.get(work, ((), now))
        if before != position:
            since = now
        ending.positions[work] = position, since
        return work in ending.told and now - since >= REST_SECONDS

    def _give_up(self, attempt: Attempt, ending: _Ending, table: ProcessTable) -> None:
        """Only the end of this process ends it. What the action has returned or raised is reported before."""
        self._write(attempt, "something that it has started does not end, so its process is ended")
        self._conclude(attempt, ending, table)
        self.on_last_step()

    def _conclude(self, attempt: Attempt, ending: _Ending, table: ProcessTable) -> None:
        del self._endings[attempt]
        owned = attempt.owned
        assert owned is not None
        reap_orphans(table)
        CHILDREN.owners.discard(owned)
        if owned.output is not None:
            owned.output.close()
            owned.output = None
        if described := ending.described:
            self._write(attempt, f"what it had started was ended with it: {shorten(described)}")
        # Whoever reads that later has no use for the number of a process, nor for each of its equals.
        ending.then("" if is_stopped(attempt) else shorten([*dict.fromkeys(ending.names.values())]))

    def _write(self, attempt: Attempt, text: str) -> None:
        if attempt.is_active:
            self._output.write(attempt, "err", f"flyteui: {text}\n")


def reap_orphans(table: ProcessTable) -> None:
    """Reap those that have ended: nobody else waits for them."""
    for process in orphans(table):
        if process.is_zombie:
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)


def is_stopped(attempt: Attempt) -> bool:
    """Whether somebody has asked it to stop, and sees to it."""
    return attempt.demanded is not Stop.NONE or is_urgent(attempt)


def is_urgent(attempt: Attempt) -> bool:
    """Whether its processes are killed at once: its coroutine had to be closed, too, or this process is about to end."""
    return (
        attempt.state in {State.CLOSED, State.GONE}
        or attempt.demanded is Stop.FORCED
        or attempt.stop is Stop.SHUTDOWN
    )


def _signal(process: ProcessEntry, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(process.pid, number)
