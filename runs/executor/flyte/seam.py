"""Says whether the flyte that is installed fits our executor: what it lacks of that which `sdk.py` and its users take from it.

An executor runs in the environments of user code, with the flyte that they bring. Where something is missing, each action runs by
that flyte's own entry point instead (`entry_point.py`), so this asks for what would break silently, too. It imports nothing
of ours that imports the SDK before it knows that this works.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
from collections.abc import Collection, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

SDK = Path(__file__).with_name("sdk.py")
# What our code passes by name, which each of these must take.
PARAMETERS: Mapping[str, Collection[str]] = {
    "flyte._internal.runtime.taskrunner:convert_and_run": (
        "task", "controller", "action", "raw_data_path", "output_path", "run_base_dir", "version", "image_cache",
        "checkpoint_paths", "code_bundle", "input_path", "run_start_time",
    ),
    "flyte._internal.runtime.rusty:load_task_from_code_bundle": ("resolver", "resolver_args"),
    "flyte._internal.runtime.rusty:download_load_pkl": ("destination", "version", "pkl"),
    "flyte._internal.runtime.io:upload_error": ("recoverable",),
    "flyte._initialize:init": ("endpoint", "insecure", "root_dir", "image_builder", "disable_keyring"),
    "flyte.storage:put_stream": ("data_iterable", "to_path"),
    "flyte.storage:get_stream": ("path", "chunk_size"),
}  # fmt: skip


class Call(NamedTuple):
    """A function of the SDK that calls what we put in the place of its own."""

    function: str
    text: str  # in its source


CALLS = (
    Call("flyte._internal.runtime.taskrunner:convert_and_run", "await run_task("),
    Call("flyte._internal.runtime.taskrunner:convert_and_run", "convert_from_native_to_error(err)"),
    Call("flyte._internal.runtime.entrypoints:_download_and_load_task", "load_pkl_task(code_bundle)"),
    Call("flyte._internal.runtime.entrypoints:_download_and_load_task", "load_task(resolver, *resolver_args)"),
    Call("flyte._task:AsyncFunctionTaskTemplate.execute", "await run_sync_in_thread(self.func"),
    Call("flyte._internal.controllers.remote._core:Controller.__init__", "self._start()"),
    Call("flyte._internal.controllers.remote._core:Controller._bg_process", "self._bg_launch(action)"),
    Call("flyte._internal.controllers.remote._core:Controller.cancel_action", "self._bg_cancel_action(action)"),
    Call("flyte._internal.controllers.remote._controller:RemoteController._submit", "translate_task_to_wire(_task, "),
    Call("flyte._internal.controllers.remote._controller:RemoteController._submit", "self.submit_and_wait_for_action(action)"),
)  # fmt: skip


def version() -> str:
    """Of the flyte that is installed; "" where none is."""
    try:
        return metadata.version("flyte")
    except metadata.PackageNotFoundError:
        return ""


def can_import(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def list_missing() -> list[str]:
    """What this flyte lacks, a phrase each; empty if our executor can use it."""
    if missing := [*_missing_names()]:
        return missing
    missing = [*_other_parameters(), *_other_calls()]
    return missing or [*_other_methods()]


def _missing_names() -> Iterator[str]:
    """Names that `sdk.py` imports, and that are not there."""
    for node in ast.parse(SDK.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module != "__future__":
            for name in node.names:
                if not _has(str(node.module), name.name):
                    yield f"{node.module}.{name.name} is missing"


def _has(module: str, name: str) -> bool:
    try:
        if hasattr(importlib.import_module(module), name):
            return True
        importlib.import_module(f"{module}.{name}")
    except Exception:  # what a module of another version raises when it is imported
        return False
    return True


def _other_parameters() -> Iterator[str]:
    for path, names in PARAMETERS.items():
        function = find(path)
        known = set(inspect.signature(inspect.unwrap(function)).parameters) if function is not None else set()
        if lost := [name for name in names if name not in known]:
            yield f"{path.replace(':', '.')} does not take {', '.join(lost)}"


def _other_calls() -> Iterator[str]:
    for function, text in CALLS:
        found = find(function)
        if found is None or text not in inspect.getsource(found):
            yield f"{function.replace(':', '.')} does not call {text.partition('(')[0].removeprefix('await ')} as expected"


def _other_methods() -> Iterator[str]:
    """Methods that our controllers replace, and that are called otherwise there."""
    from runs.executor.flyte.controller import HostController
    from runs.executor.flyte.sdk import RemoteController
    from runs.executor.flyte.waiting import WaitsWithoutSlot

    for ours in (HostController, WaitsWithoutSlot):
        for name, method in vars(ours).items():
            if not inspect.isfunction(method) or name in {"__init__", "_submitted", "_end_of"}:
                continue
            theirs = getattr(RemoteController, name, None)
            if theirs is None or len(_parameters(theirs)) != len(_parameters(method)):
                yield f"RemoteController.{name} is called otherwise"


def _parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


def find(path: str) -> Any:
    """The object at `module:name.name`; None if there is none."""
    module, _, names = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for name in names.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError):
        return None
    return found


def find_module(name: str) -> Any:
    return importlib.import_module(name)
