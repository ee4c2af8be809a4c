"""What `sdk.py` takes from private modules of the SDK. Each test says what breaks in our executor when it fails.

They are the first to run against a new version of flyte: change `sdk.py` until they hold again, then trust the rest.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import flyte
import flyte.errors
import flyte.storage
import pytest
from flyte import _logging
from flyte._context import contextual_run, internal_ctx
from flyte._internal.controllers import _ControllerState, get_controller
from flyte._internal.controllers.remote import _controller
from flyte._internal.controllers.remote._action import Action
from flyte._internal.controllers.remote._controller import RemoteController
from flyte._internal.controllers.remote._core import Controller as CoreController
from flyte._internal.runtime import convert, io, rusty, taskrunner
from flyte._internal.runtime.task_serde import translate_task_to_wire
from flyte.models import ActionID, RawDataPath, SerializationContext, TaskContext
from flyte.report import Report
from flyteidl2.actions import actions_service_pb2
from flyteidl2.common import identifier_pb2, phase_pb2
from flyteidl2.core import execution_pb2

from runs.domain.failures import Failure
from runs.executor.attempt.attempt import Child
from runs.executor.attempt.children import Children
from runs.executor.flyte import controller as controller_room
from runs.executor.flyte import failures, local_files, waiting
from runs.executor.flyte.aborted import ActionAbortedError
from runs.executor.flyte.controller import HostController
from runs.executor.flyte.messages import calls_of, enqueue_message
from runs.executor.link.outbox import Outbox
from runs.protocol.frames import AbortNote, ChildUpdate

env = flyte.TaskEnvironment(name="contract")
NOTE = AbortNote("external abort", "alice", "too slow", "a1", 1_700_000_000_000_000)


@env.task
async def double(n: int) -> int:
    return 2 * n


@env.task
async def says_nothing() -> None:
    pass


@pytest.fixture
def controller() -> HostController:
    outbox = Outbox(lambda: None)
    children = Children({}, outbox, call_later=lambda *_: None, take_lease=lambda *_: None)
    return HostController(children)


def parameters(function: Any) -> set[str]:
    return set(inspect.signature(function).parameters)


def action_id(name: str = "a1") -> identifier_pb2.ActionIdentifier:
    run = identifier_pb2.RunIdentifier(name="run", project="p", domain="d", org="o")
    return identifier_pb2.ActionIdentifier(name=name, run=run)


def task_context(folder: Path, name: str = "a0") -> TaskContext:
    return TaskContext(
        action=ActionID(name=name, run_name="run", project="p", domain="d", org="o"),
        version="v1",
        raw_data_path=RawDataPath(path=str(folder)),
        output_path=str(folder / "out"),
        run_base_dir=str(folder),
        report=Report(name=name),
    )


# The controller.


def test_what_is_overridden_is_what_the_controller_calls() -> None:
    """A renamed method would leave ours unused, and the SDK would start its own thread and RPCs."""
    replaced = {
        "_start", "submit", "submit_and_wait_for_action", "start_action", "wait_for_action", "get_action",
        "cancel_action", "finalize_parent_action", "stop",
    }  # fmt: skip

    assert replaced <= set(dir(RemoteController))
    for name in replaced:
        theirs, ours = getattr(RemoteController, name), getattr(HostController, name)
        assert len(inspect.signature(theirs).parameters) == len(inspect.signature(ours).parameters), name
    assert "self._start()" in inspect.getsource(CoreController.__init__)


def test_the_controllers_own_machinery_is_only_reached_through_what_is_overridden() -> None:
    """Else an action would wait for an informer that never runs."""
    source = inspect.getsource(RemoteController)

    for private in ("_informers", "_bg_", "_shared_queue", "_run_coroutine_in_controller_thread"):
        assert private not in source.replace("_bg_loop", ""), private


def test_no_thread_starts_with_our_controller(controller: HostController) -> None:
    assert not any("Controller" in thread.name for thread in __import__("threading").enumerate())


def test_the_global_controller_is_what_user_code_gets(controller: HostController) -> None:
    before = _ControllerState.controller
    _ControllerState.controller = controller
    try:
        assert get_controller() is controller
    finally:
        _ControllerState.controller = before


@pytest.fixture
def _short_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("put_stream", "get_stream", "exists"):
        monkeypatch.setattr(flyte.storage, name, getattr(local_files, name))


@pytest.mark.usefixtures("_short_cut")
async def test_a_cancel_and_an_abort_pass_through_submit_as_they_are(
    controller: HostController, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`_submit` must let our ActionAbortedError out, and tell us of a cancel before it raises it on."""
    cancelled: list[str] = []

    async def aborted(action: Action) -> Action:
        raise ActionAbortedError(action.name, NOTE)

    async def cancel(action: Action) -> Action:
        raise asyncio.CancelledError

    async def note_cancel(action: Action) -> None:
        cancelled.append(action.name)

    monkeypatch.setattr(controller, "cancel_action", note_cancel)
    with internal_ctx().replace_task_context(task_context(tmp_path)):
        monkeypatch.setattr(controller, "submit_and_wait_for_action", aborted)
        with pytest.raises(flyte.errors.ActionAbortedError) as caught:
            await controller.submit(double, 1)
        monkeypatch.setattr(controller, "submit_and_wait_for_action", cancel)
        with pytest.raises(asyncio.CancelledError):
            await controller.submit(double, 2)

    assert isinstance(caught.value, ActionAbortedError)
    assert caught.value.actor == "alice"
    assert len(cancelled) == 1


