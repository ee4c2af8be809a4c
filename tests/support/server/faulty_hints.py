"""A channel layer that loses, doubles and delays the hints of runs: a page may need none of them to be right."""

from __future__ import annotations

import asyncio
import os
import random
from typing import Any

from channels.layers import InMemoryChannelLayer

SEED = "TEST_HINTS_SEED"
LONGEST_DELAY_SECONDS = 1.5


class FaultyLayer(InMemoryChannelLayer):
    """Of four hints about a run, one arrives, one is lost, one comes twice, one comes late."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._random = random.Random(os.environ.get(SEED, ""))
        self._late: set[asyncio.Task[None]] = set()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if not group.startswith("run."):
            await super().group_send(group, message)
            return
        match self._random.choice(["comes", "lost", "twice", "late"]):
            case "comes":
                await super().group_send(group, message)
            case "twice":
                await super().group_send(group, message)
                await super().group_send(group, message)
            case "late":
                delay = self._random.uniform(0, LONGEST_DELAY_SECONDS)
                asyncio.get_running_loop().call_later(delay, self._send_late, group, message)

    def _send_late(self, group: str, message: dict[str, Any]) -> None:
        task = asyncio.create_task(super().group_send(group, message))
        self._late.add(task)
        task.add_done_callback(self._late.discard)
