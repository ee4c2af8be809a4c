"""How long an image takes to build. Called like the measurements of `measure`; it needs the package index."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

from flyteidl2.imagebuilder import definition_pb2

from benchmarks.measure import Lines
from runs.executor.images.build import Order, build
from runs.executor.worker.environment import builder_variables, clean_environment

PACKAGES = ["pandas==2.3.3", "numpy==2.3.5"]


def image(url: str, scale: float) -> Lines:
    """Into an empty cache of uv, and again beside it, from the cache that is full then."""
    del url, scale
    with tempfile.TemporaryDirectory(prefix="flyteui-bench-") as folder:
        cold, warm = (asyncio.run(_build(Path(folder), name)) for name in ("cold", "warm"))
    return [("image with pandas + numpy, cold, warm", "", f"{cold:.1f} s, {warm:.1f} s")]


async def _build(folder: Path, name: str) -> float:
    layer = definition_pb2.Layer(pip_packages=definition_pb2.PipPackages(packages=PACKAGES))
    order = Order(f"flyteui.local/{name}", definition_pb2.ImageSpec(layers=[layer]), name, None, name)
    variables = clean_environment(os.environ, builder_variables(os.environ))
    begun = time.monotonic()
    await build(order, folder / name, {**variables, "UV_CACHE_DIR": str(folder / "cache")}, _say)
    return time.monotonic() - begun


def _say(line: str) -> None:
    """What uv prints is of no interest here."""


MEASUREMENTS = {"image": image}
