"""Zygotes: what executors are forked from, with the modules of their pool imported where that does no harm."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from runs.executor.flyte.bundles import DONE
from runs.executor.home import bundle_folder, note_module
from runs.executor.worker.launchers import fits_zygote, why_not_forked
from runs.protocol import worker_frames
from tests.support.executor.fake_control import FakeControl
from tests.support.nets import NET_SECONDS
from tests.support.processes import is_alive
from tests.support.server.server import wait_until

pytestmark = pytest.mark.processes


def zygote_of(pid: int) -> int:
    """The process that has forked this one."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def test_a_zygote_that_is_killed_takes_no_executor_with_it(
    control: tuple[FakeControl, str], worker: asyncio.subprocess.Process
) -> None:
    server, _ = control
    first = await server.launch("one")

    os.kill(zygote_of(first.pid), signal.SIGKILL)
    second = await server.launch("two")

    assert is_alive(first.pid)
    assert server.exits == []
    assert zygote_of(second.pid) != zygote_of(first.pid)
    os.kill(first.pid, signal.SIGKILL)
    await server.until(lambda: server.exits)
    assert server.exits == [worker_frames.Exited("one", worker_frames.UNSEEN, "its process is gone")]


BUNDLE = "file:///code.tgz"


def make_bundle(home: Path, code: str) -> Path:
    """A bundle of one module from which a run has loaded a task before; returns the file that its import writes."""
    folder = bundle_folder(BUNDLE, home)
    folder.mkdir(parents=True)
    (folder / DONE).touch()
    imported = home / "imported"
    lines = ["import os, pathlib", f"pathlib.Path({str(imported)!r}).write_text(str(os.getpid()))", code]
    (folder / "flow.py").write_text("\n".join(lines))
    note_module(BUNDLE, home, "flow")
    return imported


async def test_an_executor_of_a_pool_that_has_run_before_is_forked_with_its_modules_imported(
    control: tuple[FakeControl, str], worker: asyncio.subprocess.Process, tmp_path: Path
) -> None:
    server, _ = control
    imported = make_bundle(tmp_path, "")

    first = await server.launch("first", BUNDLE)
    await asyncio.to_thread(wait_until, imported.exists, "the module is imported", NET_SECONDS)
    zygote = int(imported.read_text())
    async with asyncio.timeout(NET_SECONDS):
        number = 0
        while zygote_of((await server.launch(f"{number}", BUNDLE)).pid) != zygote:
            number += 1

    assert zygote_of(first.pid) == zygote_of(zygote)


async def test_an_executor_in_reserve_waits_for_the_modules_of_its_pool(
    control: tuple[FakeControl, str], worker: asyncio.subprocess.Process, tmp_path: Path
) -> None:
    server, _ = control
    imported = make_bundle(tmp_path, "")

    await server.ask_for_reserve("first", BUNDLE)
    await server.until(lambda: "first" in server.executors)

    assert zygote_of(server.executors["first"].pid) == int(imported.read_text())


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()", "importing its modules starts threads"),
        ("import asyncio; loop = asyncio.new_event_loop()", "importing its modules opens "),
        ("print('hello')", "importing its modules prints something"),
        ("import sys; sys.exit(3)", "importing its modules before a run has begun fails: SystemExit: 3"),
    ],
)  # fmt: skip
async def test_what_must_not_be_imported_before_a_run_begins_is_not_forked(
    control: tuple[FakeControl, str],
    worker: asyncio.subprocess.Process,
    tmp_path: Path,
    code: str,
    reason: str,
) -> None:
    server, _ = control
    imported = make_bundle(tmp_path, code)

    first = await server.launch("first", BUNDLE)
    await asyncio.to_thread(wait_until, imported.exists, "the module is imported", NET_SECONDS)
    unfit = int(imported.read_text())
    await asyncio.to_thread(wait_until, lambda: not is_alive(unfit), "that zygote ends", NET_SECONDS)
    imported.unlink()
    second = await server.launch("second", BUNDLE)

    assert zygote_of(second.pid) == zygote_of(first.pid)
    assert not imported.exists(), "it was tried again"
    ((pool, said),) = server.slow
    assert pool == "pool"
    assert said.startswith(reason)


async def test_what_makes_starts_slower_is_said_once_and_again_over_another_connection(
    control: tuple[FakeControl, str], worker: asyncio.subprocess.Process
) -> None:
    server, _ = control
    slow = ("pool", "PYTHONOPTIMIZE counts when a process starts")

    await server.launch("one", PYTHONOPTIMIZE="1")
    await server.launch("two", PYTHONOPTIMIZE="1")
    assert server.slow == [slow]
    assert server.worker is not None
    await server.worker.close()
    await server.until(lambda: len(server.slow) > 1)

    assert server.slow == [slow, slow]


def test_a_zygote_is_not_used_for_variables_that_are_read_early() -> None:
    assert fits_zygote({"LOG_LEVEL": "10", "_F_SYS_PATH": "./src", "MODEL": "x"})
    assert not fits_zygote({"PYTHONPATH": "/x"})
    assert not fits_zygote({"FLYTE_IO_BATCH_SIZE": "1"})
    assert "macOS" in why_not_forked({}, platform="darwin")


def test_one_whose_worker_ends_while_it_imports_ends_without_a_word():
    ours, its = socket.socketpair()
    ours.close()

    with its:
        done = subprocess.run(
            [sys.executable, "-m", "runs.executor", "zygote", str(its.fileno())],
            pass_fds=[its.fileno()], capture_output=True, timeout=NET_SECONDS, check=False,
        )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
