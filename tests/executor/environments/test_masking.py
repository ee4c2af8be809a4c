"""Secrets of actions that run by another flyte's own entry point: what that flyte stores has none of their values."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from flyteidl2.core import execution_pb2

from runs.executor.attempt.masking import MASK
from runs.executor.flyte.stored import mask_stored
from runs.protocol.frames import Key
from tests.executor.conftest import note
from tests.support.executor import user_code
from tests.support.executor.fake_server import FakeServer
from tests.support.executor.isolated import text
from tests.support.executor.places import PlacesBench, build

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]
WORKFLOW = "secretive"
MINE = b"mine-correct-horse"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("environments") / "ee55", "3.12", flyte="2.9.0")


@pytest.fixture
async def bench(environment: Path, tmp_path: Path) -> AsyncIterator[PlacesBench]:
    server = FakeServer()
    await server.start()
    server.secrets = {"mine": MINE}
    made = PlacesBench(
        server, tmp_path, user_code.load(WORKFLOW), user_code.bundle(tmp_path, WORKFLOW), environment=environment
    )  # fmt: skip
    yield made
    await made.stop()
    await server.stop()


def everything_of(bench: PlacesBench) -> bytes:
    """All that is left in the folders of a test, and all that the executor has sent."""
    files = [path.read_bytes() for path in bench.folder.rglob("*") if path.is_file()]
    return b"".join((*files, repr(bench.server.events).encode()))


def stored(bench: PlacesBench, run: int, name: str) -> bytes:
    (file,) = (bench.folder / "storage" / f"run{run}").rglob(name)
    return file.read_bytes()


async def test_what_it_stores_is_masked_by_names_that_we_know_and_by_none(bench: PlacesBench) -> None:
    for run, task in enumerate(("leaks", "leaks_in_a_process"), start=1):
        ended = await bench.run(task, run=run)

        assert ended.failure is not None
        assert (ended.failure.code, ended.failure.message) == ("ValueError", f"refused for {MASK}")
        assert f"refused for {MASK}".encode() in stored(bench, run, "error.pb")
        assert f"plain {MASK} end" in text(bench.server, run)
    assert bench.slow, "it runs by its own entry point"

    # At once, while it runs.
    await bench.start("reports_and_waits", run=3)
    await bench.server.until(lambda: "reported\n" in text(bench.server, 3), "the report")
    assert f"the token is {MASK}".encode() in stored(bench, 3, "report.html")
    await bench.server.force(Key(3, "a0"), note("now"))
    await bench.server.until_ended(Key(3, "a0"))

    # What is stored in another way, before the action has ended.
    ended = await bench.run("stores_otherwise", run=4)
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.message) == ("Refused", f"refused for {MASK}")
    assert f"refused for {MASK}".encode() in stored(bench, 4, "error.pb")
    assert f"the token is {MASK}".encode() in stored(bench, 4, "report.html")
    assert MINE not in everything_of(bench)


WELL = execution_pb2.ErrorDocument(error=execution_pb2.ContainerError(message="all well"))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe nothing to hide", WELL.SerializeToString()])
async def test_what_has_no_secret_is_not_written_again(tmp_path: Path, content: bytes) -> None:
    files = [tmp_path / name for name in ("error.pb", "report.html")]
    for file in files:
        file.write_bytes(content)
        file.chmod(0o400)
    before = [file.stat().st_mtime_ns for file in files]

    await mask_stored(tmp_path.as_uri(), lambda value: value.replace("secret", MASK))

    assert [file.read_bytes() for file in files] == [content, content]
    assert [file.stat().st_mtime_ns for file in files] == before


async def test_an_error_that_nobody_can_read_is_masked_too(tmp_path: Path) -> None:
    (tmp_path / "error.pb").write_bytes(b"\xff secret")

    await mask_stored(tmp_path.as_uri(), lambda value: value.replace("secret", MASK))

    assert (tmp_path / "error.pb").read_bytes() == b"\xff " + MASK.encode()
