"""Keeps a loop fair: thousands of small pieces of work that become ready together run a few per turn of the loop.

asyncio runs all callbacks that are ready before it polls again. Without this, a fan-out of 5,000 children would delay
cancels and other actions for seconds, and the probe would take it for user code that blocks the loop.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

# A piece takes up to half a millisecond, so a turn takes a few.
PIECES_PER_TURN = 16


class Pace:
    """The queue of one loop. Use it on that loop's thread only."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._context = contextvars.Context()  # a turn belongs to no action, whoever asked for it
        self._waiting: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()

    def soon(self, function: Callable[..., object], *args: Any) -> None:
        """Call the function in one of the next turns, in order."""
        self._waiting.append((function, args))
        if len(self._waiting) == 1:
            self._loop.call_soon(self._turn, context=self._context)

    async def turn(self) -> None:
        """Wait for a turn."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        self.soon(resolve, waiter)
        await waiter

    def resolve_all(self, waiters: list[asyncio.Future[None]]) -> None:
        for waiter in waiters:
            self.soon(resolve, waiter)

    def _turn(self) -> None:
        for _ in range(min(PIECES_PER_TURN, len(self._waiting))):
            # Taken out after the call: until then, `soon` need not ask for a turn.
            function, args = self._waiting[0]
            try:
                function(*args)
            finally:
                self._waiting.popleft()
        if self._waiting:
            self._loop.call_soon(self._turn, context=self._context)


def resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


_paces: WeakKeyDictionary[asyncio.AbstractEventLoop, Pace] = WeakKeyDictionary()


def pace_of(loop: asyncio.AbstractEventLoop) -> Pace:
    """The loop's pace. Called first on the loop's own thread, or before it runs."""
    pace = _paces.get(loop)
    if pace is None:
        pace = _paces[loop] = Pace(loop)
    return pace
