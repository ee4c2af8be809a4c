from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from runs.executor.link.config import ExecutorConfig
from runs.protocol.frames import AbortNote, Key, RunInfo, now_us
from tests.support.executor import user_code
from tests.support.executor.fake_server import FakeAction, FakeServer
from tests.support.executor.forked import ForkedExecutor, fork_executor

STOP_SECONDS = 10.0


@dataclass
class Bench:
    """A server, an executor process, and runs of one workflow on it."""

    server: FakeServer
    folder: Path
    module: ModuleType
    bundle_uri: str
    process: ForkedExecutor | None = None
    env: dict[str, str] = field(default_factory=dict)
    processes: int = 8  # isolated ones, at a time

    async def launch(self, *, idle_seconds: float = 300.0) -> ForkedExecutor:
        config = ExecutorConfig(
            url=self.server.url,
            endpoint="http://127.0.0.1:9",
            token="secret-token",
            executor="e-1",
            pool="pool",
            bundle_uri=self.bundle_uri,
            home=str(self.folder / "home"),
            capacity=1000,
            processes=self.processes,
            idle_seconds=idle_seconds,
            env=self.env,
        )
        self.process = await fork_executor(config)
        return self.process

    async def start(self, task: str, *, run: int = 1, **values: Any) -> FakeAction:
        """Lease the root of a new run to the executor."""
        action = await self.prepare(task, run=run, **values)
        await self.server.lease(action)
        return action

    async def prepare(self, task: str, *, run: int = 1, **values: Any) -> FakeAction:
        """The root of a new run, and an executor that could hold it."""
        if self.process is None:
            await self.launch()
        await self.server.until_connected()
        base = self.folder / "storage" / f"run{run}"
        info = RunInfo(
            run, "local", "flytesnacks", "development", f"run{run}", base.as_uri(),
            (self.folder / "raw").as_uri(), "2026-01-02T03:04:05Z",
        )  # fmt: skip
        self.server.runs[run] = info
        template = getattr(self.module, task)
        uri = await user_code.inputs_at(template, base / "inputs", values)
        spec = user_code.spec_of(template, self.bundle_uri)
        return self.server.create(Key(run, "a0"), spec, uri, f"{base.as_uri()}/a0/1")

    async def run(self, task: str, *, run: int = 1, **values: Any) -> FakeAction:
        action = await self.start(task, run=run, **values)
        return await self.server.until_ended(action.key)

    async def outputs(self, task: str, action: FakeAction) -> Any:
        return await user_code.outputs_of(getattr(self.module, task), action.output_uri)

    def open_gate(self) -> None:
        Path(self.env["GATE"]).touch()

    async def stop(self) -> None:
        if self.process is not None:
            await self.process.stop()


def note(reason: str = "too slow", *, target: str = "a0", cause: str = "external abort") -> AbortNote:
    return AbortNote(cause, "alice", reason, target, now_us())


@pytest.fixture
async def bench(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """The workflow is `WORKFLOW` of the test's module."""
    server = FakeServer()
    await server.start()
    name = getattr(request.module, "WORKFLOW", "held")
    made = Bench(
        server,
        tmp_path,
        user_code.load(name),
        user_code.bundle(tmp_path, name),
        env={"GATE": str(tmp_path / "gate")},
    )
    yield made
    await made.stop()
    await server.stop()
