"""Output that does not go through Python's streams reaches the log of its action."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from runs.domain.phases import Phase
from runs.executor.attempt.descriptors import FREED_BYTES, Sink
from runs.protocol.frames import Key
from tests.executor.conftest import Bench

WORKFLOW = "writing"


def lines(bench: Bench, stream: str, run: int = 1) -> list[str]:
    written = "".join(text for one, text in bench.server.lines("a0", run) if one == stream)
    return written.splitlines()


async def test_output_of_programs_forks_threads_and_native_code_is_the_actions(bench: Bench):
    action = await bench.run("writes_everywhere")

    assert action.phase is Phase.SUCCEEDED
    out = [
        "run", "to sys.stdout", "asyncio", "system", "spawn", "print in a fork", "worker", "thread", "write", "native",
    ]  # fmt: skip
    assert sorted(line for line in lines(bench, "out") if line) == sorted([*out, "KEPT FOR ITSELF"])
    assert lines(bench, "err") == ["to stderr", "write in a fork"]


async def test_output_of_programs_goes_to_the_action_that_started_them_among_others(bench: Bench):
    gate = bench.folder / "enough"
    for run in (1, 2, 3):
        await bench.start("echoes", run=run, gate=str(gate))
    for run in (1, 2, 3):
        await bench.server.until(lambda run=run: len(lines(bench, "out", run)) > 3, "some output")  # type: ignore[misc]
    gate.touch()

    for run in (1, 2, 3):
        await bench.server.until_ended(Key(run, "a0"))
        assert set(lines(bench, "out", run)) == {f"run{run}"}


async def test_what_may_be_of_several_runs_stays_with_the_process(bench: Bench):
    go = bench.folder / "go"
    await bench.start("echoes", run=2, gate=str(bench.folder / "enough"))
    await bench.server.until(lambda: lines(bench, "out", 2), "its first line")
    await bench.start("writes_natively", run=1, go=str(go))
    go.touch()
    await bench.server.until_ended(Key(1, "a0"))

    assert "who was it?" not in lines(bench, "out", 1) + lines(bench, "out", 2)
    assert bench.process is not None
    assert "who was it?" in bench.process.stderr()


async def test_a_writer_that_holds_pythons_lock_never_waits_for_room(bench: Bench):
    action = await bench.run("fills_the_descriptor")

    assert await bench.outputs("fills_the_descriptor", action) == "went on"


async def test_last_words_of_a_process_that_dies_are_not_lost(bench: Bench):
    await bench.start("dies")
    process = bench.process
    assert process is not None
    await asyncio.wait_for(process.wait(), 10)

    def said() -> str:
        text = ""
        while "these were its last words" not in text:
            text += process.stderr()
        return text

    assert await asyncio.wait_for(asyncio.to_thread(said), 10)


@pytest.fixture
def sink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sink:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Sink("out")


@pytest.mark.skipif(sys.platform != "linux", reason="no other system offers that")
def test_what_was_read_takes_no_space_on_the_disk(sink: Sink):
    for n in range(64):
        os.write(sink._written, str(n % 10).encode() * 2**18)
        assert sink.read() == str(n % 10) * 2**18

    left = os.fstat(sink._written)
    assert left.st_size == 64 * 2**18
    assert left.st_blocks * 512 <= 2 * FREED_BYTES


def test_nothing_is_lost_while_it_is_freed(sink: Sink):
    """The writer never waits."""
    count = 200_000
    lines = [f"{n:08}".encode() + b"\n" for n in range(count)]

    def write() -> None:
        for start in range(0, count, 100):
            os.write(sink._written, b"".join(lines[start : start + 100]))

    writer = threading.Thread(target=write)
    writer.start()
    read = ""
    while writer.is_alive():
        read += sink.read()
    read += sink.read()

    assert read.split() == [f"{n:08}" for n in range(count)]
