"""The beat of a feed: one frame under way at a time, a gap between frames, a poll behind each hint.

Frames are numbered for each socket, so that a page notices a gap; when there is nothing to say, an empty one says that the
connection lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

from django.utils import timezone

from runs import database, metrics
from runs.live.messages import Ack, Asked, Focus, Hello, Message, Select
from runs.timeline import to_ms

Send = Callable[[str], Awaitable[None]]

POLL_SECONDS = 3.0
BEAT_SECONDS = 5.0  # the longest silence of a feed that has credit; each frame says it
MIN_GAP_SECONDS = 0.1
MAX_GAP_SECONDS = 1.0
BURST = 4  # frames that may follow each other without a gap, after a quiet moment


class Feed(ABC):
    """Composes a frame whenever something changed and the last frame was acknowledged."""

    name: str  # in the numbers of /metrics

    def __init__(self, send: Send) -> None:
        self._send = send
        self._greeted = asyncio.Event()
        self._dirty = asyncio.Event()
        self._dirty.set()
        self._asked = asyncio.Event()  # by the person at the page, who does not wait for the gap
        self._credit = asyncio.Event()
        self._credit.set()
        self._sent_at = 0.0
        self._number = 0  # of the last frame
        self._hellos = 0
        self._hellos_told = 0
        self._gap = MIN_GAP_SECONDS
        self._frames_due = float(BURST)  # how many may go out now; one more with each gap that passes
        self._counted_at = 0.0

    def hint(self) -> None:
        """Something may have changed."""
        self._dirty.set()

    def take(self, message: Message) -> None:
        """Do what the page says; never waits."""
        match message:
            case Ack():
                self._gap = min(max(2 * (time.monotonic() - self._sent_at), MIN_GAP_SECONDS), MAX_GAP_SECONDS)
                self._credit.set()
            case Focus() | Select():
                self.look(message)
            case _:
                self.look(message)
                self._asked.set()
                self._dirty.set()
        if isinstance(message, Hello):
            # A page that found a gap says hello again, and does not acknowledge what it threw away.
            self._hellos += 1
            self._credit.set()
            self._greeted.set()

    def look(self, message: Asked) -> None:  # noqa: B027  # a feed without a view has nothing to do
        """Change what is shown."""

    def settle(self) -> None:  # noqa: B027  # most feeds have nothing to do
        """Runs after `compose`, where messages are taken: it may change the view without a race."""

    def begins(self) -> bool:
        """Whether the page said hello since this was asked last: whatever it was told before does not count."""
        told, self._hellos_told = self._hellos_told, self._hellos
        return told != self._hellos_told

    async def run(self) -> None:
        """Stream until cancelled. Raises NotFound."""
        await self._greeted.wait()
        while True:
            await self._credit.wait()
            with contextlib.suppress(TimeoutError):
                # Not wait_for: before Python 3.12 it swallows a cancel that comes together with a hint.
                async with asyncio.timeout(self._patience_left()):
                    await self._dirty.wait()
            self._dirty.clear()
            self._asked.clear()
            content = await database.read(self._measured)
            self.settle()
            if content is not None:
                await self._emit({"content": content, "swap": "none", **self.extras})
                await self._pause()
            elif time.monotonic() - self._sent_at >= self.beat:
                await self._emit({})

    def _measured(self) -> str | None:
        begun = time.thread_time()
        content = self.compose()
        if content is not None:
            metrics.FRAME_SECONDS.labels(self.name).observe(time.thread_time() - begun)
        return content

    def _patience_left(self) -> float:
        """How long to wait for a hint: until the poll, or until the next beat is due."""
        return max(0.0, min(self.patience, self._sent_at + self.beat - time.monotonic()))

    async def _emit(self, said: dict[str, Any]) -> None:
        self._credit.clear()
        self._sent_at = time.monotonic()
        self._number += 1
        when = {"seq": self.seq, "now": to_ms(timezone.now()), "number": self._number, "beat": self.beat}
        await self._send(json.dumps(said | when))

    async def _pause(self) -> None:
        """Leave a gap after a frame, unless the person at the page asks for something.

        A few frames may follow each other without one: a click is answered by "aborting" and a moment later by "aborted".
        After those, the next one waits only for what is missing of its own gap.
        """
        now = time.monotonic()
        self._frames_due = min(self._frames_due + (now - self._counted_at) / self._gap, BURST) - 1
        self._counted_at = now
        if self._frames_due >= 1:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout((1 - self._frames_due) * self._gap):
                await self._asked.wait()

    seq = 0
    patience = POLL_SECONDS
    beat = BEAT_SECONDS
    extras: dict[str, Any] = {}  # noqa: RUF012  # what the last composed frame says beside its content; replaced whole

    @abstractmethod
    def compose(self) -> str | None:
        """The next frame's content, or None when nothing changed. Runs in a reader thread."""
