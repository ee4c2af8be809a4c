"""All that the executor needs of the `flyte` SDK's private modules; no other file imports them.

Written against flyte 2.12. Each private thing has a contract test in `tests/executor/test_sdk_contract.py`, which says
what breaks when it changes. User code sees the SDK as it is: what is replaced here behaves the same, only in process.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import sys
import traceback
import weakref
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO, cast

import flyte.errors
import flyte.storage
from flyte._context import contextual_run, internal_ctx
from flyte._initialize import init as _init
from flyte._internal.controllers import _ControllerState
from flyte._internal.controllers.remote import _controller
from flyte._internal.controllers.remote._action import Action
from flyte._internal.controllers.remote._controller import RemoteController
from flyte._internal.image_cache import ImageCache
from flyte._internal.runtime import convert, io, rusty, taskrunner
from flyte._internal.runtime.task_serde import translate_task_to_wire
from flyte._logging import logger as _flyte_logger
from flyte._logging import user_logger as _user_logger
from flyte._task import AsyncFunctionTaskTemplate, TaskTemplate
from flyte._utils import adjust_sys_path
from flyte.models import ActionID, CheckpointPaths, CodeBundle, RawDataPath, SerializationContext
from flyteidl2.common import phase_pb2
from flyteidl2.core import execution_pb2, literals_pb2
from flyteidl2.task import task_definition_pb2

from runs.executor import local_files
from runs.executor.children import Children
from runs.executor.command import Command, checkpoint_path, parse_command, raw_data_path
from runs.executor.frames import AbortNote, Failure, abort_text
from runs.executor.held import CURRENT, Child, Held
from runs.executor.messages import KIND_NAMES, container_args, enqueue_message, execution_error, instant
from runs.executor.output import clean
from runs.executor.pace import pace_of

LOOP_TASK_TYPES = frozenset({"python", "actor"})
NO_OUTPUTS = "OutputsNotFound"
# Records of the SDK's runtime that only repeat what an action's page shows: module and function that write them.
# A failed task's own record stays, because the traceback is nowhere else.
REPEATED = frozenset(
    {
        ("_controller", "handle_action_failure"),
        ("_controller", "_submit"),
        ("_controller", "get_action_outputs"),
    }
)


class ActionAbortedError(flyte.errors.ActionAbortedError):
    """What an external abort of a child raises in its parent: who asked for it, why, when, and for which cause."""

    def __init__(self, action: str, note: AbortNote) -> None:
        super().__init__(abort_text(action, note))
        self.action = action
        self.actor = note.actor
        self.reason = note.reason
        self.cause = note.cause
        self.requested_at = datetime.fromtimestamp(note.requested_at / 1e6, tz=UTC)

    def __reduce__(self) -> tuple[Any, ...]:
        # Whoever unpickles this may not have flyteui, so it comes back as the SDK's own class, with the same attributes.
        return flyte.errors.ActionAbortedError, (str(self),), self.__dict__


# In tracebacks and logs it is what the user catches.
ActionAbortedError.__module__ = "flyte.errors"


class _PerAction(MutableMapping[str, Any]):
    """A mapping whose keys belong to the action that uses it: the SDK keys conditions by their name alone."""

    def __init__(self) -> None:
        self._items: dict[tuple[Any, str], Any] = {}

    @staticmethod
    def _key(name: str) -> tuple[Any, str]:
        context = internal_ctx().data.task_context
        action = context and context.task_action
        scope = action and (action.project, action.domain, action.run_name, action.name)
        return scope, name

    def __getitem__(self, name: str) -> Any:
        return self._items[self._key(name)]

    def __setitem__(self, name: str, value: Any) -> None:
        self._items[self._key(name)] = value

    def __delitem__(self, name: str) -> None:
        del self._items[self._key(name)]

    def __iter__(self) -> Iterator[str]:
        scope = self._key("")[0]
        return iter([name for owner, name in self._items if owner == scope])

    def __len__(self) -> int:
        return sum(1 for _ in self)


class HostController(RemoteController):
    """The SDK's controller for the actions of this process: no thread, no RPC, no watch.

    `RemoteController` serialises tasks and converts values; of its base class it needs the seven methods below, and here
    they talk to `Children`. So the base class' own machinery (informers, worker pool, rate limit) never starts, and with
    it go its collisions between runs of the same name and its race between cancelling and enqueueing.
    """

    def __init__(self, children: Children) -> None:
        super().__init__(client_coro=cast("Awaitable[Any]", None))
        self._children = children
        self._pending_conditions = cast("dict[str, Action]", _PerAction())

    def _start(self) -> None:
        """Do not start the controller's thread."""

    async def submit(self, _task: TaskTemplate[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        await pace_of(asyncio.get_running_loop()).turn()
        return await super().submit(_task, *args, **kwargs)

    async def submit_and_wait_for_action(self, action: Action) -> Action:
        return await self._end_of(action, self._submitted(action))

    async def start_action(self, action: Action) -> None:
        self._submitted(action)

    async def wait_for_action(self, action: Action) -> Action:
        return await self._end_of(action, self._submitted(action))

    async def get_action(self, action_id: Any, parent_action_name: str) -> Action | None:
        if (child := _current().children.get(action_id.name)) is None or child.update is None:
            return None
        return _merge(Action(action_id=action_id, parent_action_name=parent_action_name), child)

    async def cancel_action(self, action: Action) -> None:
        self._children.cancel(_current(), action.name)

    async def finalize_parent_action(self, action_id: Any) -> None:
        """Forget the parent's limit; its children live as long as its lease."""
        self._parent_action_semaphore.pop(_controller.unique_action_name(action_id), None)

    async def stop(self) -> None:
        pass

    def _submitted(self, action: Action) -> Child:
        parent = _current()
        return self._children.submit(
            parent,
            action.name,
            enqueue_message(action).SerializeToString(),
            parse_command(container_args(action.task)) if action.task else None,
            ends_when_accepted=action.type == "trace",
        )

    async def _end_of(self, action: Action, child: Child) -> Action:
        await self._children.wait(child)
        if child.problem is not None:
            code, message = child.problem
            raise flyte.errors.RuntimeSystemError(
                code.upper(), f"Action {action.name} was not started: {message}"
            )
        _current().children.pop(action.name, None)
        if child.update is None:
            return action
        if child.update.phase == phase_pb2.ACTION_PHASE_ABORTED and child.update.abort is not None:
            raise ActionAbortedError(action.name, child.update.abort)
        return _merge(action, child)


def _current() -> Held:
    held = CURRENT.get()
    if held is None:
        raise flyte.errors.RuntimeSystemError("BadContext", "This code does not run in an action's context.")
    return held


def _merge(action: Action, child: Child) -> Action:
    """The action as the SDK knows one that has ended."""
    update = child.update
    assert update is not None
    value = literals_pb2.Literal.FromString(update.value) if update.value else None
    error = execution_error(update.failure) if update.failure else None
    return replace(
        action,
        task=None,
        started=True,
        phase=cast("phase_pb2.ActionPhase", update.phase),
        err=error,
        realized_outputs_uri=update.output_uri,
        condition_output=value,
    )


async def initialise(endpoint: str, org: str, project: str, domain: str, log_stream: TextIO) -> None:
    """Do once per process what `init_in_cluster` does: storage, loggers, a client for code that uses `flyte.remote`."""
    await _init.aio(
        org=org, project=project, domain=domain, endpoint=endpoint, insecure=endpoint.startswith("http://"),
        root_dir=Path.cwd(), image_builder="remote", disable_keyring=True,
    )  # fmt: skip
    # The SDK's handlers are new now; their records go where they can be told apart.
    for handler in (*_flyte_logger.handlers, *_user_logger.handlers):
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(log_stream)
    if "LOG_LEVEL" not in os.environ:  # else somebody wants to see what the SDK does
        for handler in _flyte_logger.handlers:
            handler.addFilter(lambda record: (record.module, record.funcName) not in REPEATED)


def enter(folder: Path) -> None:
    """Make the folder of a bundle the current one, and import from it first."""
    os.chdir(folder)
    adjust_sys_path()


def install(children: Children) -> HostController:
    """Make this process' controller."""
    local_files.install()
    vars(_controller)["translate_task_to_wire"] = SpecMemo(translate_task_to_wire)
    vars(taskrunner)["convert_from_native_to_error"] = _error_of
    ActionID.__repr__ = _repr_of_action_id  # type: ignore[method-assign, assignment]
    controller = HostController(children)
    _ControllerState.controller = controller
    return controller


async def load_task(command: Command) -> tuple[TaskTemplate[Any, Any, Any], CodeBundle | None]:
    """Import the task from the current folder, or unpickle it. Whatever the user's module raises comes out."""
    if command.pkl:
        bundle, task = await rusty.download_load_pkl(command.dest, command.version, command.pkl)
        return task, bundle
    code = None
    if command.tgz:
        downloaded = Path.cwd() / command.tgz.rpartition("/")[2]
        code = CodeBundle(
            tgz=command.tgz,
            destination=command.dest,
            computed_version=command.version,
            downloaded_path=downloaded,
        )
    return rusty.load_task_from_code_bundle(command.resolver, list(command.resolver_args)), code


def runs_in_loop(task: TaskTemplate[Any, Any, Any]) -> bool:
    """Whether asyncio can cancel it: a coroutine function, without a plugin that runs it elsewhere."""
    return (
        isinstance(task, AsyncFunctionTaskTemplate)
        and task.task_type in LOOP_TASK_TYPES
        and task.plugin_config is None
        and inspect.iscoroutinefunction(task.func)
    )


async def run_task(
    task: TaskTemplate[Any, Any, Any], bundle: CodeBundle | None, held: Held, controller: HostController
) -> Failure | None:
    """Run the attempt and write its outputs or its error. CancelledError, and what the SDK does not convert, come out.

    As `rusty.run_task` and the function below it do, without their log lines and their second look at the files.
    """
    lease, run, command = held.lease, held.run, held.command
    assert command is not None
    outputs, error = await contextual_run(
        taskrunner.convert_and_run,
        task=task,
        controller=controller,
        action=ActionID(
            name=lease.key.name, org=run.org, project=run.project, domain=run.domain, run_name=run.name
        ),
        raw_data_path=RawDataPath(path=raw_data_path(lease, run)),
        output_path=lease.output_uri,
        run_base_dir=run.base_uri,
        version=command.version,
        image_cache=_image_cache(command.image_cache) if command.image_cache else None,
        checkpoint_paths=CheckpointPaths(
            prev_checkpoint_path=lease.prev_checkpoint or None, checkpoint_path=checkpoint_path(lease)
        ),
        code_bundle=bundle,
        input_path=lease.input_uri,
        run_start_time=instant(run.started_from),
    )
    if error is not None:
        await io.upload_error(error.err, lease.output_uri, recoverable=error.recoverable)
        return Failure(
            error.err.code, error.err.message, KIND_NAMES.get(error.err.kind, "unknown"), error.recoverable
        )
    assert outputs is not None
    await io.upload_outputs(outputs, lease.output_uri)
    return None


# The same object for the same text, so that SpecMemo sees that nothing has changed.
_image_cache = lru_cache(maxsize=64)(ImageCache.from_transport)


class SpecMemo:
    """Remembers what a task serialises to: 0.9 ms each time, of which most goes into hashing the task's source.

    One spec a task, for the context in which it was called last. A task with links has a spec of its own for each
    caller, and what plugins make of a task is theirs, so both are left to the SDK.
    """

    def __init__(self, translate: Callable[..., task_definition_pb2.TaskSpec]) -> None:
        self._translate = translate
        # Tasks are not hashable, so by id, for as long as the task lives.
        self._known: dict[int, tuple[Any, SerializationContext, task_definition_pb2.TaskSpec]] = {}

    def __call__(
        self, task: TaskTemplate[Any, Any, Any], context: SerializationContext, *rest: Any, **options: Any
    ) -> task_definition_pb2.TaskSpec:
        if (
            type(task) is not AsyncFunctionTaskTemplate
            or task.links
            or rest
            or task.plugin_config is not None
        ):
            return self._translate(task, context, *rest, **options)
        key = id(task)
        known = self._known.get(key)
        if known is None or known[1] != context:
            spec = self._translate(task, context, *rest, **options)
            known = self._known[key] = weakref.ref(task, lambda _: self._known.pop(key, None)), context, spec
        return known[2]


def _repr_of_action_id(action: ActionID) -> str:
    """What `rich` makes of it, 40 µs sooner: the SDK puts it into many log lines that nobody reads."""
    names = ("run_name", "project", "domain", "org")
    others = "".join(f", {name}={value!r}" for name in names if (value := getattr(action, name)) is not None)
    return f"ActionID({action.name!r}{others})"


def _error_of(problem: BaseException) -> convert.Error:
    """The SDK's conversion, for messages too that protobuf cannot hold (lone surrogates)."""
    try:
        return convert.convert_from_native_to_error(problem)
    except UnicodeEncodeError:
        code = getattr(problem, "code", type(problem).__name__)
        error = convert.convert_from_native_to_error(flyte.errors.CustomError(str(code), clean(str(problem))))
        error.recoverable = not isinstance(problem, flyte.errors.NonRecoverableError)
        return error


async def read_failure(output_uri: str) -> Failure | None:
    """What the attempt left in storage: its error, or None when it left outputs."""
    try:
        document = b"".join([chunk async for chunk in flyte.storage.get_stream(io.error_path(output_uri))])
    except FileNotFoundError:
        if await flyte.storage.exists(io.outputs_path(output_uri)):
            return None
        return Failure(
            NO_OUTPUTS, f"The task left neither outputs nor an error in {output_uri}.", "system", True
        )
    try:
        error = execution_pb2.ErrorDocument.FromString(document).error
    except Exception as problem:
        return Failure(
            "ErrorFileBadFormat", f"{io.error_path(output_uri)} cannot be read: {problem}", "system", True
        )
    recoverable = error.kind == execution_pb2.ContainerError.RECOVERABLE
    return Failure(error.code, error.message, KIND_NAMES.get(error.origin, "unknown"), recoverable)


async def record_failure(
    problem: BaseException,
    output_uri: str,
    *,
    code: str = "",
    recoverable: bool | None = None,
    with_traceback: bool = False,
) -> Failure:
    """Write an exception that the SDK did not write itself, and say it in our words."""
    error = _error_of(problem)
    if code:
        error.err.code = code
    if with_traceback:
        error.err.message = clean("".join(traceback.format_exception(problem)))
    if not isinstance(problem, flyte.errors.BaseRuntimeError):
        error.err.kind = execution_pb2.ExecutionError.USER
    if recoverable is None:
        recoverable = error.recoverable
    try:
        await io.upload_error(error.err, output_uri, recoverable=recoverable)
    except Exception:  # storage is down: the server gets the failure anyway
        traceback.print_exc(file=sys.stderr)
    return Failure(error.err.code, error.err.message, KIND_NAMES[error.err.kind], recoverable)
