"""When an executor may end: what it still holds is looked through once for many ends, not after each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from runs.executor.shutdown import Shutdown
from tests.support.nets import NET_SECONDS


class ManyAttempts:
    """Counts how often all attempts are gone through."""

    def __init__(self, number: int) -> None:
        self.attempts = dict.fromkeys(range(number))
        self.looks = 0

    def can_any_end(self) -> bool:
        self.looks += 1
        return True

    def stop_leasing(self) -> None:
        pass


class LinkOnThisLoop:
    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        asyncio.get_running_loop().call_soon(function, *args)

    def call_later(self, seconds: float, function: Callable[[], object]) -> None:
        asyncio.get_running_loop().call_later(seconds, function)


@pytest.mark.parametrize("number", [10, 1000])
async def test_a_fan_out_that_ends_while_it_drains_costs_one_look(number: int) -> None:
    host: Any = ManyAttempts(number)
    link: Any = LinkOnThisLoop()
    shutdown = Shutdown("e-1", host, link, idle_seconds=300.0)
    shutdown.drain()
    before = host.looks

    for one in range(number):
        del host.attempts[one]
        shutdown.attempt_ended()

    async with asyncio.timeout(NET_SECONDS):
        await shutdown._drained.wait()
    assert host.looks - before == 1
