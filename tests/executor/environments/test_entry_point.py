"""An environment whose flyte does not fit our executor: each action runs by that flyte's own entry point, and is aborted as ever."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runs.domain.phases import Phase
from runs.protocol import frames
from runs.protocol.frames import Key
from tests.executor.conftest import note
from tests.support.executor import user_code
from tests.support.executor.fake_server import FakeServer
from tests.support.executor.isolated import events, running, text
from tests.support.executor.places import PlacesBench, build
from tests.support.processes import is_alive

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]
WORKFLOW = "places"
OLD = "2.9.0"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("environments") / "dd44"
    return build(folder, "3.12", "iniconfig==2.0.0", flyte=OLD, env={"PLACE": "of the image"})


@pytest.fixture
async def bench(environment: Path, tmp_path: Path) -> AsyncIterator[PlacesBench]:
    server = FakeServer()
    await server.start()
    made = PlacesBench(
        server, tmp_path, user_code.load(WORKFLOW), user_code.bundle(tmp_path, WORKFLOW), environment=environment
    )  # fmt: skip
    yield made
    await made.stop()
    await server.stop()


async def test_coroutines_and_functions_run_with_the_packages_of_their_environment(
    bench: PlacesBench,
) -> None:
    for run, task in enumerate(("tells", "tells_plainly"), start=1):
        ended = await bench.run(task, run=run, names="django flyteui pytest msgspec runs places")
        assert ended.phase is Phase.SUCCEEDED, (ended.failure, text(bench.server, run))
        said = json.loads(await bench.outputs(task, ended))
        assert (said["flyte"], said["python"], said["iniconfig"]) == (OLD, "3.12", "2.0.0")
        assert said["modules"] == ["msgspec", "runs", "places"]
        assert (said["prefix"], said["variable"]) == (str(bench.environment), "of the image")
    (reason,) = set(bench.slow)
    assert reason.startswith(
        f"each action runs in a process of its own, because flyte {OLD} runs them by its own entry point ("
    )
    assert "flyte._internal.image_cache.ImageCache is missing" in reason


async def test_an_exception_is_the_actions_error(bench: PlacesBench) -> None:
    ended = await bench.run("imports", name="django.conf")

    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.kind) == ("ModuleNotFoundError", "user")


@pytest.mark.parametrize("task", ["waits", "waits_plainly"])
async def test_an_abort_is_a_cancelled_error_in_the_code(bench: PlacesBench, task: str) -> None:
    (pid,) = await running(bench, task)

    await bench.server.abort(Key(1, "a0"), note("too slow"))
    ended = await bench.server.until_ended(Key(1, "a0"))

    assert ended.phase is Phase.ABORTED
    assert not is_alive(pid)
    said = text(bench.server)
    assert "caught too slow\n" in said
    assert "cleaned up\n" in said
    assert "Traceback" not in said
    (delivered,), (finished,) = events(bench.server, frames.Delivered), events(bench.server, frames.Finished)
    assert delivered.at <= finished.at
    assert finished.outcome == "cancelled"


@pytest.mark.parametrize("task", ["refuses", "refuses_plainly"])
async def test_what_refuses_is_killed_with_its_group(bench: PlacesBench, task: str) -> None:
    bench.server.grace_seconds = 0.3
    pid, child = await running(bench, task, 2)

    await bench.server.abort(Key(1, "a0"), note("too slow"))
    ended = await bench.server.until_ended(Key(1, "a0"))

    assert ended.phase is Phase.ABORTED
    assert not is_alive(pid)
    assert not is_alive(child)
    steps = [event for event in events(bench.server, frames.Refusing) if event.stack]
    assert f"in {task}" in steps[0].stack


async def test_a_forced_abort_waits_for_nothing(bench: PlacesBench) -> None:
    pid, _ = await running(bench, "refuses", 2)

    await bench.server.force(Key(1, "a0"), note("now"))
    ended = await bench.server.until_ended(Key(1, "a0"))

    assert ended.phase is Phase.ABORTED
    assert not is_alive(pid)
