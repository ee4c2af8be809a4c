"""The worker against a real socket, with real executor processes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from runs.executor.link.config import ExecutorConfig
from runs.executor.worker.environment import clean_environment
from runs.executor.worker.worker import Worker, WorkerConfig, describe_exit
from runs.protocol import frames, worker_frames
from tests.support.executor.fake_control import FakeControl, a_worker
from tests.support.nets import NET_SECONDS
from tests.support.processes import is_alive
from tests.support.server.server import wait_until

pytestmark = pytest.mark.processes


async def test_it_starts_executors_and_stops_them_with_itself(
    control: tuple[FakeControl, str], worker: asyncio.subprocess.Process
) -> None:
    server, _ = control
    first = await server.launch("one")
    second = await server.launch("two", PYTHONHASHSEED="1")
    tokens = set(server.tokens)

    worker.send_signal(signal.SIGTERM)
    code = await asyncio.wait_for(worker.wait(), NET_SECONDS)

    assert code == 0
    assert tokens == {"Bearer token-of-the-worker", "Bearer token-of-one", "Bearer token-of-two"}
    assert not is_alive(first.pid)
    assert not is_alive(second.pid)


async def test_it_starts_nothing_more_once_it_is_being_stopped(
    control: tuple[FakeControl, str], worker: asyncio.subprocess.Process
) -> None:
    server, _ = control
    await server.launch("one")
    server.late_launch = "late"

    worker.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(worker.wait(), NET_SECONDS) == 0

    assert worker_frames.Exited("late", frames.LEFT, "its worker is being stopped") in server.exits
    assert worker_frames.Exited("one", frames.LEFT, "it has ended in order") in server.exits
    assert list(server.executors) == ["one"]


class SlowLauncher:
    """Starts nothing real, and not before it may."""

    def __init__(self) -> None:
        self.on_slow: Callable[[str, str], None] = lambda *_: None
        self.was_asked, self.may_launch, self.was_stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def get_ready(self, config: ExecutorConfig) -> None:
        self.was_asked.set()
        await self.may_launch.wait()

    async def launch(self, config: ExecutorConfig) -> SlowLauncher:
        self.was_asked.set()
        await self.may_launch.wait()
        return self

    async def ended(self) -> int:
        await self.was_stopped.wait()
        return frames.LEFT

    @property
    def pid(self) -> int:
        return 0

    def ask_for_stack(self) -> None:
        raise AssertionError("it is not silent")

    def stop(self) -> None:
        self.was_stopped.set()

    def kill(self) -> None:
        raise AssertionError("it ends by itself")

    async def close(self) -> None:
        pass


async def test_what_it_is_about_to_start_ends_with_it(
    control: tuple[FakeControl, str], tmp_path: Path
) -> None:
    server, url = control
    launcher = SlowLauncher()
    running = asyncio.create_task(Worker(WorkerConfig(url, "", "token", str(tmp_path)), launcher).run())
    await server.until(lambda: server.hellos)
    await server.ask_for("one")
    await launcher.was_asked.wait()

    os.kill(os.getpid(), signal.SIGTERM)
    await server.until(lambda: server.is_left)
    launcher.may_launch.set()
    await asyncio.wait_for(running, NET_SECONDS)

    assert launcher.was_stopped.is_set()
    await server.until(lambda: server.exits)
    assert server.exits == [worker_frames.Exited("one", frames.LEFT, "it has ended in order")]


async def test_what_it_prepares_for_a_run_to_come_is_not_waited_for_when_it_ends(
    control: tuple[FakeControl, str], tmp_path: Path
) -> None:
    server, url = control
    launcher = SlowLauncher()
    running = asyncio.create_task(Worker(WorkerConfig(url, "", "token", str(tmp_path)), launcher).run())
    await server.until(lambda: server.hellos)
    await server.ask_for_reserve("one")
    await launcher.was_asked.wait()

    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(running, NET_SECONDS)

    await server.until(lambda: server.exits)
    assert server.exits == [worker_frames.Exited("one", 0, "its worker is being stopped")]


async def test_it_tells_how_an_executor_died(
    control: tuple[FakeControl, str], worker: asyncio.subprocess.Process
) -> None:
    server, _ = control
    hello = await server.launch("one")

    os.kill(hello.pid, signal.SIGKILL)
    await server.until(lambda: server.exits)

    assert server.exits == [worker_frames.Exited("one", -9, "killed by SIGKILL")]


async def test_the_next_worker_tells_of_what_died_when_nobody_saw_it(
    control: tuple[FakeControl, str], tmp_path: Path
) -> None:
    server, _ = control
    async with a_worker(control, tmp_path) as worker:
        first, second = await server.launch("one"), await server.launch("two", PYTHONHASHSEED="1")
        for pid in (worker.pid, first.pid):
            os.kill(pid, signal.SIGKILL)

    async with a_worker(control, tmp_path):
        await server.until(lambda: server.exits)
        assert server.exits == [worker_frames.Exited("one", worker_frames.UNSEEN, "its process is gone")]
        assert is_alive(second.pid)
        os.kill(second.pid, signal.SIGKILL)
        await server.until(lambda: len(server.exits) == 2)

    assert server.exits[1].executor == "two"
    assert list((tmp_path / "executors").rglob("*.lock")) == []


async def test_what_no_server_has_written_down_is_told_again(
    control: tuple[FakeControl, str], tmp_path: Path
) -> None:
    server, _ = control
    server.knows_exits = False
    async with a_worker(control, tmp_path):
        hello = await server.launch("one")
        os.kill(hello.pid, signal.SIGKILL)
        await server.until(lambda: server.exits)
    server.knows_exits = True

    async with a_worker(control, tmp_path):
        await server.until(lambda: len(server.exits) == 2)
    async with a_worker(control, tmp_path):
        await server.launch("two")

    assert server.exits[:2] == [
        worker_frames.Exited("one", -9, "killed by SIGKILL"),
        worker_frames.Exited("one", worker_frames.UNSEEN, "its process is gone"),
    ]
    assert {exited.executor for exited in server.exits[2:]} <= {"two"}


async def test_an_environment_that_no_process_can_have_is_reported(
    control: tuple[FakeControl, str], worker: asyncio.subprocess.Process
) -> None:
    server, _ = control

    await server.ask_for("one", **{"FLYTE_A=B": "1"})
    await server.until(lambda: server.exits)

    assert server.exits[0].code == 71
    assert "cannot start a process" in server.exits[0].message
    await server.launch("two")


async def test_an_executor_counts_as_alive_as_long_as_something_that_it_has_forked(
    control: tuple[FakeControl, str], tmp_path: Path
) -> None:
    server, _ = control
    async with a_worker(control, tmp_path) as worker:
        hello = await server.launch("one")
        (zygote,) = children_of(hello.pid)
        os.kill(zygote, signal.SIGSTOP)
        for pid in (worker.pid, hello.pid):
            os.kill(pid, signal.SIGKILL)

    async with a_worker(control, tmp_path):
        await server.launch("two", PYTHONHASHSEED="1")  # by then it has looked
        assert server.exits == []
        os.kill(zygote, signal.SIGCONT)
        await server.until(lambda: server.exits)

    assert server.exits[0].executor == "one"


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_it_ends_an_executor_in_order_when_the_server_says_so(
    control: tuple[FakeControl, str], worker: asyncio.subprocess.Process
) -> None:
    server, _ = control
    await server.launch("one")
    stop = worker_frames.StopExecutor("one", 30.0, "it refuses")
    assert server.worker is not None

    await server.worker.send(frames.encode(stop))
    await server.worker.send(frames.encode(stop))
    await server.until(lambda: server.exits)

    assert server.exits == [worker_frames.Exited("one", frames.LEFT, "it has ended in order")]


async def test_it_kills_an_executor_that_does_not_end_and_tells_when_all_of_it_is_gone(
    control: tuple[FakeControl, str], worker: asyncio.subprocess.Process
) -> None:
    server, _ = control
    hello = await server.launch("one")
    (zygote,) = children_of(hello.pid)
    assert server.worker is not None

    for pid in (hello.pid, zygote):
        os.kill(pid, signal.SIGSTOP)
    await server.worker.send(frames.encode(worker_frames.StopExecutor("one", 0.1, "it refuses")))
    # By the time that another one is here, this one is dead, but for what it has forked.
    await server.launch("two", PYTHONHASHSEED="1")
    assert server.exits == []
    os.kill(zygote, signal.SIGCONT)
    await server.until(lambda: server.exits)

    assert server.exits == [worker_frames.Exited("one", -9, "killed by SIGKILL")]
    # The kernel closes its end of the pipe a moment before it counts as dead.
    wait_until(lambda: not is_alive(zygote), "the zygote is gone", 5)


async def test_it_comes_back_with_what_it_runs(
    control: tuple[FakeControl, str], worker: asyncio.subprocess.Process
) -> None:
    server, _ = control
    await server.launch("one")
    assert server.worker is not None

    await server.worker.close()
    await server.until(lambda: len(server.hellos) == 2)

    assert server.hellos[1].running == ["one"]


def test_user_code_gets_no_secret_of_the_worker() -> None:
    own = {
        "PATH": "/bin",
        "FLYTEUI_EXECUTOR_TOKEN": "x",
        "DATABASE_URL": "x",
        "SECRET_KEY": "x",
        "AWS_REGION": "r",
    }

    env = clean_environment(own, {"MODEL": "m"})

    assert {name: env[name] for name in ("PATH", "AWS_REGION", "MODEL")} == {
        "PATH": "/bin",
        "AWS_REGION": "r",
        "MODEL": "m",
    }
    assert not {"FLYTEUI_EXECUTOR_TOKEN", "DATABASE_URL", "SECRET_KEY"} & env.keys()


def test_exit_codes_are_told_in_words() -> None:
    assert describe_exit(frames.LEFT) == "it has ended in order"
    assert describe_exit(0) == "exit code 0"
    assert describe_exit(70) == "exit code 70"
    assert describe_exit(-11) == "killed by SIGSEGV"
