"""What runs by the clock: without any worker, in one web process at a time, whatever the database does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.utils import timezone
from oauth2_provider.models import DeviceGrant

from runs.domain.limits import DEADLINE
from runs.domain.phases import Phase
from runs.engine import housekeeping, limits
from runs.live.housekeeping import Housekeeper
from runs.models import Action, Executor, Lock
from runs.store import hints
from tests.support.scene import Scene
from tests.support.server.server import wait_until
from tests.support.threads import in_thread

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def scene() -> Scene:
    return await sync_to_async(Scene)()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.live.housekeeping.TICK_SECONDS", 0.02)
    monkeypatch.setattr("runs.live.housekeeping.PAUSE_SECONDS", 0.02)
    monkeypatch.setattr("runs.engine.housekeeping.RENEW_SECONDS", 0.05)
    monkeypatch.setattr("runs.store.watch.POLL_SECONDS", 600.0)


@asynccontextmanager
async def working(*housekeepers: Housekeeper) -> AsyncIterator[None]:
    """As web processes run them."""
    tasks = [asyncio.create_task(one.run()) for one in housekeepers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], Any], what: str) -> None:
    await in_thread(wait_until, condition, what, 10)


def pass_deadline(scene: Scene) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Action.objects.filter(run=scene.run).update(due_at=past, deadline_at=past)


async def test_a_deadline_passes_while_no_worker_is_connected(scene: Scene):
    await sync_to_async(pass_deadline)(scene)

    async with working(Housekeeper()):
        await until(lambda: scene.phase() is Phase.TIMED_OUT, "the deadline passes")

    assert (await sync_to_async(scene.action)()).error_code == DEADLINE


async def test_a_deadline_passes_at_its_instant_and_nobody_looks_in_between(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    looks = count_looks(monkeypatch)
    due_at = timezone.now() + timedelta(seconds=0.6)
    await Action.objects.filter(run=scene.run).aupdate(due_at=due_at, deadline_at=due_at)

    async with working(Housekeeper()):
        await until(lambda: scene.phase() is Phase.TIMED_OUT, "the deadline passes")

    assert len(looks) <= 3
    ended_at = (await sync_to_async(scene.action)()).ended_at
    assert ended_at is not None
    assert ended_at >= due_at


async def test_a_limit_that_is_new_and_near_is_not_missed(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    looks = count_looks(monkeypatch)
    async with working(Housekeeper()):
        await until(lambda: looks, "it has looked, and sleeps")
        await sync_to_async(pass_deadline)(scene)
        await hints.send([hints.Hint(hints.LIMITS)])
        await until(lambda: scene.phase() is Phase.TIMED_OUT, "the deadline passes")


def count_looks(monkeypatch: pytest.MonkeyPatch) -> list[housekeeping.LimitSweep]:
    """Who has looked for what is due, one for each time."""
    looks: list[housekeeping.LimitSweep] = []
    find = housekeeping.LimitSweep.find

    def counted(self: housekeeping.LimitSweep) -> float:
        looks.append(self)
        return find(self)

    monkeypatch.setattr(housekeeping.LimitSweep, "find", counted)
    return looks


def _is_longer(things: list[Any], n: int) -> bool:
    return len(things) > n


async def test_of_two_web_processes_one_sweeps(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    looks = count_looks(monkeypatch)
    await sync_to_async(pass_deadline)(scene)

    async with working(Housekeeper(), Housekeeper()):
        await until(lambda: scene.phase() is Phase.TIMED_OUT, "the deadline passes")
        for n in range(2, 20):
            await hints.send([hints.Hint(hints.LIMITS)])
            await until(partial(_is_longer, looks, n), "it looks again")

    assert len(set(looks)) == 1


async def test_another_web_process_takes_over_when_the_holder_has_died(scene: Scene):
    until_then = timezone.now() + timedelta(seconds=0.5)
    await Lock.objects.acreate(name=housekeeping.LOCK, holder="dead", expires_at=until_then)
    await sync_to_async(pass_deadline)(scene)

    async with working(Housekeeper()):
        await until(lambda: scene.phase() is Phase.TIMED_OUT, "the deadline passes")
        ended = (await sync_to_async(scene.action)()).ended_at

    assert ended is not None
    assert ended >= until_then


async def test_a_web_process_that_ends_in_order_leaves_the_lock_to_the_next_one(scene: Scene):
    async with working(Housekeeper()):
        await until(Lock.objects.filter(name=housekeeping.LOCK).exists, "it holds the lock")

    assert not await Lock.objects.filter(name=housekeeping.LOCK).aexists()


@pytest.mark.parametrize("error", [OperationalError("database or disk is full"), ValueError("a bug")])
async def test_it_goes_on_after_an_error(scene: Scene, monkeypatch: pytest.MonkeyPatch, error: Exception):
    look, fails = limits.find_next, [error, error]

    def failing(*args: Any) -> Any:
        if fails:
            raise fails.pop()
        return look(*args)

    monkeypatch.setattr(limits, "find_next", failing)
    await sync_to_async(pass_deadline)(scene)

    async with working(Housekeeper()):
        await until(lambda: scene.phase() is Phase.TIMED_OUT, "the deadline passes")


async def test_who_cannot_renew_the_lock_stops_sweeping(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    housekeeper = Housekeeper()
    refusals: list[str] = []

    async with working(housekeeper):
        await until(housekeeper._is_mine.is_set, "it holds the lock")

        def refuse(holder: str) -> bool:
            refusals.append(holder)
            raise OperationalError("database is locked")

        monkeypatch.setattr(housekeeping, "take_lock", refuse)
        await until(lambda: len(refusals) > 1, "it tries again")
        assert not housekeeper._is_mine.is_set()


async def test_a_hint_wakes_it_and_no_poll(scene: Scene):
    async with working(Housekeeper()):
        await until(Lock.objects.filter(name=housekeeping.LOCK).exists, "it works")
        long_ago = timezone.now() - timedelta(hours=1)
        await Executor.objects.filter(pk=scene.executor_id).aupdate(
            heartbeat_at=long_ago, unproved_since=long_ago
        )

        silent = Executor.objects.filter(pk=scene.executor_id, state=Executor.State.DISCONNECTED)
        while not await silent.aexists():
            await hints.send([hints.Hint(hints.WORKERS)])


def make_device_code(seconds: float) -> None:
    DeviceGrant.objects.create(
        device_code=str(seconds),
        user_code="x",
        client_id="x",
        expires=timezone.now() + timedelta(seconds=seconds),
    )


async def test_codes_that_have_ended_make_room(scene: Scene):
    await sync_to_async(make_device_code)(-1)
    await sync_to_async(make_device_code)(600)

    async with working(Housekeeper()):
        await until(lambda: DeviceGrant.objects.count() == 1, "what has ended is deleted")

    assert (await DeviceGrant.objects.aget()).device_code == "600"


async def test_sessions_that_have_ended_make_room(scene: Scene):
    for key, seconds in (("ended", -1), ("lasts", 600)):
        expires = timezone.now() + timedelta(seconds=seconds)
        await Session.objects.acreate(session_key=key, session_data="", expire_date=expires)

    async with working(Housekeeper()):
        await until(lambda: Session.objects.count() == 1, "what has ended is deleted")

    assert (await Session.objects.aget()).session_key == "lasts"
