"""The executor of a demonstration: it takes leases, and makes the events that a process would report that ran the scripts.

It has no clock and no connection: its driver passes the time, sends its events to the server and passes the answers. So a run is the
same whether it is simulated (simulation.py) or live (live_run.py).
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from runs.demo import files
from runs.demo.scripts import Script, ScriptedAttempt
from runs.demo.tasks import child_message
from runs.domain.failures import Failure
from runs.domain.names import ROOT, RunRef
from runs.protocol import frames
from runs.protocol.frames import Key, Lease

CLEANUP_US = 120_000  # how long a cancelled action takes to clean up
SECOND_US = 1_000_000
PROGRESS = 5  # lines of an attempt's log
ANSWER_US = 2_000_000  # after which the script answers a condition


@dataclass
class RunningAction:
    """An action that is leased, until it has ended."""

    lease: Lease
    script: Script
    waits_for: set[str] = field(default_factory=set)
    has_slot: bool = False
    is_cancelled: bool = False
    has_ended: bool = False

    @property
    def script_attempt(self) -> ScriptedAttempt:
        return self.script.attempts[min(self.lease.attempt, len(self.script.attempts)) - 1]


class ScriptedExecutor:
    """One run. slots: how many leaves run at a time. Instants are microseconds since the epoch.

    input_uris: by call. details: whether leaves have logs and outputs. patience_seconds: as child_message has it.
    """

    def __init__(
        self, scripts: Mapping[str, Script], ref: RunRef, input_uris: Mapping[files.Call, str], *,
        slots: int, details: bool,
        patience_seconds: int,
    ) -> None:  # fmt: skip
        self._scripts = scripts
        self._ref = ref
        self._input_uris = input_uris
        self._patience_seconds = patience_seconds
        self._free = slots
        self._details = details
        self._running: dict[str, RunningAction] = {}
        self._queue: deque[RunningAction] = deque()
        self._due: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = itertools.count()
        self._events: list[frames.Event] = []
        self._to_abort: list[str] = []
        self._to_answer: list[str] = []
        self._files: list[files.File] = []

    @property
    def next_at(self) -> int | None:
        """When something happens next; None: it waits for the server, or is over."""
        return self._due[0][0] if self._due else None

    @property
    def is_over(self) -> bool:
        """The root has ended, and so has everything that is held here."""
        return ROOT in self._running and all(running.has_ended for running in self._running.values())

    def advance(self, now: int) -> list[frames.Event]:
        """Let happen what is due, and return the events to send."""
        while self._due and self._due[0][0] <= now:
            at, _, happen = heapq.heappop(self._due)
            happen(at)
        events, self._events = self._events, []
        return events

    def take_aborts(self) -> list[str]:
        """The actions that the script aborts now."""
        names, self._to_abort = self._to_abort, []
        return names

    def take_answers(self) -> list[str]:
        """The conditions that the script answers now."""
        names, self._to_answer = self._to_answer, []
        return names

    def take_files(self) -> list[files.File]:
        """The files to write before the events are sent."""
        written, self._files = self._files, []
        return written

    # --- what the server says -----------------------------------------------------------------------------------

    def take_leases(self, leases: Iterable[Lease], now: int) -> None:
        for lease in leases:
            running = self._running[lease.key.name] = RunningAction(lease, self._scripts[lease.key.name])
            if running.script.children:
                self._at(now, partial(self._start, running))
            elif lease.attempt > 1:
                self._queue.appendleft(running)
            else:
                self._queue.append(running)
        self._fill(now)

    def take_cancels(self, cancels: Iterable[frames.Cancel], now: int) -> None:
        for cancel in cancels:
            running = self._running.get(cancel.key.name)
            if (
                running is None
                or running.lease.epoch != cancel.epoch
                or running.is_cancelled
                or running.has_ended
            ):
                continue
            running.is_cancelled = True
            self._events.append(frames.Delivered(cancel.key, cancel.epoch, now))
            self._complain(running, now, "CancelledError: keeping the last checkpoint before it stops")
            self._at(now + CLEANUP_US, partial(self._end, running, "cancelled"))

    def take_children(self, updates: Iterable[frames.ChildUpdate], now: int) -> None:
        for update in updates:
            parent = self._running.get(update.parent)
            if parent is not None and update.name in parent.waits_for:
                parent.waits_for.discard(update.name)
                self._check_children(parent, now)

    def held(self) -> list[frames.Held]:
        return [frames.Held(running.lease.key, running.lease.epoch) for running in self._running.values()]

    def forget(self, keys: Collection[Key]) -> None:
        """Drop actions whose lease was lost."""
        for key in keys:
            self._running.pop(key.name, None)

    # --- what the scripts say -----------------------------------------------------------------------------------

    def _at(self, at: int, happen: Callable[[int], None]) -> None:
        heapq.heappush(self._due, (at, next(self._order), happen))

    def _fill(self, now: int) -> None:
        while self._free > 0 and self._queue:
            running = self._queue.popleft()
            if not running.is_cancelled:
                running.has_slot = True
                self._free -= 1
                self._at(now, partial(self._start, running))

    def _start(self, running: RunningAction, at: int) -> None:
        if running.is_cancelled:
            return
        key, script = running.lease.key, running.script
        self._events.append(frames.Started(key, running.lease.epoch, at))
        for name in script.children:
            self._events.append(frames.Enqueue(key.run, key.name, self._message(name)))
            if self._scripts[name].prompt:
                self._at(at + ANSWER_US, partial(self._want_answer, name))
        if script.aborted_after is not None:
            self._at(at + int(script.aborted_after * SECOND_US), lambda _: self._to_abort.append(key.name))
        if script.children and script.waits:
            running.waits_for = set(script.children) - {update.name for update in running.lease.children}
            self._check_children(running, at)
        else:
            self._work(running, at)

    def _want_answer(self, name: str, _: int) -> None:
        self._to_answer.append(name)

    def _check_children(self, running: RunningAction, at: int) -> None:
        if not running.waits_for and not running.has_ended and not running.is_cancelled:
            self._work(running, at)

    def _work(self, running: RunningAction, at: int) -> None:
        spent = int(running.script_attempt.seconds * SECOND_US)
        if self._details:
            self._print(running, at, spent)
        self._at(at + spent, partial(self._end, running, ""))

    def _print(self, running: RunningAction, at: int, spent: int) -> None:
        """Progress on stdout; from the second attempt on a warning of the logger first."""
        task, step = running.script.task, max(1, spent // PROGRESS)
        lines = [
            (
                at + n * step,
                "out",
                f"{task} step {(n + 1) * 24:>3}  loss {2.3 / (n + 1):.4f}  {1800 + 37 * n} rows/s\n",
            )
            for n in range(PROGRESS)
        ]
        if running.lease.attempt > 1:
            lines.insert(
                0, (at, "log", f"WARNING demo: attempt {running.lease.attempt}, going on from step 48\n")
            )
        self._events.append(frames.LogLines(running.lease.key, running.lease.attempt, lines))

    def _complain(self, running: RunningAction, at: int, text: str) -> None:
        """On stderr."""
        if self._details:
            line = (at, "err", f"{text}\n")
            self._events.append(frames.LogLines(running.lease.key, running.lease.attempt, [line]))

    def _end(self, running: RunningAction, outcome: str, at: int) -> None:
        if running.has_ended or (running.is_cancelled and outcome != "cancelled"):
            return
        running.has_ended = True
        failure = None
        if not outcome:
            error = running.script_attempt.error
            failure = error and Failure(
                *error, recoverable=running.lease.attempt < len(running.script.attempts)
            )
            outcome = "failed" if failure else "succeeded"
            if not failure:
                self._keep(running)
            if error:
                self._complain(running, at, error[1])
        self._events.append(frames.Finished(running.lease.key, running.lease.epoch, at, outcome, failure))
        if running.has_slot:
            self._free += 1
            self._fill(at)

    def _keep(self, running: RunningAction) -> None:
        """Its outputs; the root has a report too."""
        folder, script = running.lease.output_uri, running.script
        if script.children or self._details:
            self._files.append((f"{folder}/outputs.pb", files.outputs_of(script)))
        if script.name == ROOT:
            self._files.append((f"{folder}/{files.REPORT}", files.report_of(script, self._scripts)))

    def _message(self, name: str) -> bytes:
        script = self._scripts[name]
        call = files.call_of(script)
        uri, digest = (self._input_uris[call], files.digest_of(call)) if call else ("", "")
        return child_message(script, self._ref, uri, digest=digest, patience_seconds=self._patience_seconds)
