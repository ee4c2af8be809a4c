"""An environment whose flyte does not fit our executor: each action runs by that flyte's own entry point, and is aborted as ever.

One executor serves all of the tests, each of which has a run of its own: what one of them does to its action is no other's affair.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from runs.domain.phases import Phase
from runs.protocol import frames
from runs.protocol.frames import Key
from tests.executor.conftest import note
from tests.support.executor import user_code
from tests.support.executor.fake_server import FakeServer
from tests.support.executor.isolated import events, running, text
from tests.support.executor.places import PlacesBench, build
from tests.support.processes import is_alive

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]
WORKFLOW = "places"
OLD = "2.9.0"
RUNS = itertools.count(1)


@pytest.fixture
def run() -> int:
    return next(RUNS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PlacesBench]:
    folder = tmp_path_factory.mktemp("entry_point")
    environment = build(
        folder / "environments" / "dd44", "3.12", "iniconfig==2.0.0", flyte=OLD, env={"PLACE": "of the image"}
    )
    server = FakeServer()
    await server.start()
    made = PlacesBench(
        server, folder, user_code.load(WORKFLOW), user_code.bundle(folder, WORKFLOW), environment=environment
    )  # fmt: skip
    yield made
    await made.stop()
    await server.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def impatient(bench: PlacesBench) -> AsyncIterator[PlacesBench]:
    """The bench with a grace period that is over at once."""
    patience = bench.server.grace_seconds
    await set_grace(bench, 0.3)
    yield bench
    await set_grace(bench, patience)


async def set_grace(bench: PlacesBench, seconds: float) -> None:
    """An executor learns of it when it connects."""
    bench.server.grace_seconds = seconds
    if bench.process is not None:
        connections = bench.server.connections
        await bench.server.drop()
        await bench.server.until_connected(connections + 1)


@pytest.mark.parametrize("task", ["tells", "tells_plainly"])
async def test_coroutines_and_functions_run_with_the_packages_of_their_environment(
    bench: PlacesBench, run: int, task: str
) -> None:
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


async def test_an_exception_is_the_actions_error(bench: PlacesBench, run: int) -> None:
    ended = await bench.run("imports", run=run, name="django.conf")

    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.kind) == ("ModuleNotFoundError", "user")


@pytest.mark.parametrize("task", ["waits", "waits_plainly"])
async def test_an_abort_is_a_cancelled_error_in_the_code(bench: PlacesBench, run: int, task: str) -> None:
    (pid,) = await running(bench, task, run=run)

    await bench.server.abort(Key(run, "a0"), note("too slow"))
    ended = await bench.server.until_ended(Key(run, "a0"))

    assert ended.phase is Phase.ABORTED
    assert not is_alive(pid)
    said = text(bench.server, run)
    assert "caught too slow\n" in said
    assert "cleaned up\n" in said
    assert "Traceback" not in said
    (delivered,) = events(bench.server, frames.Delivered, Key(run, "a0"))
    (finished,) = events(bench.server, frames.Finished, Key(run, "a0"))
    assert delivered.at <= finished.at
    assert finished.outcome == "cancelled"


@pytest.mark.parametrize("task", ["refuses", "refuses_plainly"])
async def test_what_refuses_is_killed_with_its_group(impatient: PlacesBench, run: int, task: str) -> None:
    pid, child = await running(impatient, task, 2, run=run)

    await impatient.server.abort(Key(run, "a0"), note("too slow"))
    ended = await impatient.server.until_ended(Key(run, "a0"))

    assert ended.phase is Phase.ABORTED
    assert not is_alive(pid)
    assert not is_alive(child)
    refused = events(impatient.server, frames.Refusing, Key(run, "a0"))
    steps = [event for event in refused if event.stack]
    assert f"in {task}" in steps[0].stack


async def test_a_forced_abort_waits_for_nothing(bench: PlacesBench, run: int) -> None:
    pid, _ = await running(bench, "refuses", 2, run=run)

    await bench.server.force(Key(run, "a0"), note("now"))
    ended = await bench.server.until_ended(Key(run, "a0"))

    assert ended.phase is Phase.ABORTED
    assert not is_alive(pid)
