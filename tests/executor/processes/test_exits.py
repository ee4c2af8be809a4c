"""However the process of an isolated action ends, the row says precisely how, and keeps what it printed."""

from __future__ import annotations

import signal
from pathlib import Path

import flyte.errors
import pytest

from runs.domain.phases import Phase
from runs.executor.flyte.messages import execution_error
from runs.executor.flyte.sdk import convert
from runs.executor.processes import exits
from runs.executor.processes.exits import OUT_OF_MEMORY, describe_crash
from tests.executor.conftest import Bench
from tests.support.executor.isolated import text

WORKFLOW = "isolated"


@pytest.mark.parametrize(
    ("how", "code", "message"),
    [
        ("segmentation fault", "SegmentationFault", "SIGSEGV"),
        ("os._exit", "ExitCode3", "exit code 3"),
        ("sys.exit", "ExitCode2", "exit code 2"),
        ("sys.exit without a code", "OutputsNotFound", "neither outputs nor an error"),
        ("abort", "AbnormalTermination", "SIGABRT"),
        ("SIGKILL", "Interrupted", "SIGKILL"),
        ("SIGTERM", "Terminated", "SIGTERM"),
        ("overflow", "SegmentationFault", "SIGSEGV"),
        ("recursion", "RecursionError", "maximum recursion depth"),
        ("no memory", "MemoryError", ""),
    ],
)
async def test_a_crash_is_a_precise_error_and_keeps_the_output(
    bench: Bench, how: str, code: str, message: str
) -> None:
    root = await bench.run("crashes", how=how)

    assert root.phase is Phase.FAILED
    assert root.failure is not None
    assert root.failure.code == code
    assert message in root.failure.message
    assert root.failure.recoverable
    assert "a line before\n" in text(bench.server)
    assert "and half a line\n" in text(bench.server)


@pytest.mark.parametrize(
    ("task", "code"),
    [("returns_what_cannot_be_stored", "TypeError"), ("returns_another_type", "DataValidationError")],
)
async def test_outputs_that_cannot_be_stored_are_the_failure(bench: Bench, task: str, code: str) -> None:
    root = await bench.run(task)

    assert root.phase is Phase.FAILED
    assert root.failure is not None
    assert (root.failure.code, root.failure.kind) == (code, "user")


def test_a_process_that_was_killed_for_want_of_memory_is_an_oom_error_in_its_parent() -> None:
    """The kernel's own kill takes a machine without memory to try; what tells it apart is a counter of the kernel."""
    failure = OUT_OF_MEMORY

    assert failure.code == "OOMKilled"
    assert isinstance(convert.convert_error_to_native(execution_error(failure)), flyte.errors.OOMError)
    assert describe_crash(-signal.SIGSEGV).code == "SegmentationFault"


def test_kills_are_counted_in_our_control_group_and_else_on_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GROUPS", "MOUNT", "MACHINE"):
        monkeypatch.setattr(exits, name, tmp_path / name)
    assert exits.count_memory_kills() == 0

    (tmp_path / "MACHINE").write_text("pgfault 12\noom_kill 3\n")
    (tmp_path / "GROUPS").write_text("4:memory:/old\n0::/a/b\n")
    assert exits.count_memory_kills() == 3

    (tmp_path / "MOUNT" / "a" / "b").mkdir(parents=True)
    (tmp_path / "MOUNT" / "a" / "b" / "memory.events").write_text("low 0\noom 5\noom_kill 1\n")
    assert exits.count_memory_kills() == 1
