"""The supervisor of `flyteui up`: it notices a process that lives and answers nobody."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from runs.management.supervisor import Role, kill_when_frozen
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
