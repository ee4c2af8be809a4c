"""Environments that the real uv builds from the real index: small packages, in a cache that all tests share."""

from __future__ import annotations

import asyncio
import fcntl
import subprocess
import sys
import tarfile
from functools import partial
from pathlib import Path

import pytest
import uv
from flyteidl2.imagebuilder import definition_pb2 as idl

from runs.executor.environments.layout import environment_folder, read_environment
from runs.executor.images import build as building
from runs.executor.images.build import build
from runs.executor.images.errors import ImageBuildError, IndexNotReached, PackageNotFound, PythonNotFound
from tests.support.executor.building import Log, make, order, pip, run_in, variables
from tests.support.processes import is_alive
from tests.support.server.server import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]
CLONE = 0x40049409  # FICLONE of linux/fs.h


def left_in(root: Path) -> list[str]:
    """What is in the folder of all environments beside the locks."""
    return sorted(path.name for path in root.iterdir() if path.name != ".locks")


async def test_the_environment_has_the_packages_the_sdk_and_nothing_of_ours(tmp_path: Path):
    made = await make(tmp_path, pip("cowsay==6.0"), idl.Layer(apt_packages=idl.AptPackages(packages=["vim"])))

    seen = run_in(tmp_path, made, "import cowsay, flyte, msgspec, websockets; print(cowsay.__version__)")
    assert seen == "6.0"
    assert "ModuleNotFoundError" in run_in(tmp_path, made, "import django")
    about = read_environment(environment_folder(tmp_path, made.digest))
    assert about == made.environment
    assert about.not_honoured == ["apt packages: vim"]
    assert left_in(tmp_path) == [made.digest]


async def test_the_same_image_is_there_at_once_and_another_version_is_another_environment(tmp_path: Path):
    first = await make(tmp_path, pip("cowsay==6.0"))
    log = Log()

    again = await build(order(pip("cowsay==6.0"), run="run2"), tmp_path, variables(), log)
    other = await make(tmp_path, pip("cowsay==6.1"))

    assert again == first
    assert not [line for line in log if line.startswith("[")]
    assert run_in(tmp_path, other, "import importlib.metadata as m; print(m.version('cowsay'))") == "6.1"
    assert left_in(tmp_path) == sorted([first.digest, other.digest])


async def test_what_an_executor_imports_is_compiled_also_where_python_shall_write_nothing(tmp_path: Path):
    unwritten = {**variables(), "PYTHONDONTWRITEBYTECODE": "1"}

    made = await build(order(pip()), tmp_path, unwritten, Log())

    site = next(environment_folder(tmp_path, made.digest).glob("lib/python*/site-packages"))
    assert [list((site / name / "__pycache__").glob("__init__.*.pyc")) != [] for name in ("flyte", "msgspec")] == [
        True, True,
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["", "copy"])
async def test_an_environment_shares_files_with_the_cache_only_where_they_can_be_linked_and_not_cloned(
    tmp_path: Path, mode: str
):
    chosen = variables(UV_LINK_MODE=mode) if mode else variables()
    made = await build(order(pip("cowsay==6.0")), tmp_path, chosen, Log())

    cache = Path(subprocess.check_output([uv.find_uv_bin(), "cache", "dir"], env=chosen, text=True).strip())
    can_only_link = cache.stat().st_dev == tmp_path.stat().st_dev and not can_clone(tmp_path)
    (file,) = environment_folder(tmp_path, made.digest).glob("lib/python*/site-packages/cowsay/__init__.py")
    assert (file.stat().st_nlink > 1) is (can_only_link and not mode)


def can_clone(folder: Path) -> bool:
    """Whether the file system lets files share their blocks until one is written."""
    (folder / "one").write_bytes(b"1" * 4096)
    with (folder / "one").open() as one, (folder / "two").open("wb") as two:
        try:
            fcntl.ioctl(two, CLONE, one.fileno())
        except OSError:
            return sys.platform == "darwin"  # which has another call for it, and uv takes that
    return True


async def test_of_several_builds_at_once_one_builds_and_the_others_wait_for_it(tmp_path: Path):
    logs = [Log() for _ in range(4)]

    made = await asyncio.gather(
        *(
            build(order(pip("cowsay==6.0"), run=f"run{n}"), tmp_path, variables(), log)
            for n, log in enumerate(logs)
        )
    )

    assert len({one.digest for one in made}) == 1
    builders = [n for n, log in enumerate(logs) if any(line.startswith("[1/") for line in log)]
    assert len(builders) == 1
    waiting = f"run run{builders[0]} builds the same image; waiting for it"
    assert all(waiting in log for n, log in enumerate(logs) if n != builders[0])


