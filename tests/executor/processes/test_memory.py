"""What a function's process has used is measured, and it may take no more memory than its task declares."""

from __future__ import annotations

import pytest

from runs.domain.phases import Phase
from runs.protocol import frames
from tests.executor.conftest import Bench
from tests.support.executor.isolated import events

WORKFLOW = "hungry"
MIB = 2**20


@pytest.mark.parametrize("task", ["takes", "takes_in_a_subprocess"])
async def test_what_takes_more_than_it_declares_is_killed_and_both_figures_are_said(bench: Bench, task: str):
    action = await bench.run(task, megabytes=500)

    assert action.phase is Phase.FAILED
    assert action.failure is not None
    assert (action.failure.code, action.failure.kind) == ("OOMKilled", "user")
    assert "asked for 256 MiB" in action.failure.message
    (ended,) = events(bench.server, frames.Finished)
    if task == "takes":
        assert ended.peak_memory_bytes > 256 * MIB


async def test_what_takes_less_goes_on(bench: Bench):
    action = await bench.run("takes", megabytes=50)

    assert action.phase is Phase.SUCCEEDED


async def test_processor_time_and_the_peak_of_memory_are_measured(bench: Bench):
    action = await bench.run("takes_and_computes", megabytes=400)

    assert action.phase is Phase.SUCCEEDED
    (ended,) = events(bench.server, frames.Finished)
    assert ended.peak_memory_bytes > 400 * MIB
    assert ended.cpu_seconds >= 0.5
