"""The sockets of the graph, of the table of calls and of the page of a task."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from runs.domain.phases import Phase
from runs.live.paced import GraphFeed
from runs.models import Run
from runs.protocol.constants import NOT_FOUND
from runs.store import hints
from tests.sockets.test_pages import Browser, change
from tests.support import factories
from tests.support.tasks import deploy, make_spec, ran

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def run() -> Run:
    return await sync_to_async(factories.make_run)("3")


async def test_the_graph_of_a_run_is_live(run: Run):
    page = await Browser(f"/ws/run/{run.pk}/graph/").open()
    first = await page.frame()
    assert '<hx-partial id="graph" hx-swap="innerMorph">' in first["content"]
    assert "3 running" in first["content"]

    await change(run, "a0-1", phase=Phase.FAILED, ended_at=timezone.now())

    assert "1 failed, 2 running" in (await page.frame())["content"]
    await page.disconnect()


async def test_the_table_follows_the_rows_that_it_shows(run: Run):
    page = await Browser(f"/ws/run/{run.pk}/table/?parent=a0&q=phase%3Drunning&sort=phase").open()
    first = await page.frame()
    assert first["content"].count('name="names"') == 3

    await change(run, "a0-1", phase=Phase.FAILED, ended_at=timezone.now())

    content = (await page.frame())["content"]
    assert 'id="call-a0-1" data-phase="failed"' in content
    assert content.count('name="names"') == 2
    await page.disconnect()


async def test_the_page_of_a_task_is_live(settings: Any, tmp_path: Path):
    settings.STORAGE_URL = f"file://{tmp_path}"

    await sync_to_async(deploy)()
    page = await Browser("/ws/tasks/flytesnacks/development/env.train/").open()
    assert "It has not run here yet" in (await page.frame())["content"]

    await sync_to_async(lambda: ran(factories.make_run(), "t1", make_spec()))()
    await hints.send([hints.Hint(hints.RUNS)])

    assert "the last 1 action" in (await page.frame())["content"]
    await page.disconnect()


@pytest.mark.parametrize(
    "path",
    ["/ws/run/999/graph/", "/ws/run/999/table/", "/ws/tasks/flytesnacks/development/env.none/"],
)
async def test_what_does_not_exist_is_refused(path: str):
    page = await Browser(path).open()

    assert await page.closed_with() == NOT_FOUND


async def test_a_change_is_read_once_a_second_and_nothing_is_read_without_one(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    read: list[float] = []
    content = GraphFeed.content

    def counted(self: GraphFeed, head: Any, *, is_new: bool) -> str:
        read.append(time.monotonic())
        return content(self, head, is_new=is_new)

    monkeypatch.setattr(GraphFeed, "content", counted)
    page = await Browser(f"/ws/run/{run.pk}/graph/").open()
    await page.frame()

    for name in ("a0-0", "a0-1", "a0-2"):
        await change(run, name, phase=Phase.FAILED, ended_at=timezone.now())
    frame = await page.frame()
    assert "3 failed" in frame["content"]
    await hints.send([hints.Hint(hints.run_group(run.pk), 1)])
    assert await page.receive_nothing(timeout=1.5)

    assert len(read) == 2
    assert read[1] - read[0] >= GraphFeed.least_rest * 0.9
    await page.disconnect()
