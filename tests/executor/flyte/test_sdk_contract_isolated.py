"""What the processes of isolated actions rely on in the SDK's private modules. A failure here says what breaks there."""

from __future__ import annotations

import inspect
from typing import Any

import flyte
import flyte.remote._run

from runs.executor.flyte import tasks
from runs.executor.flyte.sdk import (
    AsyncFunctionTaskTemplate,
    RemoteController,
    asyncify,
    auth_session,
    entry_point,
    entrypoints,
    taskrunner,
)

Controller: Any = RemoteController
env = flyte.TaskEnvironment(name="contract")


@env.task
def plain() -> None:
    pass


@env.task
async def coroutine() -> None:
    pass


class WithAWayOfItsOwn(AsyncFunctionTaskTemplate):
    async def execute(self, *args: object, **kwargs: object) -> None:
        pass


def test_a_plain_function_is_run_by_what_we_replace() -> None:
    """Else it runs in a thread, where no abort reaches it before SIGTERM."""
    source = inspect.getsource(AsyncFunctionTaskTemplate.execute)

    assert "from flyte._utils.asyncify import run_sync_in_thread" in source  # looked up at each call
    assert "await run_sync_in_thread(self.func, *args, **kwargs)" in source
    assert inspect.iscoroutinefunction(asyncify.run_sync_in_thread)


def test_which_tasks_are_plain_functions() -> None:
    odd = WithAWayOfItsOwn(name="odd", func=plain.func, image="auto", interface=plain.interface)

    assert tasks.is_function(plain)
    assert not tasks.is_function(coroutine)
    assert not tasks.is_function(odd)


def test_tasks_are_loaded_by_what_we_replace() -> None:
    """Else modules are imported in a thread, where `signal.signal` fails."""
    source = inspect.getsource(entrypoints._download_and_load_task)

    assert "load_pkl_task(code_bundle)" in source
    assert "load_task(resolver, *resolver_args)" in source
    assert not inspect.iscoroutinefunction(entrypoints.load_task)
    assert not inspect.iscoroutinefunction(entrypoints.load_pkl_task)


def test_a_task_runs_by_what_we_replace_and_its_outputs_are_converted_after() -> None:
    """Else an abort of a plugin's task does not reach its asyncio task, or tears its outputs."""
    source = inspect.getsource(taskrunner.convert_and_run)

    assert source.index("await run_task(") < source.index("convert_from_native_to_outputs(")
    assert inspect.iscoroutinefunction(taskrunner.run_task)


def test_a_child_that_is_cancelled_while_it_is_asked_for_is_aborted_by_what_we_replace() -> None:
    """Else the SDK forgets it, and it runs although nobody awaits it."""
    launch, cancel = inspect.getsource(Controller._bg_launch), inspect.getsource(Controller._bg_cancel_action)

    assert "self._bg_launch(action)" in inspect.getsource(Controller._bg_process)
    assert launch.index("_actions_service.enqueue(") < launch.index("action.mark_started()")
    assert cancel.index("started = action.is_started()") < cancel.index("_actions_service.abort(")
    assert "self._bg_cancel_action(action)" in inspect.getsource(Controller.cancel_action)


def test_the_outputs_are_stored_before_the_controller_stops() -> None:
    """Else what a coroutine leaves behind is ended too early, and its outputs are lost."""
    source = inspect.getsource(entry_point._run_action)
    ends = source.index("await utils.run_coros(controller.watch_for_errors(), task_coroutine)")
    assert ends < source.index("await controller.stop()")


def test_an_exception_is_converted_by_what_we_replace() -> None:
    """Else a message that protobuf cannot hold hides the exception."""
    assert "convert_from_native_to_error(err)" in inspect.getsource(taskrunner.convert_and_run)


def test_who_waits_for_a_run_waits_for_its_action() -> None:
    """Else a function keeps its slot meanwhile, and functions that hold all slots deadlock."""
    assert "await self.action.wait(" in inspect.getsource(flyte.remote._run)
    assert inspect.iscoroutinefunction(flyte.remote.Action.wait)


def test_what_is_asked_before_the_forks_is_remembered() -> None:
    """Else each action asks again, which takes some milliseconds of its start."""
    assert auth_session._supports_system_certs.cache_info().maxsize
    assert "_supports_system_certs()" in inspect.getsource(auth_session._build_pyqwest_client)


def test_the_entry_point_can_run_in_a_thread() -> None:
    """It sets no Python signal handler, which only the main thread can."""
    assert "signal.signal(" not in inspect.getsource(entry_point)
