"""The socket of an executor: authentication, frames in and out, hints to wake-ups. All decisions are in the engine."""

from __future__ import annotations

import asyncio
from uuid import UUID

import msgspec
import structlog
from django.conf import settings

from runs.access import gate, tokens
from runs.domain.errors import LeaseLost
from runs.engine import batches, leases, news
from runs.protocol import frames
from runs.protocol.bounds import MAX_FRAME_BYTES, split
from runs.protocol.constants import SUPERSEDED
from runs.sockets.frame_socket import BadFrame, FrameConsumer, is_worker_token, read_executor_id
from runs.store import database, hints, metrics

MANY_RUNS = 50  # from here on, runs that have ended are forgotten
LEASE_CHUNK = 500  # how many queued actions are leased in one transaction

log = structlog.get_logger()


class ExecutorConsumer(FrameConsumer):
    """An executor: its batches are applied one after another; its feed sends what changed elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.executor_id: UUID | None = None
        self.verified_id: UUID | None = None  # whose token this is; None: one that stands for any
        self.epoch = 0
        self.batches: asyncio.Queue[frames.Batch] = asyncio.Queue()
        self.seen: dict[int, int] = {}  # run id -> seq up to which changes were sent
        self.introduced: set[int] = set()  # runs whose RunInfo was sent
        self.is_draining = False  # it was told so

    def admits(self, token: str) -> bool:
        """A token of an executor; where nobody signs in, that of workers, too."""
        self.verified_id = tokens.read_executor(token)
        return self.verified_id is not None or (gate.is_open() and is_worker_token(token))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            frame = frames.decode_from_executor(bytes_data or b"")
        except msgspec.MsgspecError as error:
            raise BadFrame(f"{error} (text: {bool(text_data)})") from error
        if isinstance(frame, frames.Hello) != (self.executor_id is None):
            raise BadFrame("a hello is the first frame, and the only one")
        if isinstance(frame, frames.Hello):
            self.greeted.set()
            if self.verified_id not in {None, read_executor_id(frame.executor)}:
                raise BadFrame(f"the token is of executor {self.verified_id}, not of {frame.executor}")
            await self._hello(frame)
        else:
            self.batches.put_nowait(frame)

    async def _hello(self, hello: frames.Hello) -> None:
        try:
            connected = await database.write(leases.connect_executor, hello)
        except LeaseLost as error:
            log.warning("executor refused", executor=hello.executor, reason=error.message)
            await self.close(code=SUPERSEDED)
            return
        metrics.connected(connected.away_seconds)
        self.executor_id, self.epoch = connected.executor_id, connected.epoch
        await self.join(hints.pool_group(connected.pool_id))
        await self.join(hints.executor_group(connected.executor_id))
        # From seq 0: all that concerns what it holds is sent again, because a frame may have been lost with the link.
        await self._follow(dict.fromkeys(connected.run_ids, 0))
        await self.write_frame(
            frames.Welcome(
                epoch=connected.epoch, acked=connected.acked, kill=connected.kill,
                grace_seconds=connected.grace_seconds, idle_seconds=settings.EXECUTOR_IDLE_SECONDS,
                lease_seconds=settings.EXECUTOR_LEASE_SECONDS, max_frame_bytes=MAX_FRAME_BYTES,
            )
        )  # fmt: skip
        if connected.missing:
            await self._send_leases(connected.missing)
        self.wake.set()
        self.start(self._apply_batches(connected.executor_id), "apply batches")
        self.start(self._feed(connected.executor_id), "feed")

    async def _follow(self, seqs: dict[int, int]) -> None:
        """Send what changes in these runs from these seqs on."""
        for run_id, seq in seqs.items():
            if run_id not in self.seen:
                self.seen[run_id] = seq
                await self.join(hints.run_group(run_id))

    async def _send_leases(self, given: list[frames.Lease]) -> None:
        new = {lease.key.run for lease in given} - self.introduced
        infos = await database.read(news.get_run_infos, new) if new else []
        if not gate.is_open():
            infos = [msgspec.structs.replace(info, credential=tokens.sign_run(info.run)) for info in infos]
        self.introduced |= new
        await self._follow(dict.fromkeys(new, 0))
        for some in split(given):
            await self.write_frame(frames.Leases(infos, some))
            infos = []

    async def _apply_batches(self, executor_id: UUID) -> None:
        while True:
            batch = await self.batches.get()
            with metrics.BATCH_SECONDS.time():
                applied = await database.write(batches.apply_batch, executor_id, self.epoch, batch)
            metrics.BATCH_EVENTS.observe(len(batch.events))
            # What the batch changed in its runs comes to the feed as a hint, like anybody else's changes.
            await self.write_frame(frames.Ack(batch.seq, applied.results))

    async def _feed(self, executor_id: UUID) -> None:
        while True:
            await self.woken()
            changes, offer = await database.read(news.get_news, executor_id, dict(self.seen))
            if changes.cancels:
                await self.write_frame(frames.Cancels(changes.cancels))
            for some in split(changes.children):
                await self.write_frame(frames.Children(some))
            self.seen.update(changes.seqs)
            await self._lease_what_waits(executor_id, offer)
            if len(self.seen) > MANY_RUNS:
                await self._forget_ended_runs(executor_id)

    async def _forget_ended_runs(self, executor_id: UUID) -> None:
        """Leave the groups of runs in which this executor holds nothing any more; a new lease begins from seq 0 again."""
        held = set(await database.read(news.list_runs_held, executor_id))
        for run_id in set(self.seen) - held:
            del self.seen[run_id]
            group = hints.run_group(run_id)
            self.groups_joined.discard(group)
            await self.channel_layer.group_discard(group, self.channel_name)

    async def _lease_what_waits(self, executor_id: UUID, offer: leases.Offer) -> None:
        if offer.is_draining and not self.is_draining:
            self.is_draining = True  # it may have left by the next time
            await self.write_frame(frames.Drain("it is to leave once it holds nothing"))
        if offer.count and (
            given := await database.write(
                leases.lease_queued, executor_id, self.epoch, min(offer.count, LEASE_CHUNK)
            )
        ):
            await self._send_leases(given)
            self.wake.set()

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
        if self.executor_id is not None:
            await database.write(leases.disconnect_executor, self.executor_id, self.epoch)
