"""Runs one attempt on the user's loop: loads its task, once per process, runs it, and returns how it ended."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from runs.domain.addresses.storage import check_inside
from runs.domain.errors import Invalid
from runs.domain.failures import Failure
from runs.executor.attempt.attempt import Attempt, Ending
from runs.executor.attempt.command import Command, CommandError
from runs.executor.attempt.stacks import traceback_of
from runs.executor.environments.missing import advise
from runs.executor.flyte import failures, tasks
from runs.executor.flyte.bundles import InvalidBundle
from runs.executor.flyte.controller import HostController
from runs.executor.flyte.messages import command_of
from runs.executor.link.outbox import Outbox
from runs.executor.loop.guards import ProcessEnd
from runs.protocol.frames import Lease, Started, now_us

# A process of its own must run the attempt: its function is not a coroutine, or the server wants it alone.
ISOLATE = Ending("isolate")


@dataclass(frozen=True)
class TaskSettings:
    """What holds for all tasks of this process.

    secret_folder: where an action finds the secrets that it gets as files. storage_url: "" where nobody has said it.
    loads: whether tasks can be loaded here; else the flyte of their own environment does, in a process each.
    own_tasks: ours, by the arguments of their resolver; only the builder has some.
    """

    secret_folder: Callable[[Lease], Path]
    storage_url: str = ""
    loads: bool = True
    own_tasks: Mapping[tuple[str, ...], Any] = field(default_factory=dict)


class Runner:
    """The tasks of this process' code bundle."""

    def __init__(
        self,
        outbox: Outbox,
        controller: HostController,
        bundle_problem: InvalidBundle | None,
        note_module: Callable[[str], None],
        begin_code: Callable[[Attempt], None],
        settings: TaskSettings,
    ) -> None:
        self._outbox = outbox
        self._controller = controller
        self._bundle_problem = bundle_problem
        self._note_module = note_module
        self._begin_code = begin_code
        self._settings = settings
        self._loaded: dict[Command, tuple[Any, Any]] = {}
        self._has_scope = False

    async def run(self, attempt: Attempt) -> Ending:  # noqa: PLR0911 -- one return for each way in which it ends
        uri = attempt.lease.output_uri
        if (refused := self._deliver_secrets(attempt)) is not None:
            _log(refused.message)
            return Ending("failed", await failures.store_failure(refused, uri))
        try:
            self._prepare(attempt)
            if not self._settings.loads:
                return ISOLATE
            task, bundle = await self._load(attempt)
        except (InvalidBundle, Invalid) as problem:
            _log(str(problem))
            return Ending("failed", await failures.record_failure(problem, uri, recoverable=False))
        except CommandError as problem:
            _log(str(problem))
            code = "UnsupportedTask"
            return Ending("failed", await failures.record_failure(problem, uri, code=code, recoverable=False))
        except asyncio.CancelledError:
            raise
        except BaseException as problem:  # a module may do anything while it is imported, sys.exit() too
            code = problem.code if isinstance(problem, ProcessEnd) else ""
            if advice := advise(problem):
                problem.add_note(advice)
            _log(traceback_of(problem).rstrip())
            return Ending(
                "failed", await failures.record_failure(problem, uri, code=code, with_traceback=True)
            )
        if attempt.lease.is_alone or not tasks.runs_in_loop(task):
            attempt.is_function = tasks.is_function(task)
            return ISOLATE
        try:
            failure = await tasks.run_task(
                task, bundle, attempt, self._controller, begin=partial(self._begin, attempt)
            )
        except asyncio.CancelledError as cancelled:
            if attempt.is_stopping or not attempt.is_active:
                raise
            # Nobody cancelled it: its code awaited something cancelled, and did not catch that.
            return Ending("failed", await failures.record_failure(cancelled, uri))
        except ProcessEnd as end:
            failure = await failures.record_failure(
                end, uri, code=end.code, recoverable=True, with_traceback=True
            )
            return Ending("failed", failure)
        except BaseException as problem:
            # What the SDK has not recorded itself; and sys.exit(), which must not end this process.
            return Ending("failed", await failures.record_failure(problem, uri))
        return Ending("failed", failure) if failure else Ending("succeeded")

    def _deliver_secrets(self, attempt: Attempt) -> Failure | None:
        """Put those that it gets as files into its folder; what is wrong with them ends it before its code begins."""
        if attempt.lease.problem is not None or attempt.secrets is None:
            return attempt.lease.problem
        try:
            attempt.secrets.make_files(self._settings.secret_folder(attempt.lease))
        except OSError as problem:
            message = f"Its secrets cannot be put into a folder of its own: {problem}"
            return Failure("SecretsNotDelivered", message, "system", recoverable=True)
        return None

    def _begin(self, attempt: Attempt) -> None:
        """Its code is next, unless its lease was given back or its end was reported while its inputs were read."""
        if not attempt.start():
            raise asyncio.CancelledError
        self._begin_code(attempt)
        self._outbox.put(Started(key=attempt.key, epoch=attempt.lease.epoch, at=now_us()))

    def _check_addresses(self, lease: Lease, command: Command) -> None:
        """Raise Invalid for inputs, outputs or pickled code elsewhere than in the storage. What user code opens is its own affair."""
        if self._settings.storage_url:
            for what, address in (
                ("inputs", lease.input_uri),
                ("outputs", lease.output_uri),
                ("code", command.pkl),
            ):
                if address:
                    check_inside(address, self._settings.storage_url, what=f"the address of the {what}")

    def _prepare(self, attempt: Attempt) -> None:
        if self._bundle_problem is not None:
            raise self._bundle_problem
        if attempt.command is None:
            attempt.command = command_of(attempt.lease.spec)
        self._check_addresses(attempt.lease, attempt.command)

    async def _load(self, attempt: Attempt) -> tuple[Any, Any]:
        assert attempt.command is not None
        if not self._has_scope:
            tasks.set_scope(attempt.run.org, attempt.run.project, attempt.run.domain)
            self._has_scope = True
        if own := self._settings.own_tasks.get(attempt.command.resolver_args):
            return own, None
        loaded = self._loaded.get(attempt.command)
        if loaded is None:
            loaded = self._loaded[attempt.command] = await tasks.load_task(attempt.command)
            if module := tasks.module_of(attempt.command):
                self._note_module(module)
        return loaded


def _log(text: str) -> None:
    """What ends an action before its code begins is in its log, too, where people look first."""
    print(text, file=sys.stderr)
