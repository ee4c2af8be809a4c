"""The supervisor of `flyteui up`: it notices a process that lives and answers nobody."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from runs.management.supervisor import Role, is_ok, kill_when_frozen
from runs.protocol.constants import HEARTBEAT_FD

SECONDS = 20
BEATS = f"""
import os, time
while True:
    os.write(int(os.environ["{HEARTBEAT_FD}"]), b".")
    time.sleep(0.02)
"""
# A loop that turns for a moment and then no more.
FREEZES = BEATS.replace("time.sleep(0.02)", "time.sleep(1000)")


def role(code: str, *, has_heartbeat: bool = True) -> Role:
    return Role("web", [sys.executable, "-c", code], has_heartbeat=has_heartbeat)


async def test_a_frozen_process_is_killed(capsys: pytest.CaptureFixture[str]):
    frozen = role(FREEZES)
    process = await frozen.start()

    async with asyncio.timeout(SECONDS):
        await kill_when_frozen(frozen, silent_seconds=0.3, start_seconds=SECONDS, check_seconds=0.01)
        code = await process.wait()

    assert code == -signal.SIGKILL
    assert "web has not answered for 0.3 s" in capsys.readouterr().err


async def test_a_process_that_never_begins_is_killed():
    silent = role("import time; time.sleep(1000)")
    process = await silent.start()

    async with asyncio.timeout(SECONDS):
        await kill_when_frozen(silent, silent_seconds=SECONDS, start_seconds=0.2, check_seconds=0.01)
        assert await process.wait() == -signal.SIGKILL


async def test_a_process_that_answers_lives_and_one_that_was_stopped_does_not():
    living = role(BEATS)
    process = await living.start()
    watch = asyncio.create_task(
        kill_when_frozen(living, silent_seconds=1, start_seconds=SECONDS, check_seconds=0.01)
    )

    done, _ = await asyncio.wait([watch], timeout=2)
    assert done == set()
    process.send_signal(signal.SIGSTOP)
    async with asyncio.timeout(SECONDS):
        await watch
        assert await process.wait() == -signal.SIGKILL


async def test_after_a_sleep_of_the_machine_the_count_starts_again(monkeypatch: pytest.MonkeyPatch):
    """Both have slept: nobody was there to beat, and nobody to hear it."""
    quiet = role("")
    now, killed = [0.0], list[float]()
    monkeypatch.setattr(quiet, "has_beaten", lambda: False)
    monkeypatch.setattr(quiet, "kill", lambda: killed.append(now[0]))

    def clock() -> float:
        """A second each time; once the machine sleeps for an hour."""
        now[0] += 3600 if now[0] == 10 else 1
        return now[0]

    await kill_when_frozen(quiet, silent_seconds=60, start_seconds=60, check_seconds=0, clock=clock)

    assert 3670 <= killed[0] < 3680


async def test_a_process_without_heartbeats_is_left_alone():
    plain = role("import time; time.sleep(1000)", has_heartbeat=False)
    process = await plain.start()

    await kill_when_frozen(plain, silent_seconds=0, start_seconds=0, check_seconds=0)

    assert process.returncode is None
    plain.kill()
    await process.wait()


@pytest.mark.parametrize(
    ("answer", "is_ready"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n", True),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
        (b"HTTP/1.1 404 200\r\n\r\n", False),
        (b"", False),
    ],
)
async def test_a_server_is_ready_when_it_answers_with_200(answer: bytes, is_ready: bool):
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(SECONDS):
        assert await is_ok(f"http://127.0.0.1:{port}/readyz") == is_ready
    server.close()

    assert asked == [f"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()]
    assert not await is_ok(f"http://127.0.0.1:{port}/readyz"), "nobody listens there now"
