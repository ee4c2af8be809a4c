"""The loop of a feed: one unacknowledged frame at a time, a gap between frames, a poll behind each hint.

Frames are numbered for each socket, so that a page notices a gap. An empty frame is a heartbeat, sent after a silence.
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

from runs.domain.roles import Role, Subject, projects_with
from runs.domain.timeline import to_ms
from runs.protocol.constants import HEARTBEAT_SECONDS
from runs.protocol.messages import Ack, Asked, Focus, Hello, Message, Select
from runs.queries.conditions.waiting import count_waiting
from runs.store import database, metrics
from runs.tree.read_only import without_controls

Send = Callable[[str], Awaitable[None]]

POLL_SECONDS = 3.0
MIN_GAP_SECONDS = 0.1
MAX_GAP_SECONDS = 1.0
BURST = 4  # frames that may follow each other without a gap, after a quiet moment


class Feed(ABC):
    """Composes a frame whenever something changed and the last frame was acknowledged."""

    name: str  # in the numbers of /metrics
    reads_only = False  # whoever reads the page may not abort, answer or drain
    subject: Subject | None = None  # whoever reads the page; None: nobody is told what waits for an answer

    def __init__(self, send: Send) -> None:
        self._send = send
        self._greeted = asyncio.Event()
        self._dirty = asyncio.Event()
        self._dirty.set()
        self._asked = asyncio.Event()  # set by a message of the page, which does not wait for the gap
        self._credit = asyncio.Event()
        self._credit.set()
        self._sent_at = 0.0
        self._number = 0  # of the last frame
        self._hellos = 0
        self._hellos_taken = 0
        self._gap = MIN_GAP_SECONDS
        self._waiting: int | None = None  # how many conditions wait, as counted last
        self._waiting_told: int | None = (
            None  # and as the page was told; None: it has what it was loaded with
        )
        self._frames_due = float(BURST)  # how many may go out now; one more with each gap that passes
        self._counted_at = 0.0

    def hint(self) -> None:
        """Something may have changed."""
        self._dirty.set()

    def take(self, message: Message) -> None:
        """Apply a message of the page; never waits."""
        match message:
            case Ack():
                self._gap = min(max(2 * (time.monotonic() - self._sent_at), MIN_GAP_SECONDS), MAX_GAP_SECONDS)
                self._credit.set()
            case Focus() | Select():
                self.apply(message)
            case _:
                self.apply(message)
                self._asked.set()
                self._dirty.set()
        if isinstance(message, Hello):
            # A page that found a gap sends another hello, and does not acknowledge the frame that it dropped.
            self._hellos += 1
            self._waiting_told = None
            self._credit.set()
            self._greeted.set()

    def apply(self, message: Asked) -> None:  # noqa: B027  # a feed without a state has nothing to change
        """Change what the page shows. Runs in the event loop, beside `compose`."""

    def after_compose(self) -> None:  # noqa: B027  # most feeds have nothing to do
        """Runs after each `compose`, in the event loop: it may change what `apply` changes without a race."""

    def takes_hello(self) -> bool:
        """Whether a hello came since the last call: then the page has nothing of what was sent before."""
        taken, self._hellos_taken = self._hellos_taken, self._hellos
        return taken != self._hellos_taken

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
            self.after_compose()
            is_known = self._waiting_told in {None, self._waiting}
            if content is not None:
                await self._emit({"content": content, "swap": "none", **self.extras})
                await self._pause()
            elif not is_known or time.monotonic() - self._sent_at >= self.heartbeat:
                await self._emit({})
            await self._rest()

    def _measured(self) -> str | None:
        begun = time.thread_time()
        content = self.compose()
        if self.subject is not None:
            self._waiting = count_waiting(projects_with(self.subject, Role.VIEWER))
        if content is not None and self.reads_only:
            content = without_controls(content)
        if content is not None:
            metrics.FRAME_SECONDS.labels(self.name).observe(time.thread_time() - begun)
        return content

    def _patience_left(self) -> float:
        """How long to wait for a hint: until the poll, or until the next heartbeat is due."""
        return max(0.0, min(self.patience, self._sent_at + self.heartbeat - time.monotonic()))

    async def _emit(self, frame: dict[str, Any]) -> None:
        self._credit.clear()
        self._sent_at = time.monotonic()
        self._number += 1
        when: dict[str, Any] = {
            "seq": self.seq,
            "now": to_ms(timezone.now()),
            "number": self._number,
            "heartbeat": self.heartbeat,
        }
        if self._waiting != self._waiting_told:
            self._waiting_told = when["waiting"] = self._waiting
        await self._send(json.dumps(frame | when))

    async def _pause(self) -> None:
        """Leave a gap after a frame, unless a message of the page comes.

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

    async def _rest(self) -> None:
        if self.rest:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.rest):
                    await self._asked.wait()

    seq = 0
    rest = 0.0  # seconds after each `compose` in which nothing is read, unless the page asks
    patience = POLL_SECONDS
    heartbeat = HEARTBEAT_SECONDS
    extras: dict[str, Any] = {}  # noqa: RUF012  # fields of the last composed frame beside its content; replaced, never changed

    @abstractmethod
    def compose(self) -> str | None:
        """The next frame's content, or None when nothing changed. Runs in a reader thread."""
