"""Sockets of the pages: they parse what a browser says, pass hints and messages to a feed, and forward its frames.

A handler never queries, renders or waits: Channels runs them one after another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from typing import Any

import msgspec
from channels.generic.websocket import AsyncWebsocketConsumer

from runs import events, metrics
from runs.errors import NotFound
from runs.live.feed import Feed
from runs.live.lists import FleetFeed, RunsFeed
from runs.live.messages import Hello, Log, Message, decode
from runs.live.run import RunFeed

log = logging.getLogger(__name__)

# hx-ws does not reconnect after these. It does after 1006, which is what a refused handshake looks like: so accept
# first, then close.
BAD_MESSAGE = 4400
NOT_FOUND = 4404
# base.html tells hx-ws to reconnect after this one. Not 1011: Daphne cannot send it, and the socket would stay open.
INTERNAL_ERROR = 4500
MAX_MESSAGE = 200_000


class FeedConsumer(AsyncWebsocketConsumer, ABC):
    """Owns a feed and the task that runs it."""

    group: str
    feed: Feed
    task: asyncio.Task[None] | None = None

    @abstractmethod
    def make_feed(self) -> tuple[str, Feed]:
        """The group whose hints matter, and the feed. The page's arguments are in self.scope."""

    async def connect(self) -> None:
        self.group, self.feed = self.make_feed()
        # Join first, snapshot second: what changes in between makes a hint.
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()
        self.task = asyncio.create_task(self.stream())

    async def disconnect(self, code: int) -> None:
        if self.task is None:
            return
        await self.channel_layer.group_discard(self.group, self.channel_name)
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            message = decode((text_data or "")[:MAX_MESSAGE])
        except msgspec.DecodeError:
            await self.close(BAD_MESSAGE)
        else:
            await self.heed(message)
            self.feed.take(message)

    async def heed(self, message: Message) -> None:
        """Join what the feed will read for this message, before it reads."""

    async def hint(self, _event: dict[str, Any]) -> None:
        self.feed.hint()

    async def forward(self, frame: str) -> None:
        metrics.FRAMES.labels(self.feed.name).inc()
        await self.send(frame)

    async def stream(self) -> None:
        """Run the feed and close with the reason when it fails."""
        try:
            await self.feed.run()
        except NotFound:
            await self.close(NOT_FOUND)
        except Exception:
            log.exception("the feed of %s failed", self.group)
            await self.close(INTERNAL_ERROR)

    @property
    def arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = self.scope["url_route"]["kwargs"]
        return found


class RunConsumer(FeedConsumer):
    """The live tree of one run, and the log of the action whose log is shown."""

    log_of = 0

    def make_feed(self) -> tuple[str, Feed]:
        run_id = int(self.arguments["run_id"])
        return events.run_group(run_id), RunFeed(run_id, self.forward)

    async def heed(self, message: Message) -> None:
        if isinstance(message, Hello):
            message = message.log
        if isinstance(message, Log) and message.action != self.log_of:
            await self.leave_log()
            self.log_of = message.action
            if self.log_of:
                await self.channel_layer.group_add(events.log_group(self.log_of), self.channel_name)

    async def disconnect(self, code: int) -> None:
        await self.leave_log()
        await super().disconnect(code)

    async def leave_log(self) -> None:
        if self.log_of:
            await self.channel_layer.group_discard(events.log_group(self.log_of), self.channel_name)


class RunsConsumer(FeedConsumer):
    """The live list of runs."""

    def make_feed(self) -> tuple[str, Feed]:
        feed = RunsFeed(self.arguments["project"], self.arguments["domain"], self.forward)
        return events.RUNS, feed


class FleetConsumer(FeedConsumer):
    """The live page of the executors."""

    def make_feed(self) -> tuple[str, Feed]:
        return events.WORKERS, FleetFeed(self.forward)
