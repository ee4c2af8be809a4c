"""The worker against a real socket, with real executor processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from runs.executor import frames
from runs.executor.config import ExecutorConfig
from runs.executor.environ import clean_environment
from runs.executor.launchers import fits_spare
from runs.executor.worker import Worker, WorkerConfig, describe_exit
from tests.e2e.server import wait_until
from tests.processes import is_alive

WAIT_SECONDS = 20.0


class FakeControl:
    """Both sockets of the server: /ws/worker/ and /ws/executor/."""

    def __init__(self) -> None:
        self.hellos: list[frames.WorkerHello] = []
        self.executors: dict[str, frames.Hello] = {}
        self.exits: list[frames.Exited] = []
        self.knows_exits = True
        self.is_left = False
        self.late_launch = ""  # asked for when the worker says that it leaves
        self.worker: ServerConnection | None = None
        self.changed = asyncio.Condition()

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        try:
            if socket.request.path == "/ws/worker/":
                await self.serve_worker(socket)
            else:
                await self.serve_executor(socket)
        except OSError:
            pass

    async def serve_worker(self, socket: ServerConnection) -> None:
        self.worker = socket
        async for frame in socket:
            assert isinstance(frame, bytes)
            message = frames.decode_from_worker(frame)
            async with self.changed:
                if isinstance(message, frames.WorkerHello):
                    self.hellos.append(message)
                elif isinstance(message, frames.WorkerLeaving):
                    self.is_left = True
                    if self.late_launch:
                        await self.ask_for(self.late_launch)
                else:
                    self.exits.append(message)
                    if self.knows_exits:
                        await socket.send(frames.encode(frames.ExitKnown(message.executor)))
                self.changed.notify_all()

    async def serve_executor(self, socket: ServerConnection) -> None:
        hello = frames.decode_from_executor(await socket.recv(decode=False))
        assert isinstance(hello, frames.Hello)
        await socket.send(frames.encode(frames.Welcome(1, 0)))
        async with self.changed:
            self.executors[hello.executor] = hello
            self.changed.notify_all()
        await socket.wait_closed()

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_SECONDS), self.changed:
            await self.changed.wait_for(holds)

    async def ask_for(self, name: str, **env: str) -> None:
        assert self.worker is not None
        await self.worker.send(frames.encode(frames.Launch(name, "pool", "", env, 10, 300.0)))

    async def launch(self, name: str, **env: str) -> frames.Hello:
        await self.ask_for(name, **env)
        await self.until(lambda: name in self.executors)
        return self.executors[name]


@pytest.fixture
async def control() -> AsyncIterator[tuple[FakeControl, str]]:
    made = FakeControl()
    async with serve(made.serve, "127.0.0.1", 0) as server:
        yield made, f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


@pytest.fixture
async def worker(
    control: tuple[FakeControl, str], tmp_path: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    async with a_worker(control, tmp_path) as process:
        yield process


@asynccontextmanager
async def a_worker(control: tuple[FakeControl, str], home: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    known = len(control[0].hellos)
    env = {
        **clean_environment(os.environ, {}),
        "FLYTEUI_HOME": str(home),
        "FLYTEUI_EXECUTOR_TOKEN": "token-of-the-worker",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "manage.py", "worker", "--url", control[1],
        cwd=Path(__file__).resolve().parents[2], env=env,
    )  # fmt: skip
    await control[0].until(lambda: len(control[0].hellos) > known)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), WAIT_SECONDS)


async def test_it_starts_executors_and_stops_them_with_itself(
    control: tuple[FakeControl, str], worker: asyncio.subprocess.Process
) -> None:
    server, _ = control
    first = await server.launch("one")
    second = await server.launch("two", PYTHONHASHSEED="1")

    worker.send_signal(signal.SIGTERM)
    code = await asyncio.wait_for(worker.wait(), WAIT_SECONDS)

    assert code == 0
    assert server.hellos[0].token == first.token == second.token == "token-of-the-worker"
    assert not is_alive(first.pid)
    assert not is_alive(second.pid)


async def test_it_starts_nothing_more_once_it_is_being_stopped(
    control: tuple[FakeControl, str], worker: asyncio.subprocess.Process
) -> None:
    server, _ = control
    await server.launch("one")
    server.late_launch = "late"

    worker.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(worker.wait(), WAIT_SECONDS) == 0

    assert frames.Exited("late", 0, "its worker is being stopped") in server.exits
    assert frames.Exited("one", 0) in server.exits
    assert list(server.executors) == ["one"]


class SlowLauncher:
    """Starts nothing real, and not before it may."""

    def __init__(self) -> None:
        self.was_asked, self.may_launch, self.was_stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def launch(self, config: ExecutorConfig) -> SlowLauncher:
        self.was_asked.set()
        await self.may_launch.wait()
        return self

    async def ended(self) -> int:
        await self.was_stopped.wait()
        return 0

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
    await asyncio.wait_for(running, WAIT_SECONDS)

    assert launcher.was_stopped.is_set()
    await server.until(lambda: server.exits)
    assert server.exits == [frames.Exited("one", 0)]


async def test_it_tells_how_an_executor_died(
    control: tuple[FakeControl, str], worker: asyncio.subprocess.Process
) -> None:
    server, _ = control
    hello = await server.launch("one")

    os.kill(hello.pid, signal.SIGKILL)
    await server.until(lambda: server.exits)

    assert server.exits == [frames.Exited("one", -9, "killed by SIGKILL")]


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
        assert server.exits == [frames.Exited("one", frames.UNSEEN, "its process is gone")]
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
        frames.Exited("one", -9, "killed by SIGKILL"),
        frames.Exited("one", frames.UNSEEN, "its process is gone"),
    ]
    assert {exited.executor for exited in server.exits[2:]} <= {"two"}


async def test_an_environment_that_no_process_can_have_is_told(
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
    stop = frames.StopExecutor("one", 30.0, "it refuses")
    assert server.worker is not None

    await server.worker.send(frames.encode(stop))
    await server.worker.send(frames.encode(stop))
    await server.until(lambda: server.exits)

    assert server.exits == [frames.Exited("one", 0)]


async def test_it_kills_an_executor_that_does_not_end_and_tells_when_all_of_it_is_gone(
    control: tuple[FakeControl, str], worker: asyncio.subprocess.Process
) -> None:
    server, _ = control
    hello = await server.launch("one")
    (zygote,) = children_of(hello.pid)
    assert server.worker is not None

    for pid in (hello.pid, zygote):
        os.kill(pid, signal.SIGSTOP)
    await server.worker.send(frames.encode(frames.StopExecutor("one", 0.1, "it refuses")))
    # By the time that another one is here, this one is dead, but for what it has forked.
    await server.launch("two", PYTHONHASHSEED="1")
    assert server.exits == []
    os.kill(zygote, signal.SIGCONT)
    await server.until(lambda: server.exits)

    assert server.exits == [frames.Exited("one", -9, "killed by SIGKILL")]
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


def test_a_process_in_reserve_is_not_used_for_variables_that_are_read_early() -> None:
    assert fits_spare({"LOG_LEVEL": "10", "_F_SYS_PATH": "./src", "MODEL": "x"})
    assert not fits_spare({"PYTHONPATH": "/x"})
    assert not fits_spare({"FLYTE_IO_BATCH_SIZE": "1"})


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
    assert describe_exit(0) == ""
    assert describe_exit(70) == "exit code 70"
    assert describe_exit(-11) == "killed by SIGSEGV"
