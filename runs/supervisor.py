"""Runs the server's processes in the foreground: starts them, restarts what dies, stops them in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

STOP_SECONDS = 3.3  # for the worker and its executors; the web process then has the rest of the 5 s
STEADY_SECONDS = 10.0  # a process that lived this long starts again without delay


@dataclass
class Role:
    """A process that is to run. Each has a session of its own, so that the terminal's Ctrl-C reaches the supervisor only."""

    name: str
    command: Sequence[str]
    process: asyncio.subprocess.Process | None = field(default=None, init=False)

    async def start(self) -> asyncio.subprocess.Process:
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            env={"DJANGO_SETTINGS_MODULE": "flyteui.settings", **os.environ},
        )
        return self.process

    async def stop(self, seconds: float) -> None:
        """SIGTERM, and SIGKILL to its whole session when that is not enough."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(seconds):
                await self.process.wait()
        except TimeoutError:
            say(f"{self.name} did not stop within {seconds:g} s; killing it")
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()


def say(text: str) -> None:
    sys.stderr.write(f"flyteui: {text}\n")


async def supervise(roles: Sequence[Role], *, ready_url: str, on_ready: Callable[[], None]) -> int:
    """Run the roles until SIGINT or SIGTERM; returns the exit code. Roles are stopped last to first."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    keepers = [asyncio.create_task(_keep(role, stop), name=f"keep {role.name}") for role in roles]
    teller = asyncio.create_task(_tell_when_ready(ready_url, on_ready), name="tell when ready")
    await stop.wait()
    teller.cancel()
    for role in reversed(roles):
        await role.stop(STOP_SECONDS if role is not roles[0] else 1.2)
    await asyncio.gather(*keepers, teller, return_exceptions=True)
    return 0


async def _keep(role: Role, stop: asyncio.Event) -> None:
    """Start the role again whenever it dies, more slowly when it dies at once."""
    delay = 0.2
    while not stop.is_set():
        started = time.monotonic()
        process = await role.start()
        code = await process.wait()
        if stop.is_set():
            return
        delay = 0.2 if time.monotonic() - started > STEADY_SECONDS else min(delay * 2, 5.0)
        say(f"{role.name} ended with code {code}; starting it again in {delay:g} s")
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await stop.wait()


async def _tell_when_ready(url: str, on_ready: Callable[[], None]) -> None:
    async with httpx.AsyncClient(timeout=2) as client:
        while True:
            with suppress(httpx.HTTPError):
                if (await client.get(url)).status_code == httpx.codes.OK:
                    break
            await asyncio.sleep(0.05)
    await asyncio.to_thread(on_ready)