async def test_those_that_wait_for_a_build_that_fails_learn_why_and_do_not_try_again(tmp_path: Path):
    logs = [Log() for _ in range(3)]

    ends = await asyncio.gather(
        *(
            build(order(pip("flyteui-has-no-such-package"), run=f"run{n}"), tmp_path, variables(), log)
            for n, log in enumerate(logs)
        ),
        return_exceptions=True,
    )

    assert all(isinstance(end, ImageBuildError) and "flyteui-has-no-such-package" in str(end) for end in ends)
    assert len([log for log in logs if any(line.startswith("[1/") for line in log)]) == 1
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("flyteui-has-no-such-package", "package flyteui-has-no-such-package does not exist"),
        ("cowsay==999", "no version cowsay==999"),
    ],
)
async def test_what_the_index_does_not_have_is_named_and_leaves_nothing(
    tmp_path: Path, package: str, words: str
):
    with pytest.raises(PackageNotFound, match=words):
        await make(tmp_path, pip(package))

    assert left_in(tmp_path) == []


async def test_an_index_that_does_not_answer_is_said(tmp_path: Path):
    away = variables(UV_DEFAULT_INDEX="http://127.0.0.1:9/simple", UV_HTTP_RETRIES="0")

    with pytest.raises(IndexNotReached, match="cannot be reached"):
        await build(order(pip("cowsay==6.0")), tmp_path, away, Log())

    assert left_in(tmp_path) == []


async def test_packages_that_keep_an_executor_from_starting_are_no_image(tmp_path: Path):
    with pytest.raises(ImageBuildError, match="do not let an executor start"):
        await make(tmp_path, pip("websockets==12.0"))

    assert left_in(tmp_path) == []


async def test_a_python_that_is_not_there_is_named_with_those_that_are(tmp_path: Path):
    with pytest.raises(PythonNotFound, match=r"Python 3\.4 .* There is .*3\.\d+"):
        await build(order(python="3.4"), tmp_path, variables(UV_PYTHON_DOWNLOADS="never"), Log())


def slow_project(folder: Path) -> Path:
    """A context with a package whose build does not end."""
    project = folder / "slow"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "slow_backend"\nbackend-path = ["."]\n'
    )
    (project / "slow_backend.py").write_text(
        "import os, time\n"
        "def get_requires_for_build_wheel(config=None):\n"
        "    open(os.environ['SLOW_PID'], 'w').write(str(os.getpid()))\n"
        "    time.sleep(3600)\n"
    )
    archive = folder / "context.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(project, "slow")
    return archive


def read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


async def test_a_cancel_kills_uv_and_removes_what_is_half_built(tmp_path: Path):
    root = tmp_path / "environments"
    requirements = idl.Layer(pip_packages=idl.PipPackages(packages=["./slow"]))
    pid_file = tmp_path / "pid"
    task = asyncio.create_task(
        build(
            order(requirements, context=slow_project(tmp_path)),
            root,
            variables(SLOW_PID=str(pid_file)),
            log := Log(),
        )
    )
    await log.has("install ./slow")
    pid = int(await asyncio.to_thread(wait_until, partial(read, pid_file), "the package is being built"))

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await asyncio.to_thread(wait_until, lambda: not is_alive(pid), "what uv has started is gone")
    assert left_in(root) == []


async def test_what_is_wrong_with_the_files_of_an_image_is_said_in_words(tmp_path: Path):
    archive = tmp_path / "context.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(__file__, "../outside.py")

    with pytest.raises(ImageBuildError, match=r"the context of the image may not be unpacked: .*outside\.py"):
        await build(order(context=archive), tmp_path / "environments", variables(), Log())

    assert left_in(tmp_path / "environments") == []


def test_files_cannot_leave_the_image(tmp_path: Path):
    with pytest.raises(ImageBuildError, match="leads out of the image"):
        building.inside(tmp_path, "../../etc/passwd")


def test_all_may_read_an_environment_and_only_its_builder_changes_it(tmp_path: Path):
    folder = tmp_path / "environment"
    (folder / "bin").mkdir(mode=0o700, parents=True)
    modes = {"bin/python": (0o700, 0o755), "private.py": (0o600, 0o644), "shared.py": (0o666, 0o644),
             "fixed.py": (0o400, 0o444)}  # fmt: skip
    for name, (mode, _) in modes.items():
        (folder / name).touch()
        (folder / name).chmod(mode)
    (folder / "link").symlink_to("/etc/passwd")
    before = Path("/etc/passwd").stat()

    building.let_all_read(folder)

    assert {name: (folder / name).stat().st_mode & 0o777 for name in modes} == {
        name: wanted for name, (_, wanted) in modes.items()
    }
    assert [path.stat().st_mode & 0o777 for path in (folder, folder / "bin")] == [0o755, 0o755]
    assert Path("/etc/passwd").stat().st_mode == before.st_mode
