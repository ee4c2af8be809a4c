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
from collections.abc import Awaitable, Iterator, MutableMapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO, cast

import flyte.errors
import flyte.storage
from flyte._context import internal_ctx
from flyte._initialize import init as _init
from flyte._internal.controllers import _ControllerState
from flyte._internal.controllers.remote import _controller
from flyte._internal.controllers.remote._action import Action
from flyte._internal.controllers.remote._controller import RemoteController
from flyte._internal.runtime import convert, io, rusty
from flyte._logging import logger as _flyte_logger
from flyte._logging import user_logger as _user_logger
from flyte._task import AsyncFunctionTaskTemplate, TaskTemplate
from flyte._utils import adjust_sys_path
from flyte.models import CodeBundle
from flyteidl2.actions import actions_service_pb2
from flyteidl2.common import phase_pb2
from flyteidl2.core import execution_pb2, literals_pb2
from flyteidl2.task import task_definition_pb2
from flyteidl2.workflow import run_definition_pb2
from google.protobuf.wrappers_pb2 import StringValue

from runs.executor import local_files
from runs.executor.children import Children
from runs.executor.command import Command, checkpoint_path, parse_command, raw_data_path
from runs.executor.frames import AbortNote, Failure, abort_text
from runs.executor.held import CURRENT, Child, Held
from runs.executor.pace import pace_of

LOOP_TASK_TYPES = frozenset({"python", "actor"})
NO_OUTPUTS = "OutputsNotFound"
KINDS = {
    "user": execution_pb2.ExecutionError.USER,
    "system": execution_pb2.ExecutionError.SYSTEM,
    "unknown": execution_pb2.ExecutionError.UNKNOWN,
}
KIND_NAMES = {number: name for name, number in KINDS.items()}


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
            _enqueue_message(action).SerializeToString(),
            parse_command(_container_args(action.task)) if action.task else None,
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
    error = _execution_error(update.failure) if update.failure else None
    return replace(
        action,
        task=None,
        started=True,
        phase=cast("phase_pb2.ActionPhase", update.phase),
        err=error,
        realized_outputs_uri=update.output_uri,
        condition_output=value,
    )


def _execution_error(failure: Failure) -> execution_pb2.ExecutionError:
    kind = (
        execution_pb2.ContainerError.RECOVERABLE
        if failure.recoverable
        else execution_pb2.ContainerError.NON_RECOVERABLE
    )
    return execution_pb2.ExecutionError(
        code=failure.code,
        message=failure.message,
        kind=KINDS.get(failure.kind, KINDS["unknown"]),
        recoverability=kind,
    )


def _enqueue_message(action: Action) -> actions_service_pb2.Action:
    task = None
    if action.task is not None:
        template = action.task.task_template.id
        task = run_definition_pb2.TaskAction(
            id=task_definition_pb2.TaskIdentifier(
                org=template.org,
                project=template.project,
                domain=template.domain,
                name=template.name,
                version=template.version,
            ),
            spec=action.task,
            cache_key=StringValue(value=action.cache_key) if action.cache_key else None,
            queue=action.queue,
        )
    return actions_service_pb2.Action(
        action_id=action.action_id,
        parent_action_name=action.parent_action_name,
        task=task,
        trace=action.trace,
        condition=action.condition,
        input_uri=action.inputs_uri,
        run_output_base=action.run_output_base,
        group=action.group.name if action.group else None,
    )


def _container_args(spec: task_definition_pb2.TaskSpec) -> tuple[str, ...]:
    template = spec.task_template
    if template.HasField("k8s_pod"):
        # A pod template: the SDK puts its command into the primary container.
        containers = cast("Any", template.k8s_pod.pod_spec)["containers"]
        primary = template.config.get("primary_container_name", "")
        return next((tuple(c["args"]) for c in containers if c["name"] == primary and "args" in c), ())
    return tuple(template.container.args)


@lru_cache(maxsize=1024)
def command_of(spec: bytes) -> Command:
    """The command of a serialised TaskSpec, or CommandError."""
    return parse_command(_container_args(task_definition_pb2.TaskSpec.FromString(spec)))


async def initialise(endpoint: str, org: str, project: str, domain: str, log_stream: TextIO) -> None:
    """Do once per process what `init_in_cluster` does: storage, loggers, a client for code that uses `flyte.remote`."""
    await _init.aio(
        org=org,
        project=project,
        domain=domain,
        endpoint=endpoint,
        insecure=endpoint.startswith("http://"),
        root_dir=Path.cwd(),
        image_builder="remote",
        disable_keyring=True,
    )
    # The SDK's handlers are new now; their records go where they can be told apart.
    for handler in (*_flyte_logger.handlers, *_user_logger.handlers):
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(log_stream)


def enter(folder: Path) -> None:
    """Make the folder of a bundle the current one, and import from it first."""
    os.chdir(folder)
    adjust_sys_path()


def install(children: Children) -> HostController:
    """Make this process' controller."""
    local_files.install()
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
) -> None:
    """Run the attempt; its outputs or its error are in storage afterwards. CancelledError comes out."""
    lease, run, command = held.lease, held.run, held.command
    assert command is not None
    await rusty.run_task(
        task,
        controller=controller,
        org=run.org,
        project=run.project,
        domain=run.domain,
        run_name=run.name,
        name=lease.key.name,
        raw_data_path=raw_data_path(lease, run),
        output_path=lease.output_uri,
        run_base_dir=run.base_uri,
        version=command.version,
        image_cache=command.image_cache,
        checkpoint_path=checkpoint_path(lease),
        prev_checkpoint=lease.prev_checkpoint or None,
        code_bundle=bundle,
        input_path=lease.input_uri,
        run_start_time=_instant(run.started_from),
    )


@lru_cache(maxsize=256)
def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


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
    error = convert.convert_from_native_to_error(problem)
    if code:
        error.err.code = code
    if with_traceback:
        error.err.message = "".join(traceback.format_exception(problem))
    if not isinstance(problem, flyte.errors.BaseRuntimeError):
        error.err.kind = execution_pb2.ExecutionError.USER
    if recoverable is None:
        recoverable = error.recoverable
    try:
        await io.upload_error(error.err, output_uri, recoverable=recoverable)
    except Exception:  # storage is down: the server gets the failure anyway
        traceback.print_exc(file=sys.stderr)
    return Failure(error.err.code, error.err.message, KIND_NAMES[error.err.kind], recoverable)
