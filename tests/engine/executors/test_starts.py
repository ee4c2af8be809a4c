"""An executor whose environment is gone cannot start: its actions are tried a few times more, and fail with why."""

from __future__ import annotations

from uuid import UUID

import pytest

from runs.domain.phases import Phase
from runs.domain.retries import MAX_SYSTEM_FAILURES, NOT_STARTED
from runs.engine.executors import scheduling, starts
from runs.models import Executor, Image, Pool
from tests.support.scene import Scene

pytestmark = pytest.mark.django_db
WHY = "the Python environment cc33 is not in /home: build its image again"


def start() -> UUID:
    """What the worker is asked to start next for the action that nobody serves."""
    (launch,) = [one for one in scheduling.claim_demand("worker").launches if not one.is_reserve]
    return UUID(launch.executor)


def test_what_waits_for_it_fails_after_some_tries_and_nothing_else_does() -> None:
    scene = Scene()
    scene.start()
    scene.grow("neighbour")
    scene.queue("elsewhere")
    image = Image.objects.create(name="mine:1", state="built", environment="cc33")
    Pool.objects.filter(pk=scene.action("elsewhere").pool_id or 0).update(built_image=image)

    for _ in range(MAX_SYSTEM_FAILURES):
        starts.end_unusable(start(), WHY)
        assert scene.phase("elsewhere") is Phase.QUEUED
        assert Image.objects.get().environment == "cc33"
    starts.end_unusable(start(), WHY)

    failed = scene.action("elsewhere")
    assert (failed.phase, failed.error_code, failed.error_kind) == (
        Phase.FAILED, NOT_STARTED, "system",
    )  # fmt: skip
    assert failed.error_message == f"{WHY} (tried 4 times)"
    assert scene.phase("neighbour") is Phase.RUNNING
    assert scheduling.claim_demand("worker").launches == []
    assert Image.objects.get().environment == "", "who submits again has it built"


def test_a_report_that_comes_twice_counts_once() -> None:
    scene = Scene()
    scene.start()
    scene.queue("elsewhere")

    executor = start()
    starts.end_unusable(executor, WHY)
    starts.end_unusable(executor, "again")

    assert scene.action("elsewhere").system_failures == 1
    ended = Executor.objects.get(pk=executor)
    assert (ended.state, ended.end_reason) == (Executor.State.GONE, WHY)
