"""What processes use is sampled while they run, and reported when it has changed."""

from __future__ import annotations

import pytest

from runs.domain.phases import Phase
from runs.executor.processes.table import ProcessEntry
from runs.executor.processes.usage.memory import PAGE_BYTES
from runs.executor.processes.usage.meter import _TICKS, Sample, _Metered
from runs.protocol import frames
from runs.protocol.frames import Key, now_us
from tests.executor.conftest import Bench

WORKFLOW = "hungry"
MIB = 2**20


async def test_what_a_process_uses_is_reported_while_it_runs(bench: Bench):
    began = now_us()
    await bench.start("holds", megabytes=300, gate=bench.env["GATE"])

    def samples() -> list[tuple[Key, int, int, int]]:
        found = [event.samples for event in bench.server.events if isinstance(event, frames.Using)]
        return [sample for some in found for sample in some if sample[3] > 300 * MIB]

    await bench.server.until(samples, "a sample of its memory")
    key, epoch, percent, size = samples()[0]
    assert (key, epoch) == (Key(1, "a0"), 1)
    assert 0 <= percent <= 100 * (now_us() - began) / 1e6
    assert size < 2**30

    bench.open_gate()
    assert (await bench.server.until_ended(key)).phase is Phase.SUCCEEDED


def process(ticks: int, pages: int) -> ProcessEntry:
    return ProcessEntry(1, 0, "one", 0, is_zombie=False, ticks=ticks, resident=pages)


def test_the_share_of_a_core_is_that_since_the_sample_before():
    one = _Metered(attempt=None, at=100.0)  # type: ignore[arg-type]

    assert one.sample([process(5, 1)], 100.5) is None  # too soon to tell
    assert one.sample([process(3 * _TICKS, 10)], 102.0) == Sample(150, 10 * PAGE_BYTES)
    assert one.sample([process(4 * _TICKS, 10)], 112.0) == Sample(10, 10 * PAGE_BYTES)
    assert one.sample([], 120.0) is None  # it has ended


@pytest.mark.parametrize(
    ("now", "is_news"),
    [
        (Sample(12, 340 * MIB), False),
        (Sample(14, 343 * MIB), False),
        (Sample(15, 340 * MIB), True),
        (Sample(12, 350 * MIB), True),
        (Sample(0, 340 * MIB), True),
    ],
)
def test_only_what_one_would_notice_is_news(now: Sample, is_news: bool):
    assert now.is_news(None)
    assert now.is_news(Sample(12, 340 * MIB)) is is_news
