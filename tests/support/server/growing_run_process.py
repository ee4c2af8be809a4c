"""A run that lasts as long as one likes and changes as it is told: `python -m tests.support.server.growing_run_process ACTIONS`, beside a server.

It is told up to a question that nobody answers, as `flyteui demo` tells, and goes on through the link of its executor, so that
the server itself writes each change. It reads orders from stdin, one a line, and says on stdout when each is done:
`above N` and `below N`: so many actions begin high up in the tree, or at its end; `updates N`: from now on so many a second;
`until N`: done when there were so many updates since the first; `stop`: none any more. At the end of stdin it ends.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import sys
import threading
from collections import deque
from dataclasses import replace

import django

SLOTS = 64
UPDATED = 20  # actions that stop and start again, in turn
NEW_EVERY = 10  # updates: then an action begins, too
FIRST = "m0"  # the branch with the question
MOST_SECONDS = {"until": 600.0}  # that an order may take
MOST_SECONDS_ELSE = 60.0


class GrowingRunProcess:
    """The link's `Receiver`: everything but `hello` and `order` happens on the link's thread."""

    def __init__(self, demo_run, simulation, held) -> None:
        from django.conf import settings

        from runs.executor.link.client import Link

        self._demo_run, self._held = demo_run, held
        self._link = Link(
            f"ws{settings.PUBLIC_URL.removeprefix('http')}/ws/executor/", settings.EXECUTOR_TOKEN, self
        )
        self._link._seq = simulation.seq
        self._numbers = itertools.count()
        self._running: deque = deque()
        self._once: set[str] = set()  # they succeed; the others start again
        self._gap = 0.0
        self._updates = 0
        self._awaited: list[tuple[int, threading.Event]] = []

    def start(self) -> None:
        self._link.start()

    def order(self, word: str, number: int) -> None:
        """Do it, and return when the server has it."""
        done = threading.Event()
        self._link.call_soon(self._begin, word, number, done)
        if not done.wait(MOST_SECONDS.get(word, MOST_SECONDS_ELSE)):
            raise TimeoutError(word)

    def _begin(self, word: str, number: int, done: threading.Event) -> None:
        if word == "until":
            self._awaited.append((number, done))
            return
        if word in {"above", "below"}:
            for _ in range(number):
                self._enqueue(FIRST if word == "above" else "a0", once=False)
        elif word == "updates":
            self._gap, was = 1 / number, self._gap
            for _ in range(max(0, UPDATED - len(self._running))):
                self._enqueue(FIRST, once=False)
            if not was:
                self._link.call_later(self._gap, self._tick)
        else:
            self._gap = 0.0
        self._flushing = self._link.loop.create_task(self._flush(done), name="flush")

    async def _flush(self, done: threading.Event) -> None:
        await asyncio.sleep(0)
        if await self._link.flushed(50):
            done.set()

    def _tick(self) -> None:
        """One update: what has run the longest is interrupted; the server leases it again, and it starts."""
        from runs.protocol import frames

        if not self._gap:
            return
        self._link.call_later(self._gap, self._tick)
        if not self._running:
            return
        self._updates += 1
        for number, done in self._awaited:
            if self._updates >= number:
                done.set()
        if self._updates % NEW_EVERY == 0:
            self._enqueue(FIRST, once=True)
        lease = self._running.popleft()
        outcome = "succeeded" if lease.key.name in self._once else "interrupted"
        self._say(frames.Finished(lease.key, lease.epoch, frames.now_us(), outcome))

    def _enqueue(self, parent: str, *, once: bool) -> None:
        from runs.demo import files
        from runs.demo.scripts import Script, ScriptedAttempt
        from runs.demo.tasks import child_message
        from runs.protocol import frames

        name = f"{parent}.n{next(self._numbers)}"
        if once:
            self._once.add(name)
        script = Script(name, parent, "step", "", (ScriptedAttempt(1.0),))
        call = files.call_of(script)
        digest = files.digest_of(call) if call else ""
        message = child_message(script, self._demo_run.ref, "", patience_seconds=0, digest=digest)
        self._link.outbox.put(frames.Enqueue(self._demo_run.run_id, parent, message), self._answered)

    def _answered(self, result) -> None:
        assert result is None or result.code == "ok", result
        if result is not None and result.lease is not None:
            self._start([result.lease])

    def _start(self, leases) -> None:
        from runs.protocol import frames

        for lease in leases:
            self._say(frames.Started(lease.key, lease.epoch, frames.now_us()))
            self._running.append(lease)

    def _say(self, event) -> None:
        self._link.outbox.put(event)

    # The link's `Receiver`.

    def hello(self, epoch: int):
        from runs.protocol import frames

        held = self._held + [frames.Held(lease.key, lease.epoch) for lease in self._running]
        demo_run = self._demo_run
        return frames.Hello(
            str(demo_run.executor_id), demo_run.pool, epoch, socket.gethostname(), os.getpid(),
            demo_run.capacity, held,
        )  # fmt: skip

    def welcomed(self, welcome) -> None:
        assert not welcome.kill, welcome

    def received(self, message) -> None:
        from runs.protocol import frames

        if isinstance(message, frames.Leases):
            self._start(message.leases)

    def committed(self) -> None:
        pass

    def refused(self, reason: str, exit_code: int) -> None:
        raise SystemExit(f"{reason} ({exit_code})")


def main(actions: int) -> None:
    django.setup()
    from django.conf import settings
    from django.utils import timezone

    from runs.demo.scripts import ScriptedAttempt, widths_for, write_scripts
    from runs.demo.setup import create_demo_run
    from runs.demo.simulation import Simulation
    from runs.domain.addresses.pages import run_path
    from runs.protocol import frames

    scripts = write_scripts(widths_for(actions))
    scripts[FIRST] = replace(
        scripts[FIRST], waits=True, aborted_after=None, attempts=(ScriptedAttempt(0.05),)
    )
    demo_run = create_demo_run(
        scripts, actor="test", ends_at=timezone.now(), details=False, slots=max(SLOTS, actions // 100)
    )
    simulation = Simulation(demo_run, lambda _: None, actions=len(scripts), answers=False)
    simulation.run()
    parts = [part for part in demo_run.executor._running.values() if not part.has_ended]
    growing = GrowingRunProcess(
        demo_run, simulation, [frames.Held(part.lease.key, part.lease.epoch) for part in parts]
    )
    growing.start()
    print(f"{len(scripts)} {settings.PUBLIC_URL}{run_path(demo_run.ref)}", flush=True)
    for line in sys.stdin:
        word, _, number = line.strip().partition(" ")
        growing.order(word, int(number or 0))
        print(f"done {word}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
