"""A server deletes what is over, a little at a time, and at once what somebody deletes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from runs.engine.retention import deletions
from runs.engine.retention.periods import read_retention
from runs.live.housekeeping import Housekeeper
from runs.models import Deletion, Run
from runs.store import database
from tests.engine.retention.conftest import MakeEnded, files, make_ended, ref, root
from tests.live.test_housekeeping import until, working

__all__ = ["make_ended", "root"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)


async def test_what_somebody_deletes_is_cleared_away_at_once(
    make_ended: MakeEnded, root: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("runs.store.watch.POLL_SECONDS", 600.0)
    await sync_to_async(make_ended)("gone", shape="30")
    async with working(Housekeeper()):
        await until(lambda: True, "it begins")
        await database.write(deletions.delete_run, ref("gone"), actor="ann")

        await until(Deletion.objects.filter(cleared_at__isnull=False).exists, "rows and files are gone")

    assert not await Run.objects.aexists()
    assert files(root) == set()


async def test_what_is_over_goes_by_itself(make_ended: MakeEnded, root: Path, settings: Any):
    settings.KEEP_RUNS = read_retention("FLYTEUI_KEEP_RUNS", "30d")
    await sync_to_async(make_ended)("old", days=31)
    await sync_to_async(make_ended)("young", days=29)

    async with working(Housekeeper()):
        await until(Deletion.objects.filter(cleared_at__isnull=False).exists, "rows and files are gone")

    assert [run.name async for run in Run.objects.all()] == ["young"]


async def test_other_writes_are_done_between_its_batches(
    make_ended: MakeEnded, root: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(deletions, "BATCH", 2)
    await sync_to_async(make_ended)("gone", shape="40")
    await database.write(deletions.delete_run, ref("gone"), actor="ann")
    seen: list[int] = []

    async with working(Housekeeper()):
        while not seen or seen[-1]:
            seen.append(await database.write(Run.objects.filter(actions__isnull=False).count))
            await asyncio.sleep(0)

    assert len(set(seen)) > 5, "a write saw the run shrink"
