"""An executor process: builds its parts, passes the server's frames to them, and runs the user's loop.

Three threads: the main one runs the user's loop, the link's has a loop of its own, and the SDK may start one for
synchronous calls of tasks. `shutdown.py` decides when the process ends.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import traceback
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from runs.domain.names import BUILDER_POOL
from runs.executor import home
from runs.executor.attempt import secrets
from runs.executor.attempt.attempt import Attempt
from runs.executor.attempt.descriptors import Descriptors
from runs.executor.attempt.environ import hide_own_packages, overlay_environ, variables_of_server
from runs.executor.attempt.long_steps import COLLECTIONS
from runs.executor.attempt.output import Output, capture
from runs.executor.attempt.record import Record
from runs.executor.attempt.working_folder import WorkingFolders
from runs.executor.environments import missing
from runs.executor.environments.use import InUse
from runs.executor.flyte import bundles, sdk, tasks
from runs.executor.link.client import Link
from runs.executor.link.config import ExecutorConfig
from runs.executor.loop import starts
from runs.executor.loop.folders import CurrentFolders
from runs.executor.loop.guards import Guards
from runs.executor.loop.host import Host, task_factory
from runs.executor.loop.leftovers import reap_orphans
from runs.executor.loop.probe import Block, LoopProbe
from runs.executor.loop.runner import Runner, TaskSettings
from runs.executor.loop.steps import Steps
from runs.executor.processes.forker import Forker
from runs.executor.processes.protocol import STACK_SIGNAL
from runs.executor.processes.table import read_table
from runs.executor.processes.termination import adopt_orphans
from runs.executor.shutdown import Shutdown, run_or_exit
from runs.protocol import frames

DESCRIPTORS_SECONDS = 0.1
IDLE_SECONDS = 1.0  # the same while nothing runs
REAP_SECONDS = (0.5, 5.0)  # after the end of a zygote, what it has left is reaped


class Process:
    """Owns the parts. As the link's `Receiver`, it is called on the link's thread."""

    def __init__(
        self,
        config: ExecutorConfig,
        forker: Forker,
        record: Record,
        descriptors: Descriptors,
        environment: InUse | None = None,
    ) -> None:
        """environment: in which its actions run; None for the worker's own Python."""
        self._descriptors = descriptors
        self._config = config
        self._environment = environment
        self._zygote_pid = forker.zygote_pid
        forker.on_lost = self._zygote_lost
        self._loop = asyncio.new_event_loop()
        self._loop.set_task_factory(task_factory)
        asyncio.set_event_loop(self._loop)
        self._link = Link(config.url, config.token, self, tls_cert=config.tls_cert)
        self._output = Output(self._link.outbox, self._link.schedule)
        self._host = Host(
            self._loop,
            self._link,
            self._output,
            forker,
            variables=variables_of_server(config.endpoint),
            processes=config.processes,
            on_end=self._attempt_ended,
            on_last_step=self._last_step_taken,
        )
        self._shutdown = Shutdown(config.executor, self._host, self._link, idle_seconds=config.idle_seconds)
        self._own_tasks: Mapping[tuple[str, ...], Any] = {}
        if config.pool == BUILDER_POOL:
            # Here and now: other environments have no uv, and soon nothing of ours can be imported.
            from runs.executor.images.task import make_tasks

            self._own_tasks = make_tasks(self._link.outbox.put)
        self._record = record
        self._steps = Steps(self._loop, record)
        self._probe = LoopProbe(self._loop, self._steps, record.beat, self._loop_changed)

    def run(self) -> None:
        """Never returns: `Shutdown` ends the process from the link's thread."""
        self._descriptors.redirect(self._host.write_unattributed)
        self._output.read_descriptors = self._descriptors.read
        log_stream = capture(self._output)
        overlay_environ()
        self._record.catch_fatal_signals(STACK_SIGNAL)
        COLLECTIONS.watch(self._record.mark_collection)
        adopt_orphans()
        starts.install([self._zygote_pid], self._open_output, self._record.works)
        controller = tasks.install(self._host.children)
        self._shutdown.watch_signals()
        Guards(self._loop, lambda: self._link.descriptor).install()
        self._link.call_soon(self._start_on_link)
        self._link.start()
        hide_own_packages()
        folders, problem = self._loop.run_until_complete(self._enter_bundle(log_stream))
        current = CurrentFolders(folders, sdk.ASKING_FOR_BUNDLE)
        current.install()
        self._steps.install(current.enter, self._host.holds_up)
        missing.look_in(self._config.environment)
        note_module = partial(home.note_module, self._config.bundle_uri, Path(self._config.home))
        settings = TaskSettings(
            secret_folder=partial(secrets.folder_of, self._config.home, self._config.executor),
            storage_url=self._config.storage_url,
            loads=not self._config.entry_point,
            own_tasks=self._own_tasks,
        )
        runner = Runner(self._link.outbox, controller, problem, note_module, self._steps.begin_code, settings)
        self._host.open(runner, folders)
        while True:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # asyncio lets these two out of any task; a task of user code may not end its neighbours.
                traceback.print_exc()

    async def _enter_bundle(self, log_stream: TextIO) -> tuple[WorkingFolders, bundles.InvalidBundle | None]:
        folder, problem = Path(self._config.home), None
        files = self._environment.workdir if self._environment else None
        try:
            bundle = await bundles.prepare_bundle(
                self._config.bundle_uri, folder, self._config.storage_url, files
            )
        except bundles.InvalidBundle as invalid:
            bundle, problem = folder, invalid
        tasks.enter(bundle)
        await tasks.initialise(self._config.endpoint, log_stream)
        root = WorkingFolders.root_of(self._config.home, self._config.executor)
        return WorkingFolders(bundle, root), problem

    # The link's `Receiver`.

    def hello(self, epoch: int) -> frames.Hello:
        return frames.Hello(
            executor=self._config.executor,
            pool=self._config.pool,
            epoch=epoch,
            host=socket.gethostname(),
            pid=os.getpid(),
            capacity=self._config.capacity,
            held=self._host.list_held(),
        )

    def welcomed(self, welcome: frames.Welcome) -> None:
        self._shutdown.configure(idle_seconds=welcome.idle_seconds, lease_seconds=welcome.lease_seconds)
        self._host.set_grace(welcome.grace_seconds)
        self._host.kill(welcome.kill)

    def received(self, message: frames.ToExecutor) -> None:
        match message:
            case frames.Leases():
                self._shutdown.restart_idle_timer()
                self._host.take(message)
            case frames.Cancels():
                self._host.cancel(message)
            case frames.Children():
                self._host.children.apply(message.updates)
            case frames.Drain():
                self._shutdown.drain()

    def committed(self) -> None:
        self._host.children.wake()

    def refused(self, reason: str, exit_code: int) -> None:
        print(
            f"flyteui executor {self._config.executor}: refused by the server: {reason}", file=sys.__stderr__
        )
        os._exit(exit_code)

    # Callbacks of the parts.

    def _open_output(self, attempt: Attempt) -> starts.ActionOutput:
        return starts.ActionOutput(partial(self._output.write, attempt), self._link.call_soon)

    async def _read_descriptors(self) -> None:
        while True:
            await asyncio.sleep(DESCRIPTORS_SECONDS if self._host.attempts else IDLE_SECONDS)
            self._descriptors.read()

    def _start_on_link(self) -> None:
        self._host.open_processes()
        self._probing = asyncio.get_running_loop().create_task(
            run_or_exit(self._probe.run()), name="loop-probe"
        )
        self._reading = asyncio.get_running_loop().create_task(
            run_or_exit(self._read_descriptors()), name="descriptors"
        )
        self._shutdown.start()

    def _loop_changed(self, block: Block | None) -> None:
        """The user's loop has begun or ceased to respond. On the link's thread."""
        now = frames.now_us()
        if block is None:
            self._link.outbox.put(frames.LoopState(responsive=True, at=now))
            self._host.set_responsive()
            return
        by = block.step.attempt if block.step else None
        self._link.outbox.put(
            frames.LoopState(
                responsive=False, at=now, stack=block.stack, since=now - int(block.seconds * 1e6),
                key=by.key if by else None, epoch=by.lease.epoch if by else 0,
            )
        )  # fmt: skip
        self._host.set_blocked(by)
        self._shutdown.check_quiet()

    def _attempt_ended(self) -> None:
        """Called on any thread."""
        self._shutdown.attempt_ended()

    def _zygote_lost(self) -> None:
        """On the link's thread."""
        for seconds in REAP_SECONDS:
            self._link.call_later(seconds, lambda: reap_orphans(read_table()))

    def _last_step_taken(self) -> None:
        """An escalation has no further step. On the link's thread."""
        self._shutdown.begin_if_not_stopped()
