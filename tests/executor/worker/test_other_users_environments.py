"""Environments of executors that run as another user: whoever has built one, they run in it, and read nothing of the worker's own."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import flyte
import msgspec
import pytest
from flyteidl2.core import literals_pb2
from flyteidl2.imagebuilder import definition_pb2 as idl
from flyteidl2.task import common_pb2

from runs.domain.images import INPUTS, build_task
from runs.domain.names import BUILDER_POOL
from runs.domain.phases import Phase
from runs.executor.environments.layout import ENVIRONMENTS
from runs.executor.images.build import Order, build
from runs.executor.link.config import ExecutorConfig
from runs.executor.worker.environment import builder_variables, clean_environment
from runs.executor.worker.launchers import LocalLauncher
from runs.executor.worker.other_user import CannotBecome, OtherUser, check_start, find_user, make_folder
from runs.protocol import frames
from runs.protocol.frames import Key, RunInfo
from tests.support.executor import user_code
from tests.support.executor.building import order_of
from tests.support.executor.fake_server import FakeAction, FakeServer
from tests.support.executor.isolated import text
from tests.support.executor.pixi import install_stand_in
from tests.support.executor.places import PlacesBench

pytestmark = [
    pytest.mark.processes,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody else takes root"),
]
WORKFLOW = "places"
SPEC = idl.ImageSpec(layers=[idl.Layer(pip_packages=idl.PipPackages(packages=["iniconfig==2.0.0"]))])


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that others may enter, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="flyteui-test-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def nobody(shared: Path) -> OtherUser:
    user = replace(find_user("nobody"), folder=shared / "theirs")
    make_folder(user)
    return user


@pytest.fixture
def variables(shared: Path, nobody: OtherUser, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Of a worker in a Python that they can run: ours, or the same beside it, where ours is in a home that is private."""
    own = clean_environment(os.environ, {})
    try:
        check_start(nobody)
    except CannotBecome:
        python = copy_python(shared / "python")
        own["LD_LIBRARY_PATH"] = str(
            python.parents[1] / "lib"
        )  # its own is named by a path in the private home
        own["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry.endswith("site-packages"))
        try:
            check_start(nobody, str(python))
        except CannotBecome as why:
            pytest.skip(f"nobody cannot read this checkout: {why}")
        for name in ("executable", "_base_executable"):
            monkeypatch.setattr(sys, name, str(python))
    return own


def copy_python(folder: Path) -> Path:
    """The interpreter of this process, at another place."""
    home = Path(sys.base_prefix)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for made in (folder, folder / "bin"):
        made.mkdir()
        made.chmod(0o755)
    link(str(home / "bin" / name), str(folder / "bin" / name))
    ignored = shutil.ignore_patterns("site-packages", "test", "tests", "*.a")
    shutil.copytree(home / "lib", folder / "lib", symlinks=True, copy_function=link, ignore=ignored)
    return folder / "bin" / name


def link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        shutil.copy2(source, target)


@dataclass
class OthersBench(PlacesBench):
    """Executors of another user; all may write to its folder."""

    home: Path = Path()
    pool: str = "pool"
    builder: Mapping[str, str] = field(default_factory=dict)

    def config(self, idle_seconds: float = 300.0) -> ExecutorConfig:
        config = super().config(idle_seconds)
        env = {**self.env, **self.builder}
        return msgspec.structs.replace(config, home=str(self.home), pool=self.pool, env=env)

    def open_to_all(self) -> None:
        """What is in its folder now, as a storage whose access list lets them in."""
        for path in [self.folder, *self.folder.rglob("*")]:
            path.chmod(0o777 if path.is_dir() else 0o666)

    async def lease(self, action: FakeAction) -> FakeAction:
        self.open_to_all()
        await self.server.lease(action)
        return await self.server.until_ended(action.key)


@pytest.fixture
async def bench(shared: Path, nobody: OtherUser, variables: dict[str, str]) -> AsyncIterator[OthersBench]:
    server = FakeServer()
    await server.start()
    folder = shared / "bench"
    folder.mkdir()
    made = OthersBench(
        server, folder, user_code.load(WORKFLOW), user_code.bundle(folder, WORKFLOW),
        launcher=LocalLauncher(variables, umask=0o022, user=nobody), home=nobody.folder,
    )  # fmt: skip
    made.open_to_all()
    yield made
    await made.stop()
    await made.server.stop()


def build_inputs(spec_uri: str) -> bytes:
    inputs = common_pb2.Inputs()
    for name, value in zip(INPUTS, (spec_uri, "", "mine:1"), strict=True):
        literal = literals_pb2.Literal()
        literal.scalar.primitive.string_value = value
        inputs.literals.append(common_pb2.NamedLiteral(name=name, value=literal))
    return inputs.SerializeToString()


async def build_as_they(bench: OthersBench, root: Path) -> Path:
    """By the task build-image, as the worker has it run."""
    (bench.folder / "spec.pb").write_bytes(SPEC.SerializeToString())
    inputs = bench.folder / "inputs.pb"
    inputs.write_bytes(build_inputs((bench.folder / "spec.pb").as_uri()))
    bench.pool = BUILDER_POOL
    bench.builder = {**builder_variables(os.environ, is_other_user=True), ENVIRONMENTS: str(root)}
    await bench.launch()
    await bench.server.until_connected()
    uri = bench.folder.as_uri()
    bench.server.runs[7] = RunInfo(
        7, "local", "flytesnacks", "development", "build", uri, f"{uri}/raw", "2026-01-02T03:04:05Z"
    )
    action = bench.server.create(Key(7, "a0"), build_task().spec, inputs.as_uri(), f"{uri}/built")

    ended = await bench.lease(action)

    assert ended.phase is Phase.SUCCEEDED, (ended.failure, text(bench.server, 7))
    (built,) = [event for event in bench.server.events if isinstance(event, frames.Built)]
    await bench.stop_executor()
    await bench.server.stop()
    bench.server = FakeServer()  # one of them knows one executor
    await bench.server.start()
    bench.pool, bench.builder = "pool", {}
    return root / built.environment


async def run_in(bench: OthersBench, environment: Path, *, prefix: str = "") -> None:
    bench.environment = environment
    ended = await bench.lease(await bench.prepare("tells", names="django iniconfig"))

    assert ended.phase is Phase.SUCCEEDED, (ended.failure, text(bench.server))
    said = json.loads(await bench.outputs("tells", ended))
    assert (said["prefix"], said["iniconfig"], said["modules"]) == (
        str(environment / prefix),
        "2.0.0",
        ["iniconfig"],
    )


def as_they(user: OtherUser, *command: str) -> str:
    """What a program prints that they run."""
    done = subprocess.run(
        command, check=False, cwd="/", capture_output=True, text=True, **user.process_options
    )
    return done.stdout + done.stderr


def writable(user: OtherUser, environment: Path) -> str:
    return as_they(user, "find", str(environment), "-writable", "!", "-type", "l")


async def test_what_they_have_built_is_theirs_and_they_run_in_it(bench: OthersBench, nobody: OtherUser):
    environment = await build_as_they(bench, nobody.folder / "environments")

    await run_in(bench, environment)

    assert environment.stat().st_uid == nobody.uid


async def test_what_the_workers_user_has_built_they_run_in_and_cannot_change(
    bench: OthersBench, nobody: OtherUser, shared: Path, variables: dict[str, str]
):
    order = Order("flyteui.local/mine:1", SPEC, "of the content", None, "run1")
    root = shared / "environments"
    root.mkdir()
    root.chmod(0o755)
    made = await build(order, root, {**variables, **builder_variables(os.environ)}, print)
    environment = root / made.digest

    await run_in(bench, environment)

    assert writable(nobody, environment) == ""
    assert "denied" in as_they(nobody, "cat", str(root / ".locks" / made.digest))


async def test_so_it_is_with_what_pixi_has_made_for_the_workers_user(
    bench: OthersBench, nobody: OtherUser, shared: Path, variables: dict[str, str]
):
    (shared / "pixi.toml").write_text(
        "[dependencies]\npython = '*'\n[pypi-dependencies]\niniconfig = '==2.0.0'\n"
    )
    image = flyte.Image.from_debian_base(name="test").with_pixi_project(shared / "pixi.toml")
    install_stand_in(shared / "bin")
    path = f"{shared / 'bin'}{os.pathsep}{os.environ['PATH']}"
    root = shared / "environments"
    root.mkdir()
    root.chmod(0o755)
    theirs = {**variables, **builder_variables(os.environ), "PATH": path}
    before = os.umask(0o077)
    try:
        made = await build(order_of(image, shared), root, theirs, print)
    finally:
        os.umask(before)
    environment = root / made.digest

    await run_in(bench, environment, prefix=made.environment.prefix)

    assert writable(nobody, environment) == ""
