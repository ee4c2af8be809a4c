"""Runs one attempt on the user's loop: loads its task once per process, runs it, reads how it ended."""

from __future__ import annotations

import asyncio
from typing import Any, TextIO

from runs.executor import failures, tasks
from runs.executor.bundles import InvalidBundle
from runs.executor.command import Command, CommandError
from runs.executor.controller import HostController
from runs.executor.frames import Started, now_us
from runs.executor.held import Ending, Held
from runs.executor.messages import command_of
from runs.executor.outbox import Outbox

# The attempt's function is not a coroutine: a process of its own must run it.
ISOLATE = Ending("isolate")


class Runner:
    """The tasks of this process' code bundle."""

    def __init__(
        self,
        outbox: Outbox,
        controller: HostController,
        endpoint: str,
        log_stream: TextIO,
        bundle_problem: InvalidBundle | None,
    ) -> None:
        self._outbox = outbox
        self._controller = controller
        self._endpoint = endpoint
        self._log_stream = log_stream
        self._bundle_problem = bundle_problem
        self._loaded: dict[Command, tuple[Any, Any]] = {}
        self._setting_up = asyncio.Lock()
        self._is_set_up = False

    async def run(self, held: Held) -> Ending:  # noqa: PLR0911 -- one return for each way in which it ends
        uri = held.lease.output_uri
        try:
            task, bundle = await self._load(held)
        except InvalidBundle as problem:
            return Ending("failed", await failures.record_failure(problem, uri, recoverable=False))
        except CommandError as problem:
            return Ending(
                "failed",
                await failures.record_failure(problem, uri, code="UnsupportedTask", recoverable=False),
            )
        except asyncio.CancelledError:
            raise
        except BaseException as problem:  # a module may do anything while it is imported, sys.exit() too
            return Ending("failed", await failures.record_failure(problem, uri, with_traceback=True))
        if not tasks.runs_in_loop(task):
            held.is_function = tasks.is_function(task)
            return ISOLATE
        held.has_begun = True
        self._outbox.put(Started(key=held.key, epoch=held.lease.epoch, at=now_us()))
        try:
            failure = await tasks.run_task(task, bundle, held, self._controller)
        except asyncio.CancelledError as cancelled:
            if held.cancel is not None or held.is_interrupted or not held.may_speak:
                raise
            # Nobody cancelled it: its code awaited something cancelled, and did not catch that.
            return Ending("failed", await failures.record_failure(cancelled, uri))
        except (
            BaseException
        ) as problem:  # what the SDK lets through, and sys.exit(), which must not end this process
            return Ending("failed", await failures.record_failure(problem, uri))
        return Ending("failed", failure) if failure else Ending("succeeded")

    async def _load(self, held: Held) -> tuple[Any, Any]:
        if self._bundle_problem is not None:
            raise self._bundle_problem
        if held.command is None:
            held.command = command_of(held.lease.spec)
        if not self._is_set_up:
            await self._set_up(held)
        loaded = self._loaded.get(held.command)
        if loaded is None:
            loaded = self._loaded[held.command] = await tasks.load_task(held.command)
        return loaded

    async def _set_up(self, held: Held) -> None:
        async with self._setting_up:
            if not self._is_set_up:
                await tasks.initialise(
                    self._endpoint, held.run.org, held.run.project, held.run.domain, self._log_stream
                )
                self._is_set_up = True
