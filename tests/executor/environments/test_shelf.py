"""What a worker keeps of its environments: what is in use, and what was used lately."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runs.executor.environments.layout import (
    BUILDING,
    CONTEXT,
    DESCRIPTION,
    LOCKS,
    Environment,
    write_environment,
)
from runs.executor.environments.shelf import Shelf
from runs.executor.environments.use import EnvironmentUnusable, take
from runs.executor.worker.environment import clean_environment
from runs.protocol.worker_frames import StoredEnvironment
from tests.support.executor.fake_control import FakeControl

DAY = 86400.0


def make(root: Path, digest: str, *, days: float = 0) -> Path:
    """An environment that was used so many days ago."""
    folder = root / digest
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    (folder / "big").write_bytes(b"x" * 100_000)
    (folder / "linked").hardlink_to(folder / "big")
    write_environment(folder, Environment(f"flyteui.local/{digest}:test", "3.11", "2.12.1"))
    used = time.time() - days * DAY
    os.utime(folder / DESCRIPTION, (used, used))
    return folder


def names(stored: list[StoredEnvironment]) -> list[str]:
    return [one.digest for one in stored]


def test_what_is_whole_is_counted_with_its_bytes(tmp_path: Path) -> None:
    make(tmp_path, "aa11")
    (tmp_path / ".building-bb22").mkdir()
    (tmp_path / "half").mkdir()

    ((digest, size),) = [(one.digest, one.bytes) for one in Shelf(str(tmp_path), None).look()]

    assert digest == "aa11"
    assert 100_000 <= size < 200_000
    assert Shelf(str(tmp_path / "nowhere"), 1.0).look() == []


def test_what_a_killed_builder_has_left_goes_and_what_is_being_built_stays(tmp_path: Path) -> None:
    (tmp_path / LOCKS).mkdir()
    for digest in ("killed", "busy"):
        (tmp_path / LOCKS / digest).touch()
        for name in (f"{BUILDING}{digest}", f"{CONTEXT}{digest}", digest):
            (tmp_path / name).mkdir()
    make(tmp_path, "whole")
    (tmp_path / LOCKS / "whole").touch()

    with (tmp_path / LOCKS / "busy").open() as busy:
        fcntl.flock(busy, fcntl.LOCK_EX)
        assert names(Shelf(str(tmp_path), None).look()) == ["whole"]

    left = {one.name for one in tmp_path.iterdir()} - {LOCKS}
    assert left == {"whole", "busy", f"{BUILDING}busy", f"{CONTEXT}busy"}


def test_what_nobody_has_used_for_the_period_goes(tmp_path: Path) -> None:
    make(tmp_path, "old", days=3)
    make(tmp_path, "new", days=1)

    assert names(Shelf(str(tmp_path), None).look()) == ["new", "old"]
    assert names(Shelf(str(tmp_path), 2 * DAY).look()) == ["new"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["new"]


def test_what_is_in_use_stays_also_when_only_a_process_of_the_dead_worker_uses_it(tmp_path: Path) -> None:
    folder = make(tmp_path, "aa11", days=3)
    shelf = Shelf(str(tmp_path), 2 * DAY)
    mine = take(folder)
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, pass_fds=[mine.lock]
    )
    mine.release()

    assert names(shelf.look()) == ["aa11"]
    child.communicate()
    assert shelf.look() == []
    with pytest.raises(EnvironmentUnusable, match="environment aa11 is not in"):
        take(folder)


def test_a_use_begins_the_period_again(tmp_path: Path) -> None:
    folder = make(tmp_path, "aa11", days=3)

    used = take(folder)
    used.touch()
    used.release()

    assert names(Shelf(str(tmp_path), 2 * DAY).look()) == ["aa11"]


@pytest.mark.processes
async def test_a_worker_removes_what_is_unused_and_says_what_is_left(
    control: tuple[FakeControl, str], tmp_path: Path
) -> None:
    server, url = control
    make(tmp_path / "environments", "old", days=3)
    make(tmp_path / "environments", "new")
    env = {
        **clean_environment(os.environ, {}), "FLYTEUI_HOME": str(tmp_path), "FLYTEUI_KEEP_UNUSED": "2d",
        "FLYTEUI_EXECUTOR_TOKEN": "token-of-the-worker",
    }  # fmt: skip
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "manage.py", "worker", "--url", url, env=env, cwd=Path(__file__).resolve().parents[3]
    )

    await server.until(lambda: server.environments and names(server.environments[-1]) == ["new"])
    make(tmp_path / "environments", "newer")
    await server.until(lambda: names(server.environments[-1]) == ["new", "newer"])

    worker.terminate()
    await worker.wait()
