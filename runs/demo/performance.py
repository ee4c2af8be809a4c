"""Performs a demonstration live: an executor's real link to a running server, with a play behind it instead of user code."""

from __future__ import annotations

import asyncio
import os
import socket
import threading

import httpx

from runs.demo import files
from runs.demo.scripts import REASON
from runs.demo.stage import Stage
from runs.executor import frames
from runs.executor.link import Link

TICK_SECONDS = 0.05
LAST_WORDS_SECONDS = 10.0


class Performance:
    """The link's `Receiver`: everything but `run` happens on the link's thread."""

    def __init__(self, stage: Stage, *, socket_url: str, api_url: str, token: str) -> None:
        self._stage = stage
        self._token = token
        self._api = api_url
        self._link = Link(socket_url, self)
        self._over = threading.Event()
        self._problem = ""
        self._leaving: asyncio.Task[None] | None = None

    def run(self) -> str:
        """Play until the run is over; returns what went wrong, or an empty text."""
        self._link.start()
        self._link.call_soon(self._tick)
        self._over.wait()
        return self._problem

    def _tick(self) -> None:
        self._say()
        if self._stage.play.is_over:
            self._leaving = asyncio.get_running_loop().create_task(self._leave(), name="leave")
        else:
            self._link.call_later(TICK_SECONDS, self._tick)

    async def _leave(self) -> None:
        await self._link.flushed(LAST_WORDS_SECONDS)
        await self._link.close()
        self._over.set()

    def _say(self) -> None:
        play = self._stage.play
        events = play.advance(frames.now_us())
        files.write(play.take_files())
        for event in events:
            self._link.outbox.put(event, self._answered)
        for name in play.take_aborts():
            threading.Thread(target=self._abort, args=[name], daemon=True).start()

    def _abort(self, name: str) -> None:
        """As anybody would: through the API."""
        ref = self._stage.ref
        run = {"project": ref.project, "domain": ref.domain, "name": ref.name}
        body = {"actionId": {"run": run, "name": name}, "reason": REASON}
        httpx.post(f"{self._api}/flyteidl2.workflow.RunService/AbortAction", json=body, timeout=10)

    def _answered(self, result: frames.EnqueueResult | None) -> None:
        if result is not None and result.lease is not None:
            self._stage.play.take_leases([result.lease], frames.now_us())

    # The link's `Receiver`.

    def hello(self, epoch: int) -> frames.Hello:
        stage = self._stage
        return frames.Hello(
            self._token, str(stage.executor_id), stage.pool, epoch, socket.gethostname(), os.getpid(),
            stage.capacity, stage.play.held(),
        )  # fmt: skip

    def welcomed(self, welcome: frames.Welcome) -> None:
        self._stage.play.forget(welcome.kill)

    def received(self, message: frames.ToExecutor) -> None:
        play, now = self._stage.play, frames.now_us()
        match message:
            case frames.Leases():
                play.take_leases(message.leases, now)
            case frames.Cancels():
                play.take_cancels(message.cancels, now)
            case frames.Children():
                play.take_children(message.updates, now)
        self._say()

    def committed(self) -> None:
        self._say()

    def refused(self, code: int, reason: str) -> None:
        self._problem = f"the server refused the demonstration's executor: {code} {reason}"
        self._over.set()
