"""A demonstration that runs live: an executor's real link to a running server, with scripts instead of user code."""

from __future__ import annotations

import asyncio
import os
import socket
import threading

from runs.access import tokens
from runs.demo import files
from runs.demo.scripts import REASON
from runs.demo.setup import DemoRun
from runs.executor.link.client import Link
from runs.protocol import frames
from runs.store import local_server

TICK_SECONDS = 0.05
FLUSH_SECONDS = 10.0


class LiveRun:
    """The link's `Receiver`: everything but `run` happens on the link's thread."""

    def __init__(self, demo_run: DemoRun, *, token: str) -> None:
        self._demo_run = demo_run
        url = f"{local_server.SOCKETS}/ws/executor/"
        self._link = Link(url, token, self, tls_cert=local_server.certificate())
        self._over = threading.Event()
        self._problem = ""
        self._leaving: asyncio.Task[None] | None = None

    def run(self) -> str:
        """ScriptedExecutor until the run is over; returns what went wrong, or an empty text."""
        self._link.start()
        self._link.call_soon(self._tick)
        self._over.wait()
        return self._problem

    def _tick(self) -> None:
        self._send_events()
        if self._demo_run.executor.is_over:
            self._leaving = asyncio.get_running_loop().create_task(self._leave(), name="leave")
        else:
            self._link.call_later(TICK_SECONDS, self._tick)

    async def _leave(self) -> None:
        await self._link.flushed(FLUSH_SECONDS)
        await self._link.close()
        self._over.set()

    def _send_events(self) -> None:
        executor = self._demo_run.executor
        events = executor.advance(frames.now_us())
        files.write(executor.take_files())
        for event in events:
            self._link.outbox.put(event, self._answered)
        for name in executor.take_aborts():
            threading.Thread(target=self._abort, args=[name], daemon=True).start()

    def _abort(self, name: str) -> None:
        """As anybody would: through the API."""
        ref = self._demo_run.ref
        run = {"project": ref.project, "domain": ref.domain, "name": ref.name}
        body = {"actionId": {"run": run, "name": name}, "reason": REASON}
        headers = {"Authorization": f"Bearer {tokens.sign_run(self._demo_run.run_id)}"}
        with local_server.client(10) as client:
            client.post("/flyteidl2.workflow.RunService/AbortAction", json=body, headers=headers)

    def _answered(self, result: frames.EnqueueResult | None) -> None:
        if result is not None and result.lease is not None:
            self._demo_run.executor.take_leases([result.lease], frames.now_us())

    # The link's `Receiver`.

    def hello(self, epoch: int) -> frames.Hello:
        demo_run = self._demo_run
        return frames.Hello(
            str(demo_run.executor_id), demo_run.pool, epoch, socket.gethostname(), os.getpid(),
            demo_run.capacity, demo_run.executor.held(),
        )  # fmt: skip

    def welcomed(self, welcome: frames.Welcome) -> None:
        self._demo_run.executor.forget(welcome.kill)

    def received(self, message: frames.ToExecutor) -> None:
        executor, now = self._demo_run.executor, frames.now_us()
        match message:
            case frames.Leases():
                executor.take_leases(message.leases, now)
            case frames.Cancels():
                executor.take_cancels(message.cancels, now)
            case frames.Children():
                executor.take_children(message.updates, now)
        self._send_events()

    def committed(self) -> None:
        self._send_events()

    def refused(self, reason: str, exit_code: int) -> None:
        self._problem = f"the server refused the demonstration's executor: {reason}"
        self._over.set()
