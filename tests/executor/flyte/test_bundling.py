"""What `bundling` needs of the SDK, and that a bundle is built on no loop that others wait for."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import flyte._run
import pytest
from flyte import _code_bundle, _deploy
from flyte._code_bundle import bundle

from runs.executor.flyte import bundling

SECONDS = 60.0


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (code := tmp_path / "code").mkdir()
    for n in range(200):
        (code / f"module_{n}.py").write_text(f"X = {n}\n" * 200)
    return code


def pack(build: Callable[..., Any], folder: Path) -> Any:
    """The builder's coroutine, for all files of the folder; nothing is uploaded."""
    to = folder.parent / "packed"
    to.mkdir(exist_ok=True)
    return build(folder, copy_style="all", dryrun=True, copy_bundle_to=to)


def test_the_builders_are_coroutine_functions_that_are_imported_when_they_are_called() -> None:
    """Else our thread is never used, and each nested run holds up the SDK's loop again."""
    for name in bundling.BUILDERS:
        assert inspect.iscoroutinefunction(getattr(bundle, name))
        for user in (flyte._run, _deploy):
            assert name not in vars(user)
    for user in (flyte._run, _deploy):
        assert "from ._code_bundle import build_code_bundle" in inspect.getsource(user)


async def test_a_bundle_is_the_same_when_it_is_built_apart(pool: ThreadPoolExecutor, folder: Path) -> None:
    theirs = await pack(bundle.build_code_bundle, folder)
    ours = await pack(bundling.apart(bundle.build_code_bundle, pool), folder)

    assert ours == theirs
    assert len(ours.files or ()) == 200


async def test_the_loop_goes_on_while_files_are_packed(
    pool: ThreadPoolExecutor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packing waits for what the loop does meanwhile: on the loop it would wait in vain."""
    loop, begun, goes_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    create = vars(bundle)["create_bundle"]
    seen: list[object] = []

    def create_slowly(*args: Any, **options: Any) -> Any:
        loop.call_soon_threadsafe(begun.set)
        seen.append((goes_on.wait(SECONDS), threading.current_thread() is threading.main_thread()))
        return create(*args, **options)

    async def tick() -> None:
        await begun.wait()
        goes_on.set()

    monkeypatch.setattr(bundle, "create_bundle", create_slowly)
    await asyncio.gather(tick(), pack(bundling.apart(bundle.build_code_bundle, pool), folder))

    assert seen == [(True, False)]


async def test_an_abort_does_not_wait_for_what_is_packed_and_uploads_nothing(
    pool: ThreadPoolExecutor,
) -> None:
    begun, goes_on = threading.Event(), threading.Event()
    steps: list[str] = []

    async def build() -> None:
        begun.set()
        steps.append(f"packed {goes_on.wait(SECONDS)}")
        await asyncio.sleep(0)
        steps.append("uploaded")

    building = asyncio.create_task(bundling.apart(build, pool)())
    await asyncio.to_thread(begun.wait, SECONDS)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert steps == []  # it has not waited

    goes_on.set()
    await asyncio.to_thread(pool.shutdown)
    assert steps == ["packed True"]


async def test_what_a_builder_raises_comes_out(pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="No files found to bundle"):
        await pack(bundling.apart(_code_bundle.build_code_bundle, pool), tmp_path)
