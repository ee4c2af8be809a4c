"""Runs the server's processes in the foreground: starts them, restarts what dies, stops them in order."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
import time
import urllib.parse
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from runs.protocol.constants import HEARTBEAT_FD

STOP_SECONDS = 3.3  # for the worker and its executors; the web process then has the rest of the 5 s
STEADY_SECONDS = 10.0  # a process that lived this long starts again without delay
CHECK_SECONDS = 1.0
SILENT_SECONDS = 30.0  # without a heartbeat, after which a process is taken for frozen
START_SECONDS = 120.0  # until the first one
ASK_SECONDS = 2.0
READY_POLL_SECONDS = 0.05
SLEPT_SECONDS = 5.0  # by which a check may be late; beyond that, this process or the machine has slept


@dataclass
class Role:
    """A process that is to run. Each has a session of its own, so that the terminal's Ctrl-C reaches the supervisor only."""

    name: str
    command: Sequence[str]
    has_heartbeat: bool = False
    process: asyncio.subprocess.Process | None = field(default=None, init=False)
    _heartbeats: int | None = field(default=None, init=False)

    async def start(self) -> asyncio.subprocess.Process:
        env = {"DJANGO_SETTINGS_MODULE": "flyteui.settings", **os.environ}
        fds = []
        if self.has_heartbeat:
            fds.append(self._open_heartbeats())
            env[HEARTBEAT_FD] = str(fds[0])
        try:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, stdin=asyncio.subprocess.DEVNULL, start_new_session=True, env=env, pass_fds=fds
            )
        finally:
            for fd in fds:
                os.close(fd)
        return self.process

    def _open_heartbeats(self) -> int:
        """A new pipe; returns its writing end."""
        if self._heartbeats is not None:
            os.close(self._heartbeats)
        self._heartbeats, writing = os.pipe()
        os.set_blocking(self._heartbeats, False)
        return writing

    def has_beaten(self) -> bool:
        """Whether a heartbeat has come since the last call."""
        assert self._heartbeats is not None
        try:
            return bool(os.read(self._heartbeats, 65_536))
        except BlockingIOError:
            return False

    async def stop(self, seconds: float) -> None:
        """SIGTERM, and SIGKILL to its whole session when that is not enough."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(seconds):
                await self.process.wait()
        except TimeoutError:
            report(f"{self.name} did not stop within {seconds:g} s; killing it")
            self.kill()
            await self.process.wait()

    def kill(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


def report(text: str) -> None:
    sys.stderr.write(f"flyteui: {text}\n")


async def supervise(
    roles: Sequence[Role],
    *,
    ready_url: str,
    on_ready: Callable[[], None],
    verify: ssl.SSLContext | None = None,
) -> int:
    """Run the roles until SIGINT or SIGTERM; returns the exit code. Roles are stopped last to first.

    ready_url: answers with 200 once on_ready may be called; verify: how its certificate is checked, if it is https.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    keepers = [asyncio.create_task(_keep(role, stop), name=f"keep {role.name}") for role in roles]
    announcer = asyncio.create_task(_announce_ready(ready_url, on_ready, verify), name="announce ready")
    await stop.wait()
    announcer.cancel()
    for role in reversed(roles):
        await role.stop(STOP_SECONDS if role is not roles[0] else 1.2)
    await asyncio.gather(*keepers, announcer, return_exceptions=True)
    return 0


async def _keep(role: Role, stop: asyncio.Event) -> None:
    """Start the role again whenever it dies, more slowly when it dies at once."""
    delay = 0.2
    while not stop.is_set():
        started = time.monotonic()
        process = await role.start()
        watch = asyncio.create_task(kill_when_frozen(role), name=f"watch {role.name}")
        code = await process.wait()
        watch.cancel()
        if stop.is_set():
            return
        delay = 0.2 if time.monotonic() - started > STEADY_SECONDS else min(delay * 2, 5.0)
        report(f"{role.name} ended with code {code}; starting it again in {delay:g} s")
        with suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await stop.wait()


async def kill_when_frozen(
    role: Role,
    *,
    silent_seconds: float = SILENT_SECONDS,
    start_seconds: float = START_SECONDS,
    check_seconds: float = CHECK_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Kill a process whose event loop gives no sign of life: it answers nobody, and does not end by itself."""
    if not role.has_heartbeat:
        return
    now = heard = clock()
    patience = start_seconds
    while now - heard <= patience:
        await asyncio.sleep(check_seconds)
        before, now = now, clock()
        if role.has_beaten():
            heard, patience = now, silent_seconds
        elif now - before > check_seconds + SLEPT_SECONDS:
            heard = now
    report(f"{role.name} has not answered for {patience:g} s; killing it")
    role.kill()


async def _announce_ready(url: str, on_ready: Callable[[], None], verify: ssl.SSLContext | None) -> None:
    while True:
        if await is_ok(url, verify):
            break
        await asyncio.sleep(READY_POLL_SECONDS)
    await asyncio.to_thread(on_ready)


async def is_ok(url: str, verify: ssl.SSLContext | None = None) -> bool:
    """Whether a GET of the URL is answered with 200, within ASK_SECONDS.

    Not by httpx, which takes as long to load as a third of Django, and of whose answer one number would be used.
    """
    parts = urllib.parse.urlsplit(url)
    secure = (verify or ssl.create_default_context()) if parts.scheme == "https" else None
    request = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
    with suppress(OSError):  # a timeout, too
        async with asyncio.timeout(ASK_SECONDS):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=secure)
            try:
                writer.write(request.encode())
                _, _, rest = (await reader.readline()).partition(b" ")
            finally:
                writer.close()
        return rest.startswith(b"200")
    return False
