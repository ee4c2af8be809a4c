"""Waiting for hints: what a stream does between two reads.

A hint says only that something changed. It may be lost, so each wait ends after POLL_SECONDS at the latest; and the
in-memory layer forgets a group member that has been there for a day, so each poll joins again.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from channels.layers import get_channel_layer

POLL_SECONDS = 2.0


class Watch(Protocol):
    """What `watch` gives: wait for the next hint or the next poll, whichever is first; at most for `seconds`."""

    async def wait(self, seconds: float = ...) -> None: ...


class _Watch:
    def __init__(self, layer: Any, group: str, channel: str) -> None:
        self._layer, self._group, self._channel = layer, group, channel

    async def wait(self, seconds: float = math.inf) -> None:
        try:
            # Not wait_for: before Python 3.12 it swallows a cancel that comes together with a hint.
            async with asyncio.timeout(min(seconds, POLL_SECONDS)):
                await self._layer.receive(self._channel)
        except TimeoutError:
            await self._layer.group_add(self._group, self._channel)
            return
        # The read that follows covers all hints that are there already.
        while await _take(self._layer, self._channel):
            pass


async def _take(layer: Any, channel: str) -> bool:
    try:
        async with asyncio.timeout(0):
            await layer.receive(channel)
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def watch(group: str) -> AsyncIterator[Watch]:
    """Join a group before the first read, so that nothing falls between the snapshot and the first wait."""
    layer: Any = get_channel_layer()
    channel = await layer.new_channel("watch")
    await layer.group_add(group, channel)
    try:
        yield _Watch(layer, group, channel)
    finally:
        await layer.group_discard(group, channel)
