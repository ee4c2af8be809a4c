"""Builds of images in a test: by the real uv, from the real index, with a log that can be waited for."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import tarfile
from pathlib import Path

import flyte
from flyte._internal.imagebuild.remote_builder import _get_layers_proto
from flyteidl2.imagebuilder import definition_pb2 as idl

from runs.executor.environments.layout import environment_folder, python_of
from runs.executor.images.build import Made, Order, build
from runs.executor.worker.environment import builder_variables, clean_environment
from tests.support.nets import NET_SECONDS


def pip(*packages: str) -> idl.Layer:
    return idl.Layer(pip_packages=idl.PipPackages(packages=packages))


def order(*layers: idl.Layer, run: str = "run1", context: Path | None = None, python: str = "") -> Order:
    spec = idl.ImageSpec(layers=layers, python_version=python)
    content = hashlib.sha256(spec.SerializeToString(deterministic=True)).hexdigest()
    return Order("flyteui.local/mine:1", spec, content, context, run)


def variables(**more: str) -> dict[str, str]:
    """What the builder has of this process' variables."""
    return {**clean_environment(os.environ, builder_variables(os.environ)), **more}


class Log(list[str]):
    """What a build says; a test waits for a line of it."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[tuple[str, asyncio.Event]] = []

    def __call__(self, line: str) -> None:
        self.append(line)
        for text, event in self._waiting:
            if text in line:
                event.set()

    async def has(self, text: str) -> None:
        event = asyncio.Event()
        self._waiting.append((text, event))
        if any(text in line for line in self):
            return
        async with asyncio.timeout(NET_SECONDS):
            await event.wait()


async def make(root: Path, *layers: idl.Layer, **options: object) -> Made:
    return await build(order(*layers, **options), root, variables(), Log())  # type: ignore[arg-type]


def run_in(root: Path, made: Made, code: str) -> str:
    python = python_of(environment_folder(root, made.digest))
    done = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, timeout=NET_SECONDS, check=False, cwd=root
    )
    return (done.stdout or done.stderr).strip()


def order_of(image: flyte.Image, folder: Path) -> Order:
    """As the real SDK asks for it: its layers, and the files that they name in an archive."""
    context = folder / "context"
    spec = _get_layers_proto(image, context)
    archive = folder / "context.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(context, ".")
    content = hashlib.sha256(spec.SerializeToString(deterministic=True) + archive.read_bytes()).hexdigest()
    return Order("flyteui.local/mine:1", spec, content, archive, "run1")
