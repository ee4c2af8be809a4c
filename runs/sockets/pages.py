"""Sockets of the pages: they parse messages of a browser, pass hints and messages to a feed, and forward its frames.

A handler never queries, renders or waits: Channels runs them one after another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import msgspec
from channels.generic.websocket import AsyncWebsocketConsumer

from runs.access import gate
from runs.domain.errors import Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from runs.domain.roles import Role, Subject, has_role
from runs.live.feed import Feed
from runs.live.lists import ExecutorListFeed, RunListFeed, WaitingFeed
from runs.live.paced import GraphFeed, TableFeed, TaskFeed
from runs.live.run import RunFeed
from runs.live.run_log import RunLogFeed
from runs.protocol.constants import BAD_MESSAGE, FAILED, NOT_FOUND
from runs.protocol.messages import Hello, Log, Message, decode
from runs.queries.runs import get_run_by_id
from runs.sockets import door
from runs.sockets.frame_socket import close_without_hello
from runs.store import database, hints, metrics

log = logging.getLogger(__name__)

# A refused handshake looks like 1006 to a browser, and hx-ws reconnects after that: so accept first, then close.
MAX_MESSAGE = 200_000
MAX_ID = 2**63 - 1  # of a row
MAX_QUERY = 4000


class FeedConsumer(AsyncWebsocketConsumer, ABC):
    """Owns a feed and the task that runs it."""

    route: str  # as the table of the gate has it
    group: str
    feed: Feed
    checks: asyncio.Task[None] | None = None
    task: asyncio.Task[None] | None = None
    greeting: asyncio.Task[None] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.greeted = asyncio.Event()

    @abstractmethod
    def make_feed(self) -> tuple[str, Feed]:
        """The group whose hints matter, and the feed; raises NotFound. The page's arguments are in self.scope."""

    async def find_project(self) -> str | None:
        """The project of what the page shows; None for a page that shows all. Raises NotFound."""
        return None

    async def connect(self) -> None:
        try:
            self.group, self.feed = self.make_feed()
            subject = await door.admit(self.scope, self.route, self.find_project)
            self.feed.subject = subject
            self.feed.reads_only = not has_role(subject, Role.OPERATOR, await self._project_of(subject))
        except NotFound:
            await self.refuse(NOT_FOUND)
            return
        except (Unauthenticated, Forbidden) as error:
            await self.refuse(door.close_code(error))
            return
        except Unavailable:
            await self.refuse(FAILED)
            return
        # Join first, snapshot second: what changes in between makes a hint.
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.channel_layer.group_add(hints.WAITING, self.channel_name)
        await self.accept()
        self.task = asyncio.create_task(self.stream())
        self.greeting = asyncio.create_task(close_without_hello(self.greeted, self.close))
        if not gate.is_open():
            self.checks = asyncio.create_task(self.check_reader())

    async def refuse(self, code: int) -> None:
        await self.accept()
        await self.close(code)

    async def _project_of(self, subject: Subject) -> str | None:
        """For whoever may do everything there is nothing to look up."""
        return None if has_role(subject, Role.ADMIN, None) else await self.find_project()

    async def check_reader(self) -> None:
        """Close the socket when its reader has signed out, or has not the role any more."""
        while True:
            await asyncio.sleep(door.CHECK_SECONDS)
            with contextlib.suppress(Unavailable):  # then the next check
                try:
                    self.feed.subject = await door.admit(self.scope, self.route, self.find_project)
                except (Unauthenticated, Forbidden) as error:
                    await self.close(door.close_code(error))
                    return
                except NotFound:
                    await self.close(NOT_FOUND)
                    return

    async def disconnect(self, code: int) -> None:
        if self.task is None or self.greeting is None:
            return
        for group in (self.group, hints.WAITING):
            await self.channel_layer.group_discard(group, self.channel_name)
        for task in (self.task, self.greeting, self.checks):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            message = decode((text_data or "")[:MAX_MESSAGE])
        except msgspec.DecodeError:
            await self.close(BAD_MESSAGE)
        else:
            self.greeted.set()
            await self.before_message(message)
            self.feed.take(message)

    async def before_message(self, message: Message) -> None:
        """Join the groups of what the feed will read for this message, before it reads."""

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
        except Invalid:
            await self.close(BAD_MESSAGE)
        except Exception:
            log.exception("the feed of %s failed", self.group)
            await self.close(FAILED)

    @property
    def arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = self.scope["url_route"]["kwargs"]
        return found


