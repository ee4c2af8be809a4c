"""The executor of a demonstration: it takes leases, and says at each moment what a process that ran the scripts would say.

It knows frames and scripts, no clock and no server: who drives it gives it the time, carries its events to the server,
and hands it the answers. So a play is the same whether it is told at once or performed live.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from runs.demo import files
from runs.demo.scripts import Script, Take
from runs.demo.tasks import child_message
from runs.executor import frames
from runs.executor.frames import Key, Lease
from runs.names import ROOT, RunRef

CLEANUP_US = 120_000  # how long a cancelled action takes to clean up
SECOND_US = 1_000_000
PROGRESS = 5  # lines of an attempt's log
ANSWER_US = 2_000_000  # after which somebody in the script answers a condition


@dataclass
class Part:
    """An action that runs or is about to."""

    lease: Lease
    script: Script
    waits_for: set[str] = field(default_factory=set)
    has_slot: bool = False
    is_cancelled: bool = False
    has_ended: bool = False

    @property
    def take(self) -> Take:
        return self.script.takes[min(self.lease.attempt, len(self.script.takes)) - 1]


class Play:
    """One run. slots: how many leaves run at a time. Instants are microseconds since the epoch.

    input_uris: by task. details: whether leaves have logs and outputs. patience_seconds: as child_message has it.
    """

    def __init__(
        self, scripts: Mapping[str, Script], ref: RunRef, input_uris: Mapping[str, str], *, slots: int, details: bool,
        patience_seconds: int,
    ) -> None:  # fmt: skip
        self._scripts = scripts
        self._ref = ref
        self._input_uris = input_uris
        self._patience_seconds = patience_seconds
        self._free = slots
        self._details = details
        self._parts: dict[str, Part] = {}
        self._queue: deque[Part] = deque()
        self._due: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = itertools.count()
        self._said: list[frames.Event] = []
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
        return ROOT in self._parts and all(part.has_ended for part in self._parts.values())

    def advance(self, now: int) -> list[frames.Event]:
        """Let happen what is due, and return what is to be said."""
        while self._due and self._due[0][0] <= now:
            at, _, happen = heapq.heappop(self._due)
            happen(at)
        said, self._said = self._said, []
        return said

    def take_aborts(self) -> list[str]:
        """The actions that somebody in the script aborts now."""
        names, self._to_abort = self._to_abort, []
        return names

    def take_answers(self) -> list[str]:
        """The conditions that somebody in the script answers now."""
        names, self._to_answer = self._to_answer, []
        return names

    def take_files(self) -> list[files.File]:
        """What is to be written before it is said what has ended."""
        written, self._files = self._files, []
        return written

    # --- what the server says -----------------------------------------------------------------------------------

    def take_leases(self, leases: Iterable[Lease], now: int) -> None:
        for lease in leases:
            part = self._parts[lease.key.name] = Part(lease, self._scripts[lease.key.name])
            if part.script.children:
                self._at(now, partial(self._start, part))
            elif lease.attempt > 1:
                self._queue.appendleft(part)
            else:
                self._queue.append(part)
        self._fill(now)

    def take_cancels(self, cancels: Iterable[frames.Cancel], now: int) -> None:
        for cancel in cancels:
            part = self._parts.get(cancel.key.name)
            if part is None or part.lease.epoch != cancel.epoch or part.is_cancelled or part.has_ended:
                continue
            part.is_cancelled = True
            self._said.append(frames.Delivered(cancel.key, cancel.epoch, now))
            self._complain(part, now, "CancelledError: keeping the last checkpoint before it stops")
            self._at(now + CLEANUP_US, partial(self._end, part, "cancelled"))

    def take_children(self, updates: Iterable[frames.ChildUpdate], now: int) -> None:
        for update in updates:
            parent = self._parts.get(update.parent)
            if parent is not None and update.name in parent.waits_for:
                parent.waits_for.discard(update.name)
                self._look(parent, now)

    def held(self) -> list[frames.Held]:
        return [frames.Held(part.lease.key, part.lease.epoch) for part in self._parts.values()]

    def forget(self, keys: Collection[Key]) -> None:
        """They are somebody else's now."""
        for key in keys:
            self._parts.pop(key.name, None)

    # --- what the scripts say -----------------------------------------------------------------------------------

    def _at(self, at: int, happen: Callable[[int], None]) -> None:
        heapq.heappush(self._due, (at, next(self._order), happen))

    def _fill(self, now: int) -> None:
        while self._free > 0 and self._queue:
            part = self._queue.popleft()
            if not part.is_cancelled:
                part.has_slot = True
                self._free -= 1
                self._at(now, partial(self._start, part))

    def _start(self, part: Part, at: int) -> None:
        if part.is_cancelled:
            return
        key, script = part.lease.key, part.script
        self._said.append(frames.Started(key, part.lease.epoch, at))
        for name in script.children:
            self._said.append(frames.Enqueue(key.run, key.name, self._message(name)))
            if self._scripts[name].prompt:
                self._at(at + ANSWER_US, partial(self._want_answer, name))
        if script.aborted_after is not None:
            self._at(at + int(script.aborted_after * SECOND_US), lambda _: self._to_abort.append(key.name))
        if script.children and script.waits:
            part.waits_for = set(script.children) - {update.name for update in part.lease.children}
            self._look(part, at)
        else:
            self._work(part, at)

    def _want_answer(self, name: str, _: int) -> None:
        self._to_answer.append(name)

    def _look(self, part: Part, at: int) -> None:
        if not part.waits_for and not part.has_ended and not part.is_cancelled:
            self._work(part, at)

    def _work(self, part: Part, at: int) -> None:
        spent = int(part.take.seconds * SECOND_US)
        if self._details:
            self._print(part, at, spent)
        self._at(at + spent, partial(self._end, part, ""))

    def _print(self, part: Part, at: int, spent: int) -> None:
        """Progress on stdout; from the second try on a warning of the logger first."""
        task, step = part.script.task, max(1, spent // PROGRESS)
        lines = [
            (
                at + n * step,
                "out",
                f"{task} step {(n + 1) * 24:>3}  loss {2.3 / (n + 1):.4f}  {1800 + 37 * n} rows/s\n",
            )
            for n in range(PROGRESS)
        ]
        if part.lease.attempt > 1:
            lines.insert(
                0, (at, "log", f"WARNING demo: attempt {part.lease.attempt}, going on from step 48\n")
            )
        self._said.append(frames.LogLines(part.lease.key, part.lease.attempt, lines))

    def _complain(self, part: Part, at: int, text: str) -> None:
        """On stderr."""
        if self._details:
            line = (at, "err", f"{text}\n")
            self._said.append(frames.LogLines(part.lease.key, part.lease.attempt, [line]))

    def _end(self, part: Part, outcome: str, at: int) -> None:
        if part.has_ended or (part.is_cancelled and outcome != "cancelled"):
            return
        part.has_ended = True
        failure = None
        if not outcome:
            error = part.take.error
            failure = error and frames.Failure(
                *error, recoverable=part.lease.attempt < len(part.script.takes)
            )
            outcome = "failed" if failure else "succeeded"
            if not failure:
                self._keep(part)
            if error:
                self._complain(part, at, error[1])
        self._said.append(frames.Finished(part.lease.key, part.lease.epoch, at, outcome, failure))
        if part.has_slot:
            self._free += 1
            self._fill(at)

    def _keep(self, part: Part) -> None:
        """Its outputs; the root has a report too."""
        folder, script = part.lease.output_uri, part.script
        if script.children or self._details:
            self._files.append((f"{folder}/outputs.pb", files.outputs_of(script)))
        if script.name == ROOT:
            self._files.append((f"{folder}/{files.REPORT}", files.report_of(script, self._scripts)))

    def _message(self, name: str) -> bytes:
        script = self._scripts[name]
        uri = self._input_uris.get(script.task, "")
        return child_message(script, self._ref, uri, patience_seconds=self._patience_seconds)
