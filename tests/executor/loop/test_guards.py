"""What one action does to the process that it shares, beside an innocent one of another run. Real processes."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from runs.domain.phases import Phase
from tests.executor.conftest import Bench
from tests.support.executor.fake_server import FakeAction

WORKFLOW = "ending"


async def start_innocent(bench: Bench) -> FakeAction:
    innocent = await bench.start("innocent", run=1)
    await bench.server.until(lambda: bench.server.lines("a0"), "the innocent runs")
    return innocent


async def check_innocent(bench: Bench, innocent: FakeAction) -> None:
    """It goes on in the same process, from where it was."""
    assert bench.process is not None
    bench.open_gate()
    await bench.server.until_ended(innocent.key)
    assert innocent.phase is Phase.SUCCEEDED
    assert await bench.outputs("innocent", innocent) == bench.process.pid
    assert (innocent.epoch, bench.server.connections) == (1, 1)


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("exit", "ExitCode3"),
        ("exit_0", "ExitCode0"),
        ("abort", "AbnormalTermination"),
        ("sys_exit", "SystemExit"),
        ("kill", "Interrupted"),
        ("interrupt", "Signal2"),
        ("terminate_group", "Terminated"),
        ("raise", "Signal10"),
        ("close_fds", "PermissionError"),
        ("close", "RuntimeError"),
    ],
)
async def test_law_13_who_would_end_the_process_fails_alone(bench: Bench, how: str, code: str):
    innocent = await start_innocent(bench)

    villain = await bench.run("ends", run=2, how=how)

    assert villain.phase is Phase.FAILED
    assert villain.failure is not None
    assert villain.failure.code == code
    await check_innocent(bench, innocent)


@pytest.mark.parametrize("how", ["close_each", "fdopen_each", "dup2_each"])
async def test_law_13_descriptors_of_the_process_are_none_of_the_actions(bench: Bench, how: str):
    innocent = await start_innocent(bench)

    villain = await bench.run("ends", run=2, how=how)

    assert villain.phase is Phase.SUCCEEDED
    said = "".join(text for _, text in bench.server.lines("a0", 2))
    own = [
        line for line in said.splitlines() if "is a descriptor of the process that this action shares" in line
    ]
    assert len(own) > 5, "its selectors, its pipes, the link, the lock, the files behind its output"
    assert all(line.startswith(f"{errno.EBADF} [Errno {errno.EBADF}] os.{how[:-5]}: ") for line in own)
    await check_innocent(bench, innocent)


@pytest.mark.parametrize(("how", "code"), [("exit", "ExitCode3"), ("sys_exit", "SystemExit")])
async def test_law_13_what_a_task_of_an_action_ends_is_the_action(bench: Bench, how: str, code: str):
    innocent = await start_innocent(bench)

    villain = await bench.run("spawns", run=2, how=how)

    assert villain.failure is not None
    assert villain.failure.code == code
    await check_innocent(bench, innocent)


async def test_the_failure_has_the_calls_that_led_there(bench: Bench):
    villain = await bench.run("ends", how="exit")

    assert villain.failure is not None
    assert "WAYS[how]()" in villain.failure.message
    files = re.findall(r'File "([^"]*)"', villain.failure.message)
    assert {Path(file).name for file in files} == {"ending.py"}, "nothing of ours or of the SDK is between"
    assert villain.failure.message.strip().endswith(
        "The process of the task ended with exit code 3 and left neither outputs nor an error."
    )


@pytest.mark.parametrize("how", ["stop", "cancel_all", "alarm", "fork"])
async def test_law_13_what_reaches_its_own_tasks_and_children_only_goes_on(bench: Bench, how: str):
    innocent = await start_innocent(bench)

    villain = await bench.run("ends", run=2, how=how)

    assert villain.phase is Phase.SUCCEEDED
    await check_innocent(bench, innocent)


async def test_all_tasks_are_those_of_the_action(bench: Bench):
    root = await bench.run("cancels_its_own")

    assert await bench.outputs("cancels_its_own", root) == "True"


@pytest.mark.parametrize(("how", "got"), [("blocking", "SIGALRM TimeoutError"), ("awaiting", "")])
async def test_law_13_a_signal_handler_raises_in_its_own_action_only(bench: Bench, how: str, got: str):
    innocent = await start_innocent(bench)

    handling = await bench.run("handles", run=2, how=how)

    assert await bench.outputs("handles", handling) == got
    await check_innocent(bench, innocent)
