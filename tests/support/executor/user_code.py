"""User code as the real client hands it over: a bundle in storage, a TaskSpec, inputs, and outputs read back."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

from flyte.models import CodeBundle, SerializationContext

from runs.executor.flyte.sdk import convert, io, translate_task_to_wire

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"


def load(name: str) -> ModuleType:
    """Import a workflow under its own name, as `flyte run` does, so that its tasks say where they come from."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, WORKFLOWS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def bundle(folder: Path, *names: str) -> str:
    archive = folder / "fastabc.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in names:
            tar.add(WORKFLOWS / f"{name}.py", f"{name}.py")
        tar.add(WORKFLOWS / "runs" / "__init__.py", "runs/__init__.py")
    return archive.as_uri()


def spec_of(task: Any, bundle_uri: str) -> bytes:
    context = SerializationContext(
        project="flytesnacks",
        domain="development",
        org="local",
        version="v1",
        code_bundle=CodeBundle(computed_version="v1", destination=".", tgz=bundle_uri),
        root_dir=WORKFLOWS,
    )
    return translate_task_to_wire(task, context).SerializeToString()


def write_inputs(task: Any, folder: Path, values: dict[str, Any]) -> str:
    inputs = asyncio.run(convert.convert_from_native_to_inputs(task.native_interface, **values))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "inputs.pb").write_bytes(inputs.proto_inputs.SerializeToString())
    return (folder / "inputs.pb").as_uri()


async def inputs_at(task: Any, folder: Path, values: dict[str, Any]) -> str:
    return await asyncio.to_thread(write_inputs, task, folder, values)


async def outputs_of(task: Any, uri: str) -> Any:
    outputs = await io.load_outputs(io.outputs_path(uri))
    return await convert.convert_outputs_to_native(task.native_interface, outputs)