class OfRunConsumer(FeedConsumer):
    """A page about one run."""

    async def find_project(self) -> str:
        return (await database.read(get_run_by_id, self.run_id)).ref.project

    def make_feed(self) -> tuple[str, Feed]:
        return hints.run_group(self.run_id), self.feed_of(self.run_id)

    @property
    def run_id(self) -> int:
        run_id = int(self.arguments["run_id"])
        if run_id > MAX_ID:
            raise NotFound(f"there is no run with the id {str(run_id)[:40]}")
        return run_id

    @abstractmethod
    def feed_of(self, run_id: int) -> Feed:
        """The feed of this page."""

    @property
    def query(self) -> dict[str, str]:
        """What stands behind the `?` of the socket's address, as behind that of the page."""
        return dict(parse_qsl(self.scope["query_string"].decode("latin-1")[:MAX_QUERY]))


class RunConsumer(OfRunConsumer):
    """The live tree of one run, and the log of the action whose log is shown."""

    route = "ws/run/<int:run_id>/"
    log_of = 0

    def feed_of(self, run_id: int) -> Feed:
        return RunFeed(run_id, self.forward)

    async def before_message(self, message: Message) -> None:
        if isinstance(message, Hello):
            message = message.log
        if isinstance(message, Log) and message.action != self.log_of:
            await self.leave_log()
            self.log_of = message.action
            if self.log_of:
                await self.channel_layer.group_add(hints.log_group(self.log_of), self.channel_name)

    async def disconnect(self, code: int) -> None:
        await self.leave_log()
        await super().disconnect(code)

    async def leave_log(self) -> None:
        if self.log_of:
            await self.channel_layer.group_discard(hints.log_group(self.log_of), self.channel_name)


class RunLogConsumer(OfRunConsumer):
    """The live log of one run."""

    route = "ws/run/<int:run_id>/log/"

    def make_feed(self) -> tuple[str, Feed]:
        return hints.run_log_group(self.run_id), self.feed_of(self.run_id)

    def feed_of(self, run_id: int) -> Feed:
        return RunLogFeed(run_id, self.forward)


class GraphConsumer(OfRunConsumer):
    """The live graph of one run."""

    route = "ws/run/<int:run_id>/graph/"

    def feed_of(self, run_id: int) -> Feed:
        return GraphFeed(run_id, self.forward)


class TableConsumer(OfRunConsumer):
    """The live table of the calls of a task."""

    route = "ws/run/<int:run_id>/table/"

    def feed_of(self, run_id: int) -> Feed:
        return TableFeed(run_id, self.query, self.forward)


class TaskConsumer(FeedConsumer):
    """The live page of a task."""

    route = "ws/tasks/<str:project>/<str:domain>/<str:task>/"

    async def find_project(self) -> str:
        return str(self.arguments["project"])

    def make_feed(self) -> tuple[str, Feed]:
        task = (self.arguments["project"], self.arguments["domain"], self.arguments["task"])
        query = parse_qs(self.scope["query_string"].decode("latin-1")[:MAX_QUERY])
        return hints.RUNS, TaskFeed(task, query.get("version", [""])[-1], self.forward)


class RunListConsumer(FeedConsumer):
    """The live list of runs."""

    route = "ws/runs/<str:project>/<str:domain>/"

    async def find_project(self) -> str:
        return str(self.arguments["project"])

    def make_feed(self) -> tuple[str, Feed]:
        feed = RunListFeed(self.arguments["project"], self.arguments["domain"], self.forward)
        return hints.RUNS, feed


class ExecutorListConsumer(FeedConsumer):
    """The live page of the executors, which serve runs of all projects."""

    route = "ws/executors/"

    def make_feed(self) -> tuple[str, Feed]:
        return hints.WORKERS, ExecutorListFeed(self.forward)


class WaitingConsumer(FeedConsumer):
    """The live page of what waits for an answer, in all runs that its reader may see."""

    route = "ws/waiting/"

    def make_feed(self) -> tuple[str, Feed]:
        return hints.WAITING, WaitingFeed(self.forward)
