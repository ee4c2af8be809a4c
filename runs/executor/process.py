"""An executor process: puts its parts together, and decides when it ends.

Three threads: the main one runs the user's loop, the link's has a loop of its own, and the SDK may start one for
synchronous calls of tasks.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

from runs.executor import bundles, frames, tasks
from runs.executor.config import ExecutorConfig
from runs.executor.environ import lay_over_environ, variables_of_server
from runs.executor.forker import Forker
from runs.executor.held import Ending, Held
from runs.executor.host import Host, task_factory
from runs.executor.isolation import Isolation
from runs.executor.link import BAD_TOKEN, Link
from runs.executor.modules import forget_ourselves
from runs.executor.output import Output, capture
from runs.executor.probe import LoopProbe
from runs.executor.runner import Runner

STOP_SECONDS = 2.0
CLOSE_AFTER_SECONDS = 1.5  # of them: what did not let itself be interrupted until then is closed
# After the last step of an escalation the server has this process ended by its worker. When nobody does, it ends itself.
ABANDONED_SECONDS = 10.0
LAST_WORDS_SECONDS = 1.0
# How long before its lease runs out an executor out of reach begins to end; for a short lease, half of it.
FENCE_SECONDS = 10.0


class Process:
    """The whole of it. Its public methods are the link's `Receiver`."""

    def __init__(self, config: ExecutorConfig, forker: Forker) -> None:
        self._config = config
        self._loop = asyncio.new_event_loop()
        self._loop.set_task_factory(task_factory)
        asyncio.set_event_loop(self._loop)
        self._link = Link(config.url, self)
        self._output = Output(self._link.outbox, self._call_later_on_link)
        self._isolation = Isolation(
            forker,
            self._link.outbox,
            self._output,
            variables=variables_of_server(config.endpoint),
            finish=self._finish,
        )
        self._host = Host(self._loop, self._link, self._output, self._isolation)
        self._host.on_end = self._one_has_ended
        self._host.escalation.on_last_step = self._stop_if_nobody_does
        self._idle_seconds = config.idle_seconds
        self._idle_since = time.monotonic()
        self._lease_seconds = 600.0  # until the server says otherwise
        self._is_draining = False
        self._stopping: asyncio.Task[None] | None = None
        self._quiet = asyncio.Event()  # of the link's loop: no code of an action runs
        self._tasks: list[asyncio.Task[None]] = []

    def run(self) -> None:
        log_stream = capture(self._output)
        lay_over_environ()
        controller = tasks.install(self._host.children)
        self._listen_to_signals()
        probe = LoopProbe(self._loop, self._loop_changed)
        self._link.call_soon(self._start_loops, probe)
        self._link.start()
        forget_ourselves()
        problem = self._loop.run_until_complete(self._enter_bundle())
        self._host.open(Runner(self._link.outbox, controller, self._config.endpoint, log_stream, problem))
        while True:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # asyncio lets these two out of any task; a task of user code may not end its neighbours.
                traceback.print_exc()

    def _finish(self, held: Held, ending: Ending) -> None:
        self._host.finish(held, ending)

    async def _enter_bundle(self) -> bundles.InvalidBundle | None:
        folder, problem = Path(self._config.home), None
        try:
            folder = await bundles.prepare_bundle(self._config.bundle_uri, folder)
        except bundles.InvalidBundle as invalid:
            problem = invalid
        tasks.enter(folder)
        return problem

    # The link's `Receiver`.

    def hello(self, epoch: int) -> frames.Hello:
        return frames.Hello(
            token=self._config.token,
            executor=self._config.executor,
            pool=self._config.pool,
            epoch=epoch,
            host=socket.gethostname(),
            pid=os.getpid(),
            capacity=self._config.capacity,
            held=[frames.Held(held.key, held.lease.epoch) for held in list(self._host.held.values())],
        )

    def welcomed(self, welcome: frames.Welcome) -> None:
        self._idle_seconds, self._lease_seconds = welcome.idle_seconds, welcome.lease_seconds
        self._isolation.grace_seconds = self._host.escalation.grace_seconds = welcome.grace_seconds
        self._host.kill(welcome.kill)

    def received(self, message: frames.ToExecutor) -> None:
        match message:
            case frames.Leases():
                self._idle_since = time.monotonic()
                self._host.take(message)
            case frames.Cancels():
                self._host.cancel(message)
            case frames.Children():
                self._host.children.apply(message.updates)
            case frames.Drain():
                self._is_draining = True
                self._host.takes_leases = False
                self._look_if_quiet()

    def committed(self) -> None:
        self._host.children.wake()

    def refused(self, code: int, reason: str) -> None:
        print(
            f"flyteui executor {self._config.executor}: refused by the server ({code} {reason})",
            file=sys.__stderr__,
        )
        os._exit(77 if code == BAD_TOKEN else 0)

    # Any thread.

    def _one_has_ended(self) -> None:
        # Looking at all that is held after each end would make the end of a fan-out quadratic.
        if self._stopping is not None or self._is_draining or not self._host.held:
            self._link.call_soon(self._look_if_quiet)

    # The link's thread.

    def _call_later_on_link(self, seconds: float, function: object) -> None:
        self._link.call_soon(self._link.call_later, seconds, function)

    def _start_loops(self, probe: LoopProbe) -> None:
        loop = asyncio.get_running_loop()
        self._isolation.open()
        self._tasks = [
            loop.create_task(watched(probe.run()), name="loop-probe"),
            loop.create_task(watched(self._exit_when_idle()), name="idle-exit"),
            loop.create_task(watched(self._exit_when_forgotten()), name="fence"),
        ]

    def _loop_changed(self, responsive: bool, stack: str) -> None:
        self._link.outbox.put(frames.LoopState(responsive=responsive, at=frames.now_us(), stack=stack))
        self._host.escalation.is_loop_blocked = not responsive
        self._host.takes_leases = responsive and not self._is_draining and self._stopping is None
        if not responsive:
            self._host.give_back()
            self._look_if_quiet()

    def _look_if_quiet(self) -> None:
        if not any(self._may_end(held) for held in list(self._host.held.values())):
            self._quiet.set()
        if self._host.held:
            self._idle_since = time.monotonic()
        elif self._is_draining:
            self._idle_seconds = 0

    def _may_end(self, held: Held) -> bool:
        """Whether it is worth to wait for: what runs on a loop that is blocked does not end before that is free again."""
        return held.may_speak and (held.is_isolated or not self._host.escalation.is_loop_blocked)

    async def _exit_when_idle(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, max(0.05, self._idle_seconds / 4)))
            if self._host.held:
                self._idle_since = time.monotonic()
            elif time.monotonic() - self._idle_since >= self._idle_seconds and self._link.outbox.is_empty:
                await self._exit()

    def _seconds_to_fence(self) -> float:
        margin = min(FENCE_SECONDS, self._lease_seconds / 2)
        return self._lease_seconds - margin - self._link.silent_seconds

    async def _exit_when_forgotten(self) -> None:
        """Law 11: the server gives away the work of an executor that it cannot reach. By then none of it may run here."""
        while True:
            left = self._seconds_to_fence()
            if left <= 0:
                break
            await asyncio.sleep(min(1.0, left))
        print(
            f"flyteui executor {self._config.executor}: out of reach for {self._link.silent_seconds:.0f} s; its lease "
            "runs out, so it ends",
            file=sys.__stderr__,
        )
        self._begin_stop()

    async def _stop(self) -> None:
        """An orderly stop: interrupt what runs, report it, and end. The server starts it again elsewhere.

        What does not let itself be interrupted runs until this process ends. So nothing is said of it here, and its exit
        code tells that it was stopped.
        """
        self._host.takes_leases = False
        self._host.children.is_stopping = True
        self._quiet.clear()
        self._host.give_back()
        self._loop.call_soon_threadsafe(self._host.interrupt_all)
        self._isolation.stop()
        self._look_if_quiet()
        await self._gets_quiet(CLOSE_AFTER_SECONDS)
        self._loop.call_soon_threadsafe(self._host.close_all)
        await self._gets_quiet(STOP_SECONDS - CLOSE_AFTER_SECONDS)
        goes_on = any(held.may_speak for held in list(self._host.held.values()))
        await self._exit(frames.STOPPED if goes_on else 0)

    async def _gets_quiet(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._quiet.wait()

    def _stop_if_nobody_does(self) -> None:
        self._link.call_later(ABANDONED_SECONDS, self._begin_stop)

    def _begin_stop(self) -> bool:
        """Begin an orderly stop; False when one has begun already."""
        if self._stopping is not None:
            return False
        self._stopping = asyncio.get_running_loop().create_task(watched(self._stop()), name="stop")
        return True

    async def _exit(self, code: int = 0) -> None:
        await self._link.flushed(LAST_WORDS_SECONDS)
        await self._link.close()
        leave(code)

    # Signals.

    def _listen_to_signals(self) -> None:
        """Let the link's thread hear them: user code may keep the main thread from running any Python handler."""
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        self._signal_sockets = ours, theirs
        self._link.call_soon(lambda: asyncio.get_running_loop().add_reader(ours, self._heard))

    def _heard(self) -> None:
        numbers = self._signal_sockets[0].recv(64)
        if not {signal.SIGTERM, signal.SIGINT}.intersection(numbers):
            return
        if not self._begin_stop():
            leave(1)


async def watched(loop: object) -> None:
    """Run one of the process' own loops; a crash of it ends the process, loudly."""
    try:
        await loop  # type: ignore[misc]
    except asyncio.CancelledError:
        raise
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        os._exit(70)


def leave(code: int) -> None:
    """End now: threads of user code must not keep the process."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()
    os._exit(code)
