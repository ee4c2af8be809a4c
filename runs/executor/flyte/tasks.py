"""Loads and runs the user's tasks in this process through the SDK."""

from __future__ import annotations

import inspect
import logging
import os
import sys
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

import flyte.errors
from flyte.models import ActionID, CheckpointPaths, CodeBundle, RawDataPath, SerializationContext
from flyteidl2.task import task_definition_pb2

from runs.domain.caches import by_identity
from runs.domain.failures import Failure
from runs.executor.attempt.attempt import Attempt
from runs.executor.attempt.children import Children
from runs.executor.attempt.command import Command, checkpoint_path, raw_data_path
from runs.executor.flyte import bundling, credentials, digests, handover, local_files, masked, sdk
from runs.executor.flyte.controller import HostController
from runs.executor.flyte.failures import error_of
from runs.executor.flyte.messages import KIND_NAMES, instant
from runs.executor.flyte.sdk import AsyncFunctionTaskTemplate, TaskTemplate, io, rusty, taskrunner
from runs.executor.flyte.waiting import REPEATED

LOOP_TASK_TYPES = frozenset({"python", "actor"})
# Of the attempt in whose context the SDK runs a task; None once its code has begun.
_BEGIN: ContextVar[Callable[[], None] | None] = ContextVar("flyteui-begin", default=None)


async def initialise(endpoint: str, log_stream: TextIO) -> None:
    """Do once per process what `init_in_cluster` does: storage, loggers, a client for code that uses `flyte.remote`."""
    with _plain_logs():
        await sdk.init.aio(
            endpoint=endpoint, insecure=endpoint.startswith("http://"), root_dir=Path.cwd(), image_builder="remote",
            disable_keyring=True,
        )  # fmt: skip
    credentials.install(endpoint)
    # The SDK has just made its handlers anew; their records go to the stream that attributes them to actions.
    for handler in (*sdk.flyte_logger.handlers, *sdk.user_logger.handlers):
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(log_stream)
    if "LOG_LEVEL" not in os.environ:  # else the user wants the SDK's log
        for handler in sdk.flyte_logger.handlers:
            handler.addFilter(lambda record: (record.module, record.funcName) not in REPEATED)


@contextmanager
def _plain_logs() -> Iterator[None]:
    """Have the SDK log as in a cluster, which it takes only an action for: outside of one it draws for a terminal."""
    before = os.environ.get(sdk.PLAIN_LOGS)
    os.environ[sdk.PLAIN_LOGS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[sdk.PLAIN_LOGS]


def set_scope(org: str, project: str, domain: str) -> None:
    """Where code that uses `flyte.remote` looks, unless it says so: known when the first run of the process is."""
    config = sdk.initialize.get_init_config()
    vars(sdk.initialize)["_init_config"] = config.replace(org=org, project=project, domain=domain)


def enter(folder: Path) -> None:
    """Make the folder of a bundle the current one, and import from it first, wherever an action is then.

    What the SDK has put into sys.path counts from the current folder. It stays there, last, or the SDK would put it first again.
    """
    os.chdir(folder)
    sdk.adjust_sys_path()
    relative = [entry for entry in sys.path if not entry.startswith(os.sep)]
    absolute = [entry for entry in sys.path if entry.startswith(os.sep) and entry != str(folder)]
    below = [os.path.normpath(folder / entry) for entry in relative]
    sys.path[:] = dict.fromkeys([*below, *absolute, *relative])  # a zygote may have been here


def install(children: Children) -> HostController:
    """Make this process' controller."""
    local_files.install()
    handover.install()
    bundling.install()
    masked.install()
    digests.install()
    vars(sdk.controller_module)["translate_task_to_wire"] = SpecMemo(sdk.translate_task_to_wire)
    identity = sdk.convert.generate_task_identity_hash
    vars(sdk.convert)["generate_task_identity_hash"] = remember_identity(identity)
    vars(taskrunner)["convert_from_native_to_error"] = error_of
    vars(taskrunner)["run_task"] = _beginning(taskrunner.run_task)
    ActionID.__repr__ = _repr_of_action_id  # type: ignore[method-assign, assignment]
    controller = HostController(children)
    sdk.ControllerState.controller = controller
    return controller


def _beginning(run_task: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The function that calls user code with its inputs, after `begin`."""

    async def begin_and_run(*args: Any, **options: Any) -> Any:
        if (begin := _BEGIN.get()) is not None:
            _BEGIN.set(None)  # what this code runs in process itself has no beginning of its own
            begin()
        return await run_task(*args, **options)

    return begin_and_run


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


def module_of(command: Command) -> str:
    """The module from which `load_task` loads a task of a bundle by the SDK's own resolver; "" for any other."""
    match command.resolver_args:
        case ("mod", module, *_) if command.tgz:
            return module
    return ""


def runs_in_loop(task: TaskTemplate[Any, Any, Any]) -> bool:
    """Whether asyncio can cancel it: a coroutine function, without a plugin that runs it elsewhere."""
    return (
        isinstance(task, AsyncFunctionTaskTemplate)
        and task.task_type in LOOP_TASK_TYPES
        and task.plugin_config is None
        and inspect.iscoroutinefunction(task.func)
    )


def is_function(task: TaskTemplate[Any, Any, Any]) -> bool:
    """Whether the SDK calls it in a thread: a plain function, without a plugin that has its own way to run it."""
    return (
        isinstance(task, AsyncFunctionTaskTemplate)
        and type(task).execute is AsyncFunctionTaskTemplate.execute
        and not inspect.iscoroutinefunction(task.func)
    )


async def run_task(
    task: TaskTemplate[Any, Any, Any],
    bundle: CodeBundle | None,
    attempt: Attempt,
    controller: HostController,
    *,
    begin: Callable[[], None],
) -> Failure | None:
    """Run the attempt and write its outputs or its error. CancelledError, and what the SDK does not convert, come out.

    begin: called when its inputs are there and its code is next; what it raises comes out.
    As `rusty.run_task` and the function that it calls do, but without their log lines and without reading the files again.
    """
    _BEGIN.set(begin)
    lease, run, command = attempt.lease, attempt.run, attempt.command
    assert command is not None
    outputs, error = await sdk.contextual_run(
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
    try:
        await io.upload_outputs(outputs, lease.output_uri)
    except Exception as problem:  # a full disk, an object store that is away: not the task's fault
        raise flyte.errors.RuntimeSystemError(
            "OutputsNotStored", f"The outputs cannot be written to {lease.output_uri}: {problem}"
        ) from problem
    return None


# The same object for the same text, so that SpecMemo sees that nothing has changed.
_image_cache = lru_cache(maxsize=64)(sdk.ImageCache.from_transport)


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


def remember_identity(make: Callable[[Any], str]) -> Callable[[Any], str]:
    """The SDK's hash of a task's name, interface and code, made once for a spec instead of at each call."""
    return by_identity(256)(make)


def _repr_of_action_id(action: ActionID) -> str:
    """What `rich` makes of it, 40 µs sooner: the SDK puts it into many log lines that nobody reads."""
    names = ("run_name", "project", "domain", "org")
    others = "".join(f", {name}={value!r}" for name in names if (value := getattr(action, name)) is not None)
    return f"ActionID({action.name!r}{others})"
