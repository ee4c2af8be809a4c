"""Drives the deletions of a server: one short write at a time, and as long a pause after each, so that others get their turn."""

from __future__ import annotations

import asyncio
import time
from threading import Event

from runs.engine.retention import sweep
from runs.engine.retention.sweep import Deleted, Kind, Policy, Step, Steps
from runs.store import database

EXPIRE_SECONDS = 600.0
UNUSED_SECONDS = 3600.0


class RetentionDriver:
    """Call `run_due` after each hint and each poll: without anything to do it reads two rows."""

    def __init__(self) -> None:
        self._expires_at = self._packs_at = self._clears_at = 0.0

    async def run_due(self) -> None:
        now, deleted, stop = time.monotonic(), Deleted(), Event()
        try:
            if now >= self._expires_at:
                self._expires_at = now + EXPIRE_SECONDS
                await self._run(sweep.expire(Policy(), deleted))
            await self._run(sweep.delete_left(deleted))
            await self._run(sweep.clear_deleted(deleted, stop))
            if now >= self._packs_at:
                self._packs_at = now + EXPIRE_SECONDS
                await self._run(sweep.pack_ended(deleted, stop))
            if now >= self._clears_at:
                self._clears_at = now + UNUSED_SECONDS
                await self._run(sweep.clear_unused(Policy(), deleted, stop))
        finally:
            stop.set()  # a thread that removes files ends with this

    async def _run(self, steps: Steps) -> None:
        result = None
        while True:
            try:
                step = steps.send(result)
            except StopIteration:
                return
            result = await self._do(step)

    async def _do(self, step: Step) -> object:
        match step.kind:
            case Kind.READ:
                return await database.read(step.call)
            case Kind.FILES:
                return await asyncio.to_thread(step.call)
        begun = time.monotonic()
        result = await database.write(step.call)
        await asyncio.sleep(time.monotonic() - begun)
        return result
