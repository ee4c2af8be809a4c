"""Real environments for tests, made by uv as a builder makes them, and a bench whose executors run in them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from runs.executor.environments.layout import Environment, python_of, write_environment
from runs.executor.link.config import ExecutorConfig
from runs.executor.worker.environment import clean_environment
from runs.executor.worker.launchers import LocalLauncher, LocalRunning
from tests.executor.conftest import Bench
from tests.support.nets import NET_SECONDS

NEEDED = tuple(f"{name}=={version(name)}" for name in ("msgspec", "websockets"))
OURS = version("flyte")


@lru_cache
def find_python(minor: str) -> str:
    """An interpreter of this minor version that is installed; the test is skipped where there is none."""
    installed = sorted(Path.home().glob(f".pyenv/versions/{minor}.*/bin/python{minor}"))
    if found := next(map(str, installed), None) or shutil.which(f"python{minor}"):
        return found
    pytest.skip(f"there is no Python {minor} on this machine")


def build(folder: Path, minor: str, *packages: str, flyte: str = OURS, **facts: Any) -> Path:
    """An environment in this folder, whose name is its digest. facts: more of `Environment`."""
    uv = [find_uv_bin(), "--quiet", "--no-python-downloads"]
    python = str(python_of(folder))
    subprocess.run(
        [*uv, "venv", "--python", find_python(minor), str(folder)], check=True, timeout=NET_SECONDS
    )
    wanted = [f"flyte=={flyte}", *NEEDED, *packages]
    subprocess.run([*uv, "pip", "install", "--python", python, *wanted], check=True, timeout=NET_SECONDS)
    write_environment(folder, Environment(f"flyteui.local/{folder.name}:test", minor, flyte, **facts))
    return folder


@dataclass
class PlacesBench(Bench):
    """As a worker starts them: forked from the zygote of their Python."""

    environment: Path | None = None
    launcher: LocalLauncher = field(default_factory=lambda: LocalLauncher(clean_environment(os.environ, {})))
    slow: list[str] = field(default_factory=list)  # why executors start slower
    running: LocalRunning | None = None
    name: str = "e-1"
    pool: str = "pool"

    async def launch(self, *, idle_seconds: float = 300.0) -> Any:
        self.launcher.on_slow = lambda _, reason: self.slow.append(reason)
        self.running = await self.launcher.launch(self.config(idle_seconds))
        self.process = self.running  # type: ignore[assignment]
        return self.running

    def config(self, idle_seconds: float = 300.0) -> ExecutorConfig:
        return ExecutorConfig(
            url=self.server.url, endpoint="http://127.0.0.1:9", token="secret-token", executor=self.name, pool=self.pool,
            bundle_uri=self.bundle_uri, home=str(self.folder / "home"), capacity=1000, processes=self.processes,
            idle_seconds=idle_seconds, env=self.env, environment=str(self.environment or ""),
        )  # fmt: skip

    async def stop_executor(self) -> None:
        if (running := self.running) is not None:
            self.running = self.process = None
            running.kill()
            await running.ended()

    async def stop(self) -> None:
        await self.stop_executor()
        await self.launcher.close()
