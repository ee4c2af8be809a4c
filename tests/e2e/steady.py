"""A run that lasts as long as one likes and changes as it is told: `python -m tests.e2e.steady ACTIONS`, beside a server.

It is told up to a question that nobody answers, as `manage.py demo` tells, and goes on through the link of its executor, so that
the server itself writes each change. It reads orders from stdin, one a line, and says on stdout when each is done:
`above N` and `below N`: so many actions begin high up in the tree, or at its end; `updates N`: from now on so many a second;
`stop`: none any more. At the end of stdin it ends.
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
UPDATED = 40  # actions that stop and start again, in turn
NEW_EVERY = 10  # updates: then an action begins, too
FIRST = "m0"  # the branch with the question


class Steady:
    """The link's `Receiver`: everything but `hello` and `order` happens on the link's thread."""

    def __init__(self, stage, rehearsal, held) -> None:
        from django.conf import settings

        from runs.executor.link import Link

        self._stage, self._held, self._token = stage, held, settings.EXECUTOR_TOKEN
        self._link = Link(f"ws{settings.PUBLIC_URL.removeprefix('http')}/ws/executor/", self)
        self._link._seq = rehearsal.seq
        self._numbers = itertools.count()
        self._running: deque = deque()
        self._once: set[str] = set()  # they succeed; the others start again
        self._gap = 0.0
        self._updates = 0

    def start(self) -> None:
        self._link.start()

    def order(self, word: str, number: int) -> None:
        """Do it, and return when the server has it."""
        done = threading.Event()
        self._link.call_soon(self._begin, word, number, done)
        if not done.wait(60):
            raise TimeoutError(word)

    def _begin(self, word: str, number: int, done: threading.Event) -> None:
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
        from runs.executor import frames

        if not self._gap:
            return
        self._link.call_later(self._gap, self._tick)
        self._updates += 1
        if self._updates % NEW_EVERY == 0:
            self._enqueue(FIRST, once=True)
        if not self._running:
            return
        lease = self._running.popleft()
        outcome = "succeeded" if lease.key.name in self._once else "interrupted"
        self._say(frames.Finished(lease.key, lease.epoch, frames.now_us(), outcome))

    def _enqueue(self, parent: str, *, once: bool) -> None:
        from runs.demo.scripts import Script, Take
        from runs.demo.tasks import child_message
        from runs.executor import frames

        name = f"{parent}.n{next(self._numbers)}"
        if once:
            self._once.add(name)
        script = Script(name, parent, "step", "", (Take(1.0),))
        message = child_message(script, self._stage.ref, "", patience_seconds=0)
        self._link.outbox.put(frames.Enqueue(self._stage.run_id, parent, message), self._answered)

    def _answered(self, result) -> None:
        assert result is None or result.code == "ok", result
        if result is not None and result.lease is not None:
            self._start([result.lease])

    def _start(self, leases) -> None:
        from runs.executor import frames

        for lease in leases:
            self._say(frames.Started(lease.key, lease.epoch, frames.now_us()))
            self._running.append(lease)

    def _say(self, event) -> None:
        self._link.outbox.put(event)

    # The link's `Receiver`.

    def hello(self, epoch: int):
        from runs.executor import frames

        held = self._held + [frames.Held(lease.key, lease.epoch) for lease in self._running]
        stage = self._stage
        return frames.Hello(
            self._token, str(stage.executor_id), stage.pool, epoch, socket.gethostname(), os.getpid(),
            stage.capacity, held,
        )  # fmt: skip

    def welcomed(self, welcome) -> None:
        assert not welcome.kill, welcome

    def received(self, message) -> None:
        from runs.executor import frames

        if isinstance(message, frames.Leases):
            self._start(message.leases)

    def committed(self) -> None:
        pass

    def refused(self, code: int, reason: str) -> None:
        raise SystemExit(f"{code} {reason}")


def main(actions: int) -> None:
    django.setup()
    from django.conf import settings
    from django.utils import timezone

    from runs.demo.rehearsal import Rehearsal
    from runs.demo.scripts import Take, widths_for, write_scripts
    from runs.demo.stage import set_stage
    from runs.executor import frames
    from runs.queries.pages import run_path

    scripts = write_scripts(widths_for(actions))
    scripts[FIRST] = replace(scripts[FIRST], waits=True, aborted_after=None, takes=(Take(0.05),))
    stage = set_stage(
        scripts, actor="test", ends_at=timezone.now(), details=False, slots=max(SLOTS, actions // 100)
    )
    rehearsal = Rehearsal(stage, lambda _: None, actions=len(scripts), answers=False)
    rehearsal.run()
    parts = [part for part in stage.play._parts.values() if not part.has_ended]
    steady = Steady(stage, rehearsal, [frames.Held(part.lease.key, part.lease.epoch) for part in parts])
    steady.start()
    print(f"{len(scripts)} {settings.PUBLIC_URL}{run_path(stage.ref)}", flush=True)
    for line in sys.stdin:
        word, _, number = line.strip().partition(" ")
        steady.order(word, int(number or 0))
        print(f"done {word}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
