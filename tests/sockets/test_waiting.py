"""What waits for an answer, over the sockets of pages: its own page, and the count in the bar of every other."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async

from runs.domain.names import ActionRef, RunRef
from runs.engine.conditions import signal_condition
from runs.models import Action, Run
from runs.store import database
from tests.sockets.test_pages import Browser
from tests.support import factories, showcase

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asked() -> Action:
    return showcase.make_condition(factories.make_run(), "ship", "boolean", "Ship it?")


async def answer(asked: Action) -> None:
    run: Run = await sync_to_async(lambda: asked.run)()
    ref = ActionRef(RunRef("flytesnacks", run.domain, run.name), asked.name)
    await database.write(signal_condition, ref, True, actor="bob")


async def test_a_condition_that_is_answered_leaves_the_page(asked: Action):
    page = await Browser("/ws/waiting/").open()
    first = await page.frame()
    assert 'data-answer="a0-ship"' in first["content"]
    assert first["waiting"] == 1

    await answer(asked)
    frame = await page.frame()

    assert "Nothing waits for you" in frame["content"]
    assert frame["waiting"] == 0
    await page.disconnect()


async def test_the_page_of_another_run_hears_that_one_waits_less(asked: Action):
    other = await sync_to_async(factories.make_run)(name="other")
    page = await Browser(f"/ws/run/{other.pk}/").open()
    assert (await page.frame())["waiting"] == 1

    await answer(asked)
    frame = await page.frame()

    assert frame["waiting"] == 0
    assert "content" not in frame
    await page.disconnect()
