"""Who ended an executor, as its worker finds out: real processes, each ended in its own way."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runs.executor import ROOT
from runs.executor.worker.crashes import find_culprit
from runs.protocol import frames, worker_frames

pytestmark = pytest.mark.processes

# An executor, as far as steps go: one action awaits, the other one does what the test wants.
PROCESS = """
import asyncio, contextvars, ctypes, os, signal, sys, threading
from runs.executor.attempt.attempt import CURRENT, Attempt
from runs.executor.attempt.record import Record
from runs.executor.attempt.state import State
from runs.executor.loop import starts
from runs.executor.loop.steps import Steps
from runs.executor.worker import locks
from runs.protocol.frames import Key, Lease, RunInfo

loop = asyncio.new_event_loop()
wait = threading.Event().wait
contexts = []
record = Record(locks.acquire(sys.argv[1], "e-1"))
record.catch_fatal_signals(signal.SIGRTMAX - 2)
Steps(loop, record).install(lambda attempt: None, lambda attempt: True)
starts.install([], lambda attempt: None, record.works)

def start(name, code):
    run = RunInfo(7, "local", "flytesnacks", "development", "r7f3", "", "", "")
    context = contextvars.Context()
    contexts.append(context)
    attempt = Attempt(Lease(Key(7, name), 2, 1, "", ""), run)
    attempt.state = State.RUNNING
    context.run(CURRENT.set, attempt)
    return loop.create_task(code, context=context)

async def innocent():
    while True:
        await asyncio.sleep(0)

async def culprit():
    await asyncio.sleep(0.05)
    ends_its_process()

def ends_its_process():
    {what}

tasks = start("innocent", innocent()), start("culprit", culprit())
loop.run_until_complete(asyncio.wait(tasks))
"""
SEGFAULT = "ctypes.string_at(0)"
IN_THREAD = "threading.Thread(target=lambda: wait(0.2) or ctypes.string_at(0))"


def end(home: Path, what: str) -> int:
    code = PROCESS.replace("{what}", what)
    return subprocess.run([sys.executable, "-c", code, home], cwd=ROOT, timeout=60, check=False).returncode


@pytest.mark.parametrize(
    ("what", "code", "message"),
    [
        (SEGFAULT, "SegmentationFault", "killed by SIGSEGV"),
        ("os.abort()", "AbnormalTermination", "killed by SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGFPE)", "ArithmeticFault", "killed by SIGFPE"),
        ("ctypes.CDLL(None)._exit(3)", "ExitCode3", "ended with exit code 3"),
        ("ctypes.CDLL(None)._exit(0)", "ExitCode0", "ended with exit code 0"),
    ],
)
def test_who_had_the_processor_is_charged(tmp_path, what, code, message):
    culprit = find_culprit(str(tmp_path), "e-1", end(tmp_path, what))

    assert culprit is not None
    assert (culprit.key, culprit.epoch) == (frames.Key(7, "culprit"), 2)
    assert culprit.failure.code == code
    assert message in culprit.failure.message
    assert culprit.failure.recoverable


def test_a_fatal_signal_leaves_the_last_calls_of_user_code(tmp_path):
    culprit = find_culprit(str(tmp_path), "e-1", end(tmp_path, SEGFAULT))

    assert culprit is not None
    *_, inner, outer, _, said = culprit.failure.message.splitlines()
    assert inner.endswith("in ends_its_process")
    assert outer.endswith("in culprit")
    assert "killed by SIGSEGV" in said, "rows show the last line"


def test_a_crash_that_nobody_saw_is_charged_by_what_it_left(tmp_path):
    end(tmp_path, SEGFAULT)

    culprit = find_culprit(str(tmp_path), "e-1", worker_frames.UNSEEN)

    assert culprit is not None
    assert culprit.failure.code == "SegmentationFault"


@pytest.mark.parametrize(
    "what",
    [
        # From outside, as the kernel does when there is no memory left: who runs at that moment has done nothing.
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.kill(os.getpid(), signal.SIGTERM)",
        # The process ended in order.
        f"os._exit({frames.LEFT})",
        f"os._exit({frames.STOPPED})",
        # Of this thread nobody knows the action, and who has the loop is innocent.
        "import _thread; _thread.start_new_thread(ctypes.string_at, (0,)); wait(60)",
        # Two have something running, and either may have ended the process.
        "contexts[0].run(threading.Thread(target=wait).start); os._exit(3)",
    ],
)
def test_nobody_is_charged_where_that_is_not_proved(tmp_path, what):
    assert find_culprit(str(tmp_path), "e-1", end(tmp_path, what)) is None


@pytest.mark.parametrize(
    "what",
    [
        f"{IN_THREAD}.start(); wait(60)",
        # Who has the loop when it crashes is innocent.
        f"{IN_THREAD}.start(); loop.call_soon(wait, 60, context=contexts[0])",
        "asyncio.get_running_loop().run_in_executor(None, ctypes.string_at, 0)",
        "threading.Thread(target=asyncio.run, args=(asyncio.to_thread(ctypes.string_at, 0),)).start()",
    ],
)
def test_a_crash_in_a_thread_is_charged_to_the_action_that_started_it(tmp_path, what):
    culprit = find_culprit(str(tmp_path), "e-1", end(tmp_path, what))

    assert culprit is not None
    assert (culprit.key, culprit.failure.code) == (frames.Key(7, "culprit"), "SegmentationFault")
    assert "in string_at" in culprit.failure.message


def test_an_end_while_only_one_action_had_something_running_is_charged_to_it(tmp_path):
    what = "threading.Thread(target=lambda: wait(0.2) or ctypes.CDLL(None)._exit(3)).start(); wait(60)"

    culprit = find_culprit(str(tmp_path), "e-1", end(tmp_path, what))

    assert culprit is not None
    assert (culprit.key.name, culprit.failure.code) == ("culprit", "ExitCode3")


def test_nobody_is_charged_for_what_belongs_to_no_action(tmp_path):
    later = "contextvars.Context().run(loop.call_later, 0, ctypes.string_at, 0)"

    assert find_culprit(str(tmp_path), "e-1", end(tmp_path, later)) is None


def test_an_executor_that_never_ran_anything_has_no_culprit(tmp_path):
    assert find_culprit(str(tmp_path), "unknown", -signal.SIGSEGV) is None


def test_an_end_that_nobody_saw_and_that_left_no_stack_charges_nobody(tmp_path):
    """Its process was killed from outside, as far as anybody knows."""
    end(tmp_path, "os._exit(0)")

    assert find_culprit(str(tmp_path), "e-1", worker_frames.UNSEEN) is None
