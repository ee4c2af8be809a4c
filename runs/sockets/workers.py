"""The socket of a worker: authentication, frames in and out, hints to wake-ups. All decisions are in the engine."""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from runs.access import tokens
from runs.domain.errors import Unavailable
from runs.engine import leases
from runs.engine.executors import blocks, scheduling, starts
from runs.engine.images import table
from runs.protocol import frames, worker_frames
from runs.sockets.frame_socket import BadFrame, FrameConsumer, is_worker_token, read_executor_id
from runs.store import database, hints, presence

log = structlog.get_logger()


class WorkerConsumer(FrameConsumer):
    """A worker: it is asked to start executors, and reports when one has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.name = self.host = ""
        self.running: set[str] = set()
        self.stopped: set[str] = set()  # what it was asked to end
        self.is_leaving = False

    def admits(self, token: str) -> bool:
        return is_worker_token(token)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            frame = worker_frames.decode_from_worker(bytes_data or b"")
        except msgspec.MsgspecError as error:
            raise BadFrame(f"{error} (text: {bool(text_data)})") from error
        if isinstance(frame, worker_frames.WorkerHello) == self.greeted.is_set():
            raise BadFrame("a hello is the first frame, and the only one")
        if isinstance(frame, worker_frames.WorkerHello):
            self.greeted.set()
            await self._hello(frame)
        elif isinstance(frame, worker_frames.WorkerLeaving):
            self._leave()
        elif isinstance(frame, worker_frames.SlowPool):
            await database.write(scheduling.note_slow_start, frame.pool, frame.reason)
        elif isinstance(frame, worker_frames.Environments):
            stored = {one.digest: one.bytes for one in frame.stored}
            if removed := presence.note_environments(self.name, self.host, stored):
                await database.write(table.forget_environments, removed)
        elif isinstance(frame, worker_frames.Silence):
            await database.write(blocks.note_silence, read_executor_id(frame.executor), frame.state)
        else:
            await self._exited(frame)

    async def _exited(self, frame: worker_frames.Exited) -> None:
        executor_id = read_executor_id(frame.executor)
        self.running.discard(frame.executor)
        reason = frame.message or f"its process ended with code {frame.code}"
        was_stopped = frame.code in {frames.STOPPED, frames.LEFT}
        if frame.code == worker_frames.UNUSABLE:
            await database.write(starts.end_unusable, executor_id, reason)
        else:
            await database.write(
                leases.end_executor, executor_id, reason, was_stopped=was_stopped, culprit=frame.culprit
            )
        await self.write_frame(worker_frames.ExitKnown(frame.executor))
        self.wake.set()

    async def _hello(self, hello: worker_frames.WorkerHello) -> None:
        self.name, self.host, self.running = hello.name, hello.host, set(hello.running)
        presence.worker_joined(self.name)
        await self.join(hints.WORKERS)
        self.wake.set()
        self.start(self._meet_demand(), "meet demand")
        self.start(self._beat(), "heartbeats")

    def _leave(self) -> None:
        """It starts nothing more; it still reports the end of what it has started."""
        if not self.is_leaving:
            self.is_leaving = True
            presence.worker_left(self.name)

    async def _meet_demand(self) -> None:
        while True:
            await self.woken()
            running = frozenset(self.running)
            if lost := await database.read(scheduling.find_lost, self.name, running):
                await database.write(scheduling.end_lost, lost, running)
            await self._send_stops()
            if not self.is_leaving and (
                await database.read(scheduling.is_needed) or await database.read(scheduling.is_reserve_needed)
            ):
                await self._send_launches()

    async def _send_stops(self) -> None:
        for stop in await database.read(scheduling.find_stops, self.name):
            if stop.executor in self.running - self.stopped:
                self.stopped.add(stop.executor)
                await self.write_frame(stop)

    async def _send_launches(self) -> None:
        demand = await database.write(scheduling.claim_demand, self.name)
        for launch in demand.launches:
            launch.token = tokens.sign_executor(launch.executor)
            self.running.add(launch.executor)
            await self.write_frame(launch)

    async def _beat(self) -> None:
        """In the database, because the web process that keeps house may be another one."""
        while True:
            try:
                await database.write(scheduling.record_worker, self.name, self.channel_name)
            except Unavailable:
                log.warning("cannot write that a worker is connected", worker=self.name)
            await asyncio.sleep(scheduling.WORKER_HEARTBEAT_SECONDS)

    async def disconnect(self, code: int) -> None:
        if self.greeted.is_set():
            self._leave()
        await super().disconnect(code)
        if self.greeted.is_set():
            await database.write(scheduling.forget_worker, self.name, self.channel_name)
