"""The zygotes of one Python: the first, in which our executor is imported, and those of pools, with their modules imported too.

A worker has one family of them for its own Python, and one for each environment in use.
"""

from __future__ import annotations

import asyncio
import socket
from asyncio.subprocess import DEVNULL
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol

from runs.executor.environments.use import EnvironmentUnusable, InUse
from runs.executor.home import bundle_folder, list_modules
from runs.executor.link.config import ExecutorConfig
from runs.executor.worker.forks import Preload
from runs.executor.worker.zygotes import ZygoteClient, ZygoteLost

POOL_SECONDS = 600.0  # how long a zygote is kept that no run uses
ANSWER_SECONDS = 120.0  # for the imports of one in an environment, which may have no bytecode yet


class Start(Protocol):
    """Starts a process of `runs.executor` in this Python, which inherits this descriptor."""

    def __call__(
        self, what: str, fd: int, *, env: Mapping[str, str], stdin: int
    ) -> Awaitable[asyncio.subprocess.Process]: ...


class Zygotes:
    """start: of a process. most_pools: how many pools have a zygote of their own. environment: None for the worker's own Python.

    on_slow: called with a pool whose executors start slower, and why.
    """

    def __init__(
        self,
        start: Start,
        most_pools: int,
        on_slow: Callable[[str, str], None],
        environment: InUse | None = None,
    ) -> None:
        self._start = start
        self._most_pools = most_pools
        self._on_slow = on_slow
        self.environment = environment
        self.misfit = ""  # why the flyte of this environment runs actions by itself
        self._broken = ""  # why nothing can run in it
        self._zygote: ZygoteClient | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._pools: dict[str, ZygoteClient] = {}  # the one that was used last is the last
        self._unfit: dict[str, str] = {}
        self._preparing = asyncio.Lock()
        self.launches = 0  # for whom it was asked

    async def prepare(self) -> None:
        """Start the first zygote, if there is none. Raises EnvironmentUnusable."""
        async with self._preparing:
            if self.misfit:
                return
            if self._zygote is None or not self._zygote.is_open:
                ours, theirs = socket.socketpair()
                with theirs:
                    self._process = await self._start("zygote", theirs.fileno(), env={}, stdin=DEVNULL)
                self._zygote = ZygoteClient(ours, self._ended)
            if self.environment is not None:
                await self._wait_for_answer(self._zygote)

    async def _wait_for_answer(self, zygote: ZygoteClient) -> None:
        assert self.environment is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                await zygote.answered.wait()
        self.misfit = zygote.misfit
        if not self.misfit and not zygote.is_ready:
            why = self._broken or "its Python ended, or does not begin"
            self._end_if_late()
            zygote.close()
            raise EnvironmentUnusable(
                f"no executor can start in the Python environment of image {self.environment.environment.image}: {why}. "
                f"If the image is right, delete {self.environment.folder} and build it again"
            )

    def _end_if_late(self) -> None:
        """It has forked nothing yet, and its imports may take seconds: nobody waits for these."""
        if self._process is not None and self._zygote is not None and not self._zygote.answered.is_set():
            with suppress(ProcessLookupError):
                self._process.kill()

    def _ended(self, reason: str) -> None:
        self._broken = reason

    def is_preloaded(self, config: ExecutorConfig) -> bool:
        """Whether its pool has a zygote with the modules imported, or cannot have one."""
        self.preload(config)
        return (
            bool(self.misfit)
            or config.pool in self._unfit
            or (config.pool in self._pools and self._pools[config.pool].is_ready)
        )

    async def fork(self, config: ExecutorConfig, liveness_fd: int) -> tuple[int, asyncio.Future[int]]:
        """Fork an executor, from the zygote of its pool if there is one."""
        preloaded = self._pools.pop(config.pool, None)
        if preloaded is not None:
            self._pools[config.pool] = preloaded
            if preloaded.is_ready:
                with suppress(ZygoteLost):
                    return await preloaded.fork(config, liveness_fd)
        self.preload(config)
        await self.prepare()
        assert self._zygote is not None
        with suppress(ZygoteLost):
            return await self._zygote.fork(config, liveness_fd)
        await self.prepare()
        return await self._zygote.fork(config, liveness_fd)

    def preload(self, config: ExecutorConfig) -> None:
        """Have the modules of this pool imported for its next run, if they are known."""
        home = Path(config.home)
        modules = list_modules(config.bundle_uri, home)
        if not modules or config.pool in {*self._pools, *self._unfit} or self._zygote is None:
            return
        if not self._zygote.is_open or config.entry_point:
            return
        if len(self._pools) >= self._most_pools:
            oldest = next((zygote for zygote in self._pools.values() if zygote.is_idle()), None)
            if oldest is None:
                return
            oldest.close()
        files = self.environment.workdir if self.environment else None
        folder = str(bundle_folder(config.bundle_uri, home, str(files or "")))
        on_end = partial(self._pool_ended, config.pool)
        zygote = self._pools[config.pool] = self._zygote.preload(Preload(folder, config.env, modules), on_end)
        self._end_when_unused(zygote, forks=0)

    def _end_when_unused(self, zygote: ZygoteClient, *, forks: int) -> None:
        """Look now and then whether it has forked something since."""
        if zygote.forks == forks and zygote.is_idle() and zygote.is_ready:
            zygote.close()
        elif zygote.is_open:
            later = partial(self._end_when_unused, zygote, forks=zygote.forks)
            asyncio.get_running_loop().call_later(POOL_SECONDS, later)

    def _pool_ended(self, pool: str, reason: str) -> None:
        self._pools.pop(pool, None)
        if reason:
            self._unfit[pool] = reason
            self._on_slow(pool, reason)

    def is_idle(self) -> bool:
        """Whether no executor of theirs is left whose exit they have to report, and none is being started."""
        zygotes = [*self._pools.values(), *([self._zygote] if self._zygote else [])]
        return not self._preparing.locked() and all(zygote.is_idle() for zygote in zygotes)

    async def close(self) -> None:
        """End them. Executors that run are not touched."""
        self._end_if_late()
        for zygote in [*self._pools.values(), self._zygote]:
            if zygote is not None:
                zygote.close()
        if self._process is not None:
            await self._process.wait()
        if self.environment is not None:
            self.environment.touch()
            self.environment.release()
