"""What an environment's flyte is asked before an executor runs in it, and what its own entry point is changed by."""

from __future__ import annotations

import inspect
from typing import Any

import flyte
import flyte._bin.runtime
import flyte.errors
import pytest

from runs.executor.flyte import credentials, entry_point, seam
from runs.executor.flyte.seam import Call

env = flyte.TaskEnvironment(name="seam")


@env.task
def plain() -> None:
    pass


@env.task
async def coroutine() -> None:
    pass


def test_our_own_flyte_lacks_nothing() -> None:
    """Else every action would run by the entry point, a hundred times more slowly."""
    assert seam.list_missing() == []
    assert seam.version() == flyte.__version__


def test_whatever_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from flyte._internal.controllers.remote._controller import RemoteController
    from flyte._internal.runtime import rusty

    def download_load_pkl(destination: str, version: str) -> None:
        pass

    async def cancel_action(self: Any, action: Any, reason: str) -> None:
        pass

    monkeypatch.setattr(RemoteController, "cancel_action", cancel_action)
    assert "RemoteController.cancel_action is called otherwise" in seam.list_missing()
    monkeypatch.setattr(rusty, "download_load_pkl", download_load_pkl)
    monkeypatch.setattr(seam, "CALLS", [Call("flyte._internal.runtime.rusty:download_load_pkl", "tell(")])
    missing = seam.list_missing()
    assert "flyte._internal.runtime.rusty.download_load_pkl does not take pkl" in missing
    assert "flyte._internal.runtime.rusty.download_load_pkl does not call tell as expected" in missing
    monkeypatch.delattr(flyte, "_deploy")
    monkeypatch.setitem(__import__("sys").modules, "flyte._deploy", None)
    assert seam.list_missing() == ["flyte._deploy is missing"]


def test_all_that_the_entry_point_is_changed_by_is_there() -> None:
    """A name that is not there is gone without: an abort would not reach the code."""
    for module, name in (*entry_point.LOAD_TASK, entry_point.RUN_FUNCTION[0], entry_point.RUN_TASK):
        assert callable(seam.find(f"{module}:{name}")), name
    for path in (
        entry_point.MAIN,
        entry_point.TASK,
        entry_point.ERROR,
        entry_point.UPLOAD_ERROR,
        credentials.INTERCEPTOR,
    ):
        assert seam.find(path) is not None, path
    assert inspect.isclass(seam.find(f"{entry_point.CONTROLLERS}:RemoteController"))
    assert entry_point._background_loop() is not None
    for name in entry_point.PRELOADED:
        assert seam.find_module(name) is not None
    assert [entry_point._is_function(task) for task in (plain, coroutine)] == [True, False]


def test_a_newer_clients_options_are_left_out() -> None:
    a0 = flyte._bin.runtime.main
    args = [
        "--inputs",
        "--x",
        "--new",
        "1",
        "--other=2",
        "--version",
        "v",
        "--resolver",
        "r",
        "mod",
        "m",
        "instance",
        "t",
    ]

    assert entry_point.known_arguments(a0, args) == [
        "--inputs", "--x", "--version", "v", "--resolver", "r", "mod", "m", "instance", "t",
    ]  # fmt: skip


def test_its_controller_is_ours_before_theirs() -> None:
    """The methods of the mixin must be those that are called."""
    theirs = seam.find(f"{entry_point.CONTROLLERS}:RemoteController")
    made: Any = entry_point._controller(object(), object(), object(), theirs)  # type: ignore[arg-type]

    kind = made.func
    assert kind.__mro__[2] is theirs
    assert kind.submit_and_wait_for_action.__qualname__.startswith("WaitsWithoutSlot")
