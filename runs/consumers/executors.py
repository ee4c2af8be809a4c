"""Sockets of executors and workers: authentication, frames in and out, hints to wake-ups. All decisions are elsewhere."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import msgspec
import structlog
from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils import timezone

from runs import (
    batches,
    cache,
    database,
    dispatch,
    events,
    leases,
    liveness,
    metrics,
    presence,
    refusals,
    timeouts,
)
from runs.errors import LeaseLost, Unavailable
from runs.executor import frames
from runs.queries import link

# Daphne refuses to send any other code than 1000 and 3000 to 4999, and then the socket stays open.
BAD_TOKEN, SUPERSEDED, BAD_FRAME, FAILED = 4401, 4410, 4400, 4500
TRY_AGAIN = 4503  # the database cannot answer now; the peer keeps what it has to say, and comes again
POLL_SECONDS = 2.0  # behind every hint
TICK_SECONDS = 0.25  # how late a timeout or a retry may be
MANY_RUNS = 50  # from here on, runs that have ended are forgotten
LEASE_CHUNK = 500  # how many queued actions are leased in one transaction

log = structlog.get_logger()


def is_token_right(token: str) -> bool:
    return hmac.compare_digest(token.encode(), settings.EXECUTOR_TOKEN.encode())


class FrameConsumer(AsyncWebsocketConsumer):
    """A socket of msgpack frames. Named tasks do the work; when one fails the socket closes, and the peer comes again."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[asyncio.Task[None]] = []
        self.wake = asyncio.Event()
        self.groups_joined: set[str] = set()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As Channels does, without its visit to another thread to close database connections: sockets have none."""
        try:
            await getattr(self, get_handler_name(message))(message)
        except Unavailable as error:
            log.warning("socket given up", error=error.message)
            await self._close_quietly(TRY_AGAIN)

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._done)
        self.tasks.append(task)

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            is_foreseen = isinstance(error, LeaseLost | Unavailable)
            log.log(
                logging.WARNING if is_foreseen else logging.ERROR,
                "socket task failed", task=task.get_name(), exc_info=None if is_foreseen else error, error=str(error),
            )  # fmt: skip
            code = SUPERSEDED if isinstance(error, LeaseLost) else TRY_AGAIN if is_foreseen else FAILED
            self.tasks.append(asyncio.create_task(self._close_quietly(code)))

    async def _close_quietly(self, code: int) -> None:
        await self.close(code=code)

    async def join(self, group: str) -> None:
        if group not in self.groups_joined:
            self.groups_joined.add(group)
            await self.channel_layer.group_add(group, self.channel_name)

    async def hint(self, message: dict[str, Any]) -> None:
        """A hint came: look, in the feed task."""
        del message
        self.wake.set()

    async def woken(self, wake: asyncio.Event | None = None) -> None:
        """Wait for a hint, or for the poll that stands behind it."""
        wake = wake or self.wake
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await wake.wait()
        except TimeoutError:
            pass
        wake.clear()

    async def write_frame(self, frame: frames.ToExecutor | frames.ToWorker) -> None:
        await self.send(bytes_data=frames.encode(frame))

    async def disconnect(self, code: int) -> None:
        del code
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for group in self.groups_joined:
            await self.channel_layer.group_discard(group, self.channel_name)


class ExecutorConsumer(FrameConsumer):
    """An executor: its batches are applied one after another; its feed sends what changed elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.executor_id: UUID | None = None
        self.epoch = 0
        self.batches: asyncio.Queue[frames.Batch] = asyncio.Queue()
        self.seen: dict[int, int] = {}  # run id -> seq up to which this connection has been told
        self.told: set[int] = set()  # runs whose RunInfo this connection has

    async def connect(self) -> None:
        await self.accept()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            frame = frames.decode_from_executor(bytes_data or b"")
        except msgspec.MsgspecError as error:
            log.warning("bad frame from an executor", error=str(error), text=bool(text_data))
            await self.close(code=BAD_FRAME)
            return
        is_first = self.executor_id is None
        if isinstance(frame, frames.Hello) != is_first:
            await self.close(code=BAD_FRAME)
        elif isinstance(frame, frames.Hello):
            await self._hello(frame)
        else:
            self.batches.put_nowait(frame)

    async def _hello(self, hello: frames.Hello) -> None:
        if not is_token_right(hello.token):
            await self.close(code=BAD_TOKEN)
            return
        try:
            connected = await database.write(leases.connect_executor, hello)
        except LeaseLost as error:
            log.warning("executor refused", executor=hello.executor, reason=error.message)
            await self.close(code=SUPERSEDED)
            return
        metrics.connected(connected.away_seconds)
        self.executor_id, self.epoch = connected.executor_id, connected.epoch
        await self.join(events.pool_group(connected.pool_id))
        await self.join(events.executor_group(connected.executor_id))
        # From seq 0: what this executor holds is told again in full, because a frame may have been lost with the link.
        await self._follow(dict.fromkeys(connected.run_ids, 0))
        await self.write_frame(
            frames.Welcome(
                epoch=connected.epoch, acked=connected.acked, kill=connected.kill,
                grace_seconds=connected.grace_seconds, idle_seconds=settings.EXECUTOR_IDLE_SECONDS,
                lease_seconds=settings.EXECUTOR_LEASE_SECONDS,
            )
        )  # fmt: skip
        if connected.missing:
            await self._tell_leases(connected.missing)
        self.wake.set()
        self.start(self._apply_batches(connected.executor_id), "apply batches")
        self.start(self._feed(connected.executor_id), "feed")
        self.start(self._stay(connected.executor_id), "stay")

    async def _follow(self, seqs: dict[int, int]) -> None:
        """Listen to these runs from these seqs on, and tell the executor what their actions share."""
        for run_id, seq in seqs.items():
            if run_id not in self.seen:
                self.seen[run_id] = seq
                await self.join(events.run_group(run_id))

    async def _tell_leases(self, given: list[frames.Lease]) -> None:
        new = {lease.key.run for lease in given} - self.told
        infos = await database.read(link.get_run_infos, new) if new else []
        self.told |= new
        await self._follow(dict.fromkeys(new, 0))
        await self.write_frame(frames.Leases(infos, given))

    async def _apply_batches(self, executor_id: UUID) -> None:
        while True:
            batch = await self.batches.get()
            with metrics.BATCH_SECONDS.time():
                applied = await database.write(batches.apply_batch, executor_id, self.epoch, batch)
            metrics.BATCH_EVENTS.observe(len(batch.events))
            # What the batch changed in its runs comes to the feed as a hint, like anybody else's changes.
            await self.write_frame(frames.Ack(batch.seq, applied.results))

    async def _stay(self, executor_id: UUID) -> None:
        while True:
            await asyncio.sleep(liveness.HEAR_SECONDS)
            try:
                await database.write(liveness.hear, executor_id, self.epoch)
            except Unavailable:
                log.warning("cannot write that an executor is connected", executor=str(executor_id))

    async def _feed(self, executor_id: UUID) -> None:
        while True:
            await self.woken()
            changes, offer = await database.read(link.get_news, executor_id, dict(self.seen))
            if changes.cancels:
                await self.write_frame(frames.Cancels(changes.cancels))
            if changes.children:
                await self.write_frame(frames.Children(changes.children))
            self.seen.update(changes.seqs)
            await self._lease_what_waits(executor_id, offer)
            if len(self.seen) > MANY_RUNS:
                await self._forget_ended_runs(executor_id)

    async def _forget_ended_runs(self, executor_id: UUID) -> None:
        """Stop listening to runs in which this executor holds nothing any more; a new lease begins from seq 0 again."""
        held = set(await database.read(link.list_runs_held, executor_id))
        for run_id in set(self.seen) - held:
            del self.seen[run_id]
            group = events.run_group(run_id)
            self.groups_joined.discard(group)
            await self.channel_layer.group_discard(group, self.channel_name)

    async def _lease_what_waits(self, executor_id: UUID, offer: leases.Offer) -> None:
        if offer.is_draining:
            await self.write_frame(frames.Drain("it is to leave once it holds nothing"))
        if offer.count and (
            given := await database.write(
                leases.lease_queued, executor_id, self.epoch, min(offer.count, LEASE_CHUNK)
            )
        ):
            await self._tell_leases(given)
            self.wake.set()

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
        if self.executor_id is not None:
            try:
                await database.write(leases.disconnect_executor, self.executor_id, self.epoch)
            except Unavailable:
                # Nobody says any more that it is connected: `liveness` will find that out.
                log.warning("cannot write that an executor has left", executor=str(self.executor_id))


