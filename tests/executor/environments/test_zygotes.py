"""Executors in environments of their own, forked from real zygotes of real environments: what user code finds there."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from runs.domain.phases import Phase
from runs.executor.environments.use import EnvironmentUnusable
from runs.executor.home import list_modules
from runs.executor.worker.environment import clean_environment
from runs.executor.worker.launchers import LocalLauncher
from runs.protocol.frames import Key
from tests.executor.conftest import note
from tests.support.executor import user_code
from tests.support.executor.fake_server import FakeServer
from tests.support.executor.isolated import running, text
from tests.support.executor.places import OURS, PlacesBench, build
from tests.support.processes import is_alive

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]
WORKFLOW = "places"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two environments, with another Python and another version of one package."""
    root = tmp_path_factory.mktemp("environments")
    build(root / "aa11", "3.11", "iniconfig==2.0.0")
    there = build(
        root / "bb22",
        "3.12",
        "iniconfig==2.1.0",
        env={"PLACE": "of the image", "OTHER": "x"},
        workdir="files",
    )
    (there / "files" / "more").mkdir(parents=True)
    (there / "files" / "words.txt").write_text("of the image")
    (there / "files" / "of_the_image.py").touch()
    return root


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def launcher() -> AsyncIterator[LocalLauncher]:
    """A worker's, whose zygotes all of the tests use, as runs do."""
    launcher = LocalLauncher(clean_environment(os.environ, {}))
    yield launcher
    await launcher.close()


@pytest_asyncio.fixture(loop_scope="module")
async def benches(root: Path, launcher: LocalLauncher, tmp_path: Path) -> AsyncIterator[Any]:
    """Makes a bench in one of the environments."""
    made: list[PlacesBench] = []

    async def make(digest: str, **env: str) -> PlacesBench:
        folder = tmp_path / digest
        folder.mkdir()
        server = FakeServer()
        await server.start()
        made.append(
            PlacesBench(
                server, folder, user_code.load(WORKFLOW), user_code.bundle(folder, WORKFLOW), env=env,
                environment=root / digest, launcher=launcher, pool=str(folder),
            )
        )  # fmt: skip
        return made[-1]

    yield make
    for bench in made:
        await bench.stop_executor()
        await bench.server.stop()


async def facts(bench: PlacesBench, task: str = "tells", run: int = 1) -> dict[str, Any]:
    ended = await bench.run(
        task, run=run, names="django runs flyteui pytest flyte msgspec of_the_image places"
    )
    assert ended.phase is Phase.SUCCEEDED, ended.failure
    return dict(json.loads(await bench.outputs(task, ended)))


async def test_two_environments_at_once_have_a_python_and_packages_of_their_own(
    benches: Any, root: Path
) -> None:
    one, other = await benches("aa11"), await benches("bb22", PLACE="of the run")

    await asyncio.gather(one.launch(), other.launch())
    first, second, alone = await asyncio.gather(
        facts(one), facts(other), facts(other, "tells_plainly", run=2)
    )

    # The name runs is that of a package in the bundle; nothing of what lies beside ours can be imported.
    assert first["modules"] == ["runs", "flyte", "msgspec", "places"]
    assert second["modules"] == alone["modules"] == ["runs", "flyte", "msgspec", "of_the_image", "places"]
    assert (first["python"], first["iniconfig"], first["flyte"]) == ("3.11", "2.0.0", OURS)
    assert (second["python"], second["iniconfig"], second["flyte"]) == ("3.12", "2.1.0", OURS)
    assert alone["iniconfig"] == "2.1.0"
    assert (first["prefix"], first["path"]) == (str(root / "aa11"), str(root / "aa11" / "bin"))
    assert (first["variable"], second["variable"], second["file"]) == ("", "of the run", "of the image")
    assert one.slow == other.slow == []


async def test_what_only_we_have_is_missing_there_and_an_abort_works_as_everywhere(benches: Any) -> None:
    bench = await benches("bb22")

    missing = await bench.run("imports", name="django.conf")
    assert missing.failure is not None
    assert missing.failure.code == "ModuleNotFoundError"
    assert "No module named 'django'" in missing.failure.message

    for run, task in ((2, "waits"), (3, "waits_plainly")):
        (pid,) = await running(bench, task, run=run)
        await bench.server.abort(Key(run, "a0"), note("too slow"))
        ended = await bench.server.until_ended(Key(run, "a0"))
        assert ended.phase is Phase.ABORTED
        assert "cleaned up\n" in text(bench.server, run)
        assert "too slow" in text(bench.server, run)
        assert is_alive(pid) == (task == "waits")


async def test_modules_are_imported_before_the_next_run_there_too(benches: Any) -> None:
    bench = await benches("aa11")
    await facts(bench)
    assert list_modules(bench.bundle_uri, bench.folder / "home") == [WORKFLOW]
    await bench.stop_executor()

    zygotes = bench.launcher._environments[str(bench.environment)]
    config = bench.config()
    await bench.launcher.get_ready(config)

    assert zygotes.is_preloaded(config)
    assert bench.pool in zygotes._pools


async def test_an_environment_that_is_gone_or_broken_says_what_to_do(benches: Any, root: Path) -> None:
    bench = await benches("cc33")

    with pytest.raises(EnvironmentUnusable, match=r"environment cc33 is not in .*build its image again"):
        await bench.launch()
    broken = build(root / "cc33", "3.11")
    site = next((broken / "lib").glob("python*/site-packages"))
    (site / "msgspec" / "__init__.py").rename(site / "__init__.py")
    (site / "msgspec").rename(site / "other")
    with pytest.raises(
        EnvironmentUnusable, match=r"image flyteui.local/cc33:test: msgspec is not installed in it"
    ):
        await bench.launch()
    (broken / "bin" / "python").unlink()
    (broken / "bin" / "python").symlink_to("/nowhere/python3")
    with pytest.raises(
        EnvironmentUnusable, match=r"gone from .*cc33; it was /nowhere/python3: delete that folder"
    ):
        await bench.launch()
