"""When a change is worth a hint to those who go by the clock."""

from __future__ import annotations

from typing import Any

import pytest

from runs.store import hints
from tests.engine.test_limits import RECOVERABLE, limited, play

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("task", "is_soon"),
    [
        (limited(runtime=1), True), (limited(deadline=1), True), (limited(runtime=30, deadline=60), False), (limited(), False),
    ],
)  # fmt: skip
def test_only_what_is_due_before_the_next_look_asks_for_one(
    task: bytes, is_soon: bool, django_capture_on_commit_callbacks: Any
):
    with hints.collected() as published, django_capture_on_commit_callbacks(execute=True):
        play(task)

    assert (hints.Hint(hints.LIMITS) in published) is is_soon


@pytest.mark.parametrize(("seconds", "is_soon"), [(1, True), (60, False)])
def test_a_retry_that_waits_for_a_moment_asks_for_a_look(
    seconds: int, is_soon: bool, django_capture_on_commit_callbacks: Any
):
    scene = play(limited(retries=1, backoff=(seconds, 2, 600)))
    with hints.collected() as published, django_capture_on_commit_callbacks(execute=True):
        scene.batch(scene.finished("child", "failed", RECOVERABLE))

    assert (hints.Hint(hints.LIMITS) in published) is is_soon