class WorkerConsumer(FrameConsumer):
    """A worker: it is asked to start executors, and says when one has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.name = ""
        self.running: set[str] = set()
        self.stopped: set[str] = set()  # what it was told to end
        self.is_leaving = False
        self.cache_wake = asyncio.Event()

    async def connect(self) -> None:
        await self.accept()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            frame = frames.decode_from_worker(bytes_data or b"")
        except msgspec.MsgspecError as error:
            log.warning("bad frame from a worker", error=str(error), text=bool(text_data))
            await self.close(code=BAD_FRAME)
            return
        if isinstance(frame, frames.WorkerHello):
            await self._hello(frame)
        elif self.name and isinstance(frame, frames.WorkerLeaving):
            self._leave()
        elif self.name:
            self.running.discard(frame.executor)
            reason = frame.message or f"its process ended with code {frame.code}"
            was_stopped = frame.code == frames.STOPPED
            await database.write(leases.end_executor, UUID(frame.executor), reason, was_stopped=was_stopped)
            await self.write_frame(frames.ExitKnown(frame.executor))
            self.wake.set()
        else:
            await self.close(code=BAD_FRAME)

    async def _hello(self, hello: frames.WorkerHello) -> None:
        if not is_token_right(hello.token):
            await self.close(code=BAD_TOKEN)
            return
        self.name, self.running = hello.name, set(hello.running)
        presence.worker_joined(self.name)
        await self.join(events.WORKERS)
        self.wake.set()
        self.start(self._meet_demand(), "meet demand")
        self.start(self._keep_time(), "keep time")
        self.start(self._keep_cache(), "keep cache")

    def _leave(self) -> None:
        """It starts nothing more; the end of what it has started it still tells."""
        if not self.is_leaving:
            self.is_leaving = True
            presence.worker_left(self.name)

    async def hint(self, message: dict[str, Any]) -> None:
        await super().hint(message)
        self.cache_wake.set()

    async def _meet_demand(self) -> None:
        while True:
            await self.woken()
            if await database.read(liveness.is_anyone_silent):
                await database.write(liveness.lose_silent)
            if lost := await database.read(dispatch.find_lost, self.name, frozenset(self.running)):
                await database.write(dispatch.give_up, lost, frozenset(self.running))
            await self._stop_what_refuses()
            if self.is_leaving or not await database.read(dispatch.is_needed):
                continue
            demand = await database.write(dispatch.claim_demand, self.name)
            for launch in demand.launches:
                self.running.add(launch.executor)
                await self.write_frame(launch)

    async def _stop_what_refuses(self) -> None:
        if overdue := await database.read(refusals.find_overdue, timezone.now()):
            await database.write(refusals.stop_overdue, overdue)
        for stop in await database.read(dispatch.find_stops, self.name):
            if stop.executor in self.running - self.stopped:
                self.stopped.add(stop.executor)
                await self.write_frame(stop)

    async def _keep_cache(self) -> None:
        """Actions that wait for the cache, and outputs to be kept. The storage is read in between, and may be slow."""
        while True:
            await self.woken(self.cache_wake)
            if work := await database.read(cache.find_work):
                work = await asyncio.to_thread(cache.check_files, work)
                if await database.write(cache.settle, work):
                    self.cache_wake.set()

    async def _keep_time(self) -> None:
        """Nobody hints that time has passed. Looking is one statement; only what is due costs a write."""
        since = timezone.now()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = timezone.now()
            if await database.read(timeouts.is_anything_due, since, now):
                await database.write(timeouts.expire, now, since=since)
            since = now

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
        if self.name:
            self._leave()
