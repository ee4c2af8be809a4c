"""The housekeeper of a web process: of all web processes, one at a time does what is due by the clock.

Who holds the lock works, the others wait for it to expire. No request and no worker is needed for it to run, and an error
(the database is full, the channel layer is gone) ends a round, never the housekeeper.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from secrets import token_hex

import structlog

from runs.access import sessions
from runs.access.oauth import clients
from runs.domain.errors import Unavailable
from runs.engine import cache, housekeeping
from runs.live.retention import RetentionDriver
from runs.store import database, hints
from runs.store.watch import watch

TICK_SECONDS = 0.25  # between two rounds of limits and retries that are due
PAUSE_SECONDS = 1.0  # after an error
TOKENS_SECONDS = 600.0

log = structlog.get_logger()


class Housekeeper:
    """Run it as a task of the web process; cancel it to stop."""

    def __init__(self) -> None:
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{token_hex(4)}"
        self._limits = housekeeping.LimitSweep()
        self._is_mine = asyncio.Event()

    async def run(self) -> None:
        """Until it is cancelled; then the next one may begin at once."""
        works = (
            self._hold_lock, self._keep_limits, self._keep_executors, self._keep_cache, self._delete_what_is_over,
            self._keep_tokens,
        )  # fmt: skip
        try:
            async with asyncio.TaskGroup() as group:
                for work in works:
                    group.create_task(self._for_ever(work), name=f"housekeeping: {work.__name__}")
        finally:
            with suppress(Unavailable):
                await database.write(housekeeping.release_lock, self.holder)

    async def _for_ever(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Unavailable as error:
                log.warning("housekeeping pauses", work=work.__name__, error=error.message)
            except Exception:
                log.exception("housekeeping failed", work=work.__name__)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _hold_lock(self) -> None:
        """Sweep while the lock is certainly ours: an error here means that it is not."""
        try:
            while True:
                if await database.write(housekeeping.take_lock, self.holder):
                    self._is_mine.set()
                else:
                    self._is_mine.clear()
                await asyncio.sleep(housekeeping.RENEW_SECONDS)
        finally:
            self._is_mine.clear()

    async def _keep_limits(self) -> None:
        """Nobody hints that time has passed: sleep until the next instant. A hint comes for one that is sooner than a poll."""
        async with watch(hints.LIMITS) as change:
            while True:
                await self._is_mine.wait()
                if seconds := await database.read(self._limits.find):
                    await change.wait(seconds)
                else:
                    await database.write(self._limits.settle)
                    await asyncio.sleep(TICK_SECONDS)

    async def _keep_executors(self) -> None:
        async with watch(hints.WORKERS) as change:
            while True:
                await self._is_mine.wait()
                for sweep in housekeeping.EXECUTOR_SWEEPS:
                    if due := await database.read(sweep.find):
                        await database.write(sweep.settle, due)
                await change.wait()

    async def _keep_cache(self) -> None:
        """Actions that wait for the cache, and outputs to be kept. The storage is read in between, and may be slow."""
        async with watch(hints.WORKERS) as change:
            while True:
                await self._is_mine.wait()
                while work := await database.read(cache.find_work):
                    work = await asyncio.to_thread(cache.check_files, work)
                    if not await database.write(cache.settle, work):
                        break
                await change.wait()

    async def _delete_what_is_over(self) -> None:
        driver = RetentionDriver()
        async with watch(hints.DELETIONS) as change:
            while True:
                await self._is_mine.wait()
                await driver.run_due()
                await change.wait()

    async def _keep_tokens(self) -> None:
        """Tokens, codes and sessions that have ended are refused anyway; here they make room."""
        while True:
            await self._is_mine.wait()
            await database.write(clients.clear_ended)
            await database.write(sessions.clear_ended)
            await asyncio.sleep(TOKENS_SECONDS)