@pytest.mark.usefixtures("_short_cut")
async def test_what_ended_is_converted_by_its_phase(
    controller: HostController, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`_merge` fills phase, err and realized_outputs_uri only; `_submit` must need no more."""
    outputs = await convert.convert_from_native_to_outputs(42, double.native_interface)
    await local_files.put_stream(
        outputs.proto_outputs.SerializeToString(), to_path=io.outputs_path(str(tmp_path / "a"))
    )
    updates = {
        "succeeded": ChildUpdate(
            1, "a0", "x", phase_pb2.ACTION_PHASE_SUCCEEDED, output_uri=str(tmp_path / "a")
        ),
        "failed": ChildUpdate(
            1, "a0", "x", phase_pb2.ACTION_PHASE_FAILED, failure=Failure("ValueError", "no", "user")
        ),
    }
    next_update = ""

    async def ended(action: Action) -> Action:
        return controller_room._merge(action, Child(updates[next_update]))

    monkeypatch.setattr(controller, "submit_and_wait_for_action", ended)
    with internal_ctx().replace_task_context(task_context(tmp_path)):
        next_update = "succeeded"
        assert await controller.submit(double, 1) == 42
        next_update = "failed"
        with pytest.raises(flyte.errors.RuntimeUserError) as caught:
            await controller.submit(double, 1)
    assert (caught.value.code, str(caught.value)) == ("ValueError", "no")


def test_conditions_of_two_actions_may_have_one_name(controller: HostController, tmp_path: Path) -> None:
    """The SDK keys `_pending_conditions` by the name alone; ours keys them by the action that waits, too."""
    assert "self._pending_conditions[" in inspect.getsource(RemoteController)
    pending = controller._pending_conditions
    with internal_ctx().replace_task_context(task_context(tmp_path, "one")):
        pending["go"] = Action(action_id("c1"), "one")
    with internal_ctx().replace_task_context(task_context(tmp_path, "two")):
        assert "go" not in pending
        pending["go"] = Action(action_id("c2"), "two")
        assert pending["go"].name == "c2"
        assert len(pending) == 1


async def test_the_limit_of_a_parent_is_dropped_with_it(controller: HostController) -> None:
    """Else a process keeps a semaphore for every action that ever called a task."""
    parent = ActionID(name="a0", run_name="run")
    controller._parent_action_semaphore[_controller.unique_action_name(parent)]

    await controller.finalize_parent_action(parent)

    assert not controller._parent_action_semaphore


def test_an_action_has_the_fields_that_an_enqueue_is_made_of(tmp_path: Path) -> None:
    fields = set(Action.__dataclass_fields__)

    assert {
        "action_id", "parent_action_name", "type", "group", "task", "trace", "condition", "inputs_uri",
        "run_output_base", "cache_key", "queue", "phase", "err", "realized_outputs_uri", "condition_output", "started",
    } <= fields  # fmt: skip
    spec = translate_task_to_wire(double, SerializationContext(version="v1", root_dir=Path(__file__).parent))
    action = Action.from_task("a0", action_id(), None, spec, "in", "base")
    data = enqueue_message(action).SerializeToString() + calls_of(spec).data
    message = actions_service_pb2.Action.FromString(data)
    assert message.task.spec == spec
    assert message.task.id.name == spec.task_template.id.name
    assert message.input_uri == "in"
    action.cache_key, action.queue = "key", "fast"
    data = enqueue_message(action).SerializeToString() + calls_of(spec).data
    message = actions_service_pb2.Action.FromString(data)
    assert (message.task.cache_key.value, message.task.queue) == ("key", "fast")
    assert message.task.spec == spec


# Running.


def test_the_runner_takes_what_we_pass() -> None:
    assert {
        "task", "controller", "action", "raw_data_path", "output_path", "run_base_dir", "version", "image_cache",
        "checkpoint_paths", "code_bundle", "input_path", "run_start_time",
    } <= parameters(taskrunner.convert_and_run)  # fmt: skip
    assert parameters(rusty.load_task_from_code_bundle) == {"resolver", "resolver_args"}
    assert parameters(rusty.download_load_pkl) == {"destination", "version", "pkl"}
    assert "contextual_run" in inspect.getsource(rusty)


def test_what_rusty_does_beside_is_what_we_left_out() -> None:
    """We call `convert_and_run` ourselves. A new step between it and `rusty.run_task` would be missing."""
    source = inspect.getsource(taskrunner.extract_download_run_upload)

    assert source.count("await ") == 3  # convert_and_run, upload_error, upload_outputs
    assert (
        inspect.getsource(rusty.run_task).count("await ") == 2
    )  # storage.exists for path rewrites, contextual_run


@pytest.mark.usefixtures("_short_cut")
async def test_an_attempt_leaves_outputs_or_an_error(controller: HostController, tmp_path: Path) -> None:
    outputs, nothing = await contextual_run(
        taskrunner.convert_and_run, task=says_nothing, controller=controller, action=ActionID(name="a0"),
        raw_data_path=RawDataPath(path=str(tmp_path)), version="v", output_path=str(tmp_path), run_base_dir="",
    )  # fmt: skip
    assert nothing is None
    assert outputs is not None
    local_files.write(str(tmp_path / "keep"), b"")
    assert await failures.read_failure(str(tmp_path)) == Failure(
        failures.NO_OUTPUTS, f"The task left neither outputs nor an error in {tmp_path}.", "system", True
    )

    await io.upload_outputs(outputs, str(tmp_path))
    assert await failures.read_failure(str(tmp_path)) is None

    failure = await failures.record_failure(ValueError("no"), str(tmp_path))
    assert await failures.read_failure(str(tmp_path)) == failure
    assert (failure.code, failure.message, failure.kind) == ("ValueError", "no", "user")


def test_an_error_keeps_its_code() -> None:
    """The parent tells errors apart by `code`; an uncaught abort of a child must fail it as ActionAbortedError."""
    aborted = convert.convert_from_native_to_error(ActionAbortedError("a1", NOTE)).err
    custom = flyte.errors.CustomError.from_exception(ValueError("no"))

    assert aborted.code == "ActionAbortedError"
    assert convert.convert_from_native_to_error(custom).err.code == "ValueError"
    assert convert.convert_from_native_to_error(flyte.errors.NonRecoverableError("no")).recoverable is False


async def test_a_message_that_protobuf_cannot_hold_is_still_reported(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        execution_pb2.ExecutionError(message="\ud800")

    failure = await failures.record_failure(
        ValueError("half \ud800 a pair"), str(tmp_path), with_traceback=True
    )

    assert failure.code == "ValueError"
    assert "half ? a pair" in failure.message
    assert await failures.read_failure(str(tmp_path)) == failure


def test_the_runner_looks_its_converter_up_when_it_needs_it() -> None:
    """`install` puts ours in its place, for such messages."""
    assert vars(taskrunner)["convert_from_native_to_error"].__name__ in {
        "convert_from_native_to_error",
        "_error_of",
    }
    assert "convert_from_native_to_error(err)" in inspect.getsource(taskrunner.convert_and_run)


def test_our_abort_error_comes_back_from_a_pickle_without_flyteui() -> None:
    error = ActionAbortedError("a1", NOTE)
    code = (
        "import pickle, sys, flyte.errors\n"
        "error = pickle.loads(sys.stdin.buffer.read())\n"
        "assert type(error) is flyte.errors.ActionAbortedError, type(error)\n"
        "assert 'runs' not in sys.modules\n"
        "print(error.actor, error.reason, error.cause, str(error) != '')\n"
    )

    shown = subprocess.run(
        [sys.executable, "-P", "-c", code], input=pickle.dumps(error), cwd="/", capture_output=True, check=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )  # fmt: skip

    assert shown.stdout.decode().strip() == "alice too slow external abort True"


# Logs.


def test_what_only_repeats_the_platform_is_kept_out_of_logs() -> None:
    """By module and function: a renamed one lets its line into every log again."""
    for module, function in waiting.REPEATED:
        assert module == "_controller"
        owner: Any = _controller if hasattr(_controller, function) else RemoteController
        assert "logger." in inspect.getsource(getattr(owner, function)), function


def test_the_sdk_writes_through_two_loggers() -> None:
    assert _logging.logger is logging.getLogger("flyte")
    assert _logging.user_logger is logging.getLogger("flyte.user")


def test_user_code_is_called_through_a_function_that_is_looked_up_then() -> None:
    """`install` puts ours around it: an action is running from its first line of code on."""
    assert "await run_task(tctx=tctx" in inspect.getsource(taskrunner.convert_and_run)
