"""Pixi projects of images: by the real pixi, where it is and conda-forge can be reached, and by a stand-in on every machine."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import flyte
import pytest

from runs.domain.phases import Phase
from runs.executor.environments.layout import environment_folder, python_of, read_environment
from runs.executor.environments.shelf import Shelf, bytes_of
from runs.executor.environments.use import take
from runs.executor.images import pixi
from runs.executor.images.build import Made, Order, build
from runs.executor.images.errors import ImageBuildError, PackageNotFound
from runs.executor.images.pixi import NOT_HERE, find_pixi
from tests.support.executor import user_code
from tests.support.executor.building import Log, order_of, run_in, variables
from tests.support.executor.fake_server import FakeServer
from tests.support.executor.pixi import NEVER_ENDS, NOBODY_HAS, install_stand_in
from tests.support.executor.places import PlacesBench
from tests.support.nets import NET_SECONDS

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]
PROJECT = """
[workspace]
name = "mine"
channels = ["conda-forge"]
platforms = ["linux-64", "linux-aarch64", "osx-64", "osx-arm64"]

[dependencies]
{dependencies}

[pypi-dependencies]
cowsay = "==6.0"
"""
PYTHON = 'python = ">=3.11,<3.14"'


@dataclass(frozen=True)
class Builder:
    """Builds below one folder, with the variables of a machine that has this pixi."""

    folder: Path
    variables: dict[str, str]

    @property
    def root(self) -> Path:
        return self.folder / "environments"

    def image(self, dependencies: str = PYTHON) -> flyte.Image:
        project = self.folder / "project"
        project.mkdir(exist_ok=True)
        (project / "pixi.toml").write_text(PROJECT.format(dependencies=dependencies))
        return flyte.Image.from_debian_base(name="test").with_pixi_project(project)

    async def build(self, image: flyte.Image) -> Made:
        return await self.take(order_of(image, self.folder), Log())

    async def take(self, order: Order, log: Log) -> Made:
        return await build(order, self.root, self.variables, log)

    def left(self) -> list[str]:
        return sorted(path.name for path in self.root.iterdir() if path.name != ".locks")


@pytest.fixture
def stand_in(tmp_path: Path) -> Builder:
    install_stand_in(tmp_path / "bin")
    return Builder(tmp_path, variables(PATH=f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"))


@pytest.fixture
def without(tmp_path: Path) -> Builder:
    """Where there is no pixi."""
    (tmp_path / "bin").mkdir()
    for program in ("sh", "env"):
        (tmp_path / "bin" / program).symlink_to(f"/usr/bin/{program}")
    return Builder(tmp_path, variables(PATH=str(tmp_path / "bin"), PIXI_HOME=str(tmp_path)))


@pytest.fixture
async def real(tmp_path: Path) -> Builder:
    there = variables()
    if await find_pixi(there) is None:
        pytest.skip("there is no pixi on this machine")
    try:
        socket.create_connection(("conda.anaconda.org", 443), NET_SECONDS).close()
    except OSError as problem:
        pytest.skip(f"conda-forge cannot be reached: {problem}")
    return Builder(tmp_path, there)


async def check_environment(builder: Builder, dependencies: str) -> Path:
    """Build one, with a package of its own and one that a layer adds. Returns where pixi has made its Python."""
    made = await builder.build(builder.image(dependencies).with_pip_packages("iniconfig==2.0.0"))
    folder = environment_folder(builder.root, made.digest)
    prefix = folder / made.environment.prefix

    files = [path for path in folder.rglob("*") if path.exists()]
    assert [path for path in files if path.stat().st_mode & 0o444 != 0o444] == []
    said = run_in(
        builder.root, made, "import sys, cowsay, iniconfig, flyte, msgspec, websockets; print(sys.prefix)"
    )
    assert said == str(prefix)
    assert (
        made.environment.python
        == subprocess.check_output(
            [python_of(prefix), "-c", "import platform; print(platform.python_version())"], text=True
        ).strip()
    )
    assert read_environment(folder) == made.environment
    assert made.environment.not_honoured == []
    assert builder.left() == [made.digest]

    used = take(folder)
    given = used.variables({"PATH": "/usr/bin", "VIRTUAL_ENV": "/mine"})
    used.release()
    assert (given["VIRTUAL_ENV"], given["PATH"]) == (str(prefix), f"{prefix / 'bin'}:/usr/bin")
    return prefix


async def test_the_real_pixi_installs_its_project_with_what_conda_has(real: Builder):
    prefix = await check_environment(real, f'{PYTHON}\nxz = "*"')

    subprocess.run([prefix / "bin" / "xz", "--version"], check=True, timeout=NET_SECONDS)
    assert list((prefix / "conda-meta").glob("xz-*.json"))


async def test_the_real_pixi_says_what_no_channel_has(real: Builder):
    with pytest.raises(PackageNotFound, match=f"No channel .* {NOBODY_HAS}"):
        await real.build(real.image(f'{PYTHON}\n{NOBODY_HAS} = "*"'))


async def test_the_environment_is_made_at_its_place_and_gets_what_an_executor_needs(stand_in: Builder):
    prefix = await check_environment(stand_in, PYTHON)

    assert (prefix / "environment.txt").read_text() == str(prefix)


async def test_an_executor_runs_in_it(stand_in: Builder):
    made = await stand_in.build(stand_in.image().with_pip_packages("iniconfig==2.0.0"))
    folder = environment_folder(stand_in.root, made.digest)
    server = FakeServer()
    await server.start()
    bench = PlacesBench(
        server, stand_in.folder, user_code.load("places"), user_code.bundle(stand_in.folder, "places"),
        environment=folder,
    )  # fmt: skip
    try:
        await bench.launch()
        ended = await bench.run("tells", run=1, names="cowsay django runs flyte")
        assert ended.phase is Phase.SUCCEEDED, ended.failure
        said = json.loads(await bench.outputs("tells", ended))
    finally:
        await bench.stop()
        await server.stop()

    prefix = folder / made.environment.prefix
    assert (said["prefix"], said["path"]) == (str(prefix), str(prefix / "bin"))
    assert said["modules"] == ["cowsay", "runs", "flyte"]  # this runs is of the bundle


async def test_the_same_project_is_there_at_once(stand_in: Builder):
    order = order_of(stand_in.image(), stand_in.folder)
    first = await stand_in.take(order, Log())

    again = await stand_in.take(order, log := Log())

    assert again == first
    assert not [line for line in log if line.startswith("[")]


async def test_what_the_project_brings_of_flyte_stays(stand_in: Builder):
    image = stand_in.image()
    with (stand_in.folder / "project" / "pixi.toml").open("a") as manifest:
        manifest.write('websockets = "==15.0"\n')

    made = await stand_in.build(image)

    said = run_in(stand_in.root, made, "import websockets; print(websockets.__version__)")
    assert said == "15.0"


@pytest.mark.parametrize(
    ("dependencies", "words"),
    [
        (f'{PYTHON}\n{NOBODY_HAS} = "*"', f"No channel .* {NOBODY_HAS}"),
        ('xz = "*"', "has no Python: add `python`"),
    ],
)
async def test_a_project_that_cannot_be_an_environment_leaves_nothing(
    stand_in: Builder, dependencies: str, words: str
):
    with pytest.raises(ImageBuildError, match=words):
        await stand_in.build(stand_in.image(dependencies))

    assert stand_in.left() == []


async def test_a_cancel_removes_what_is_half_made_at_its_place(stand_in: Builder):
    image = stand_in.image(f'{PYTHON}\n{NEVER_ENDS} = "*"')
    task = asyncio.create_task(stand_in.take(order_of(image, stand_in.folder), log := Log()))
    await log.has("waiting for ever")
    half = [name for name in stand_in.left() if not name.startswith(".")]
    assert Shelf(str(stand_in.root), 0.0).look() == []

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert len(half) == 1
    assert stand_in.left() == []


async def test_what_a_builder_that_was_killed_has_left_is_made_anew(stand_in: Builder):
    order = order_of(stand_in.image(), stand_in.folder)
    made = await stand_in.take(order, Log())
    folder = environment_folder(stand_in.root, made.digest)
    (folder / "environment.json").unlink()
    (folder / "pixi" / "half").touch()

    again = await stand_in.take(order, Log())

    assert again == made
    assert not (folder / "pixi" / "half").exists()


async def test_the_shelf_counts_and_removes_all_of_it(stand_in: Builder):
    made = await stand_in.build(stand_in.image())
    folder = environment_folder(stand_in.root, made.digest)

    [stored] = Shelf(str(stand_in.root), None).look()

    assert stored.bytes == bytes_of(folder) > bytes_of(folder / made.environment.prefix) > 1_000_000
    os.utime(folder / "environment.json", (0, 0))
    assert Shelf(str(stand_in.root), 60.0).look() == []
    assert stand_in.left() == []


async def test_without_pixi_the_project_is_named_with_what_would_help(without: Builder):
    made = await without.take(order_of(without.image(), without.folder), log := Log())

    assert made.environment.not_honoured == [NOT_HERE]
    assert f"not honoured: {NOT_HERE}" in log
    assert "ModuleNotFoundError" in run_in(without.root, made, "import cowsay")


async def test_another_program_of_that_name_is_not_pixi(without: Builder):
    other = without.folder / "bin" / "pixi"
    other.write_text("#!/bin/sh\necho pixi, version 1.0.1\n")
    other.chmod(0o755)

    assert await find_pixi(without.variables) is None


async def test_pixi_is_found_where_its_installer_puts_it(without: Builder):
    variables = {name: value for name, value in without.variables.items() if name != "PIXI_HOME"}
    install_stand_in(place := without.folder / ".pixi" / "bin")

    found = await find_pixi({**variables, "HOME": str(without.folder)})

    assert found is not None
    assert found.path == str(place / "pixi")


@pytest.mark.parametrize(
    ("own", "is_detached"),
    [("", False), ('[mirrors]\n"a" = ["b"]\n', False), ("detached-environments = true\n", True)],
)
def test_environments_are_made_in_the_project_unless_it_says_otherwise_itself(
    tmp_path: Path, own: str, is_detached: bool
):
    (tmp_path / ".pixi" / "envs" / "default").mkdir(
        parents=True
    )  # of the machine that the project comes from
    (tmp_path / ".pixi" / "config.toml").write_text(own)

    pixi.prepare(tmp_path)

    settings = tomllib.loads((tmp_path / ".pixi" / "config.toml").read_text())
    assert settings == {**tomllib.loads(own), "detached-environments": is_detached}
    assert not (tmp_path / ".pixi" / "envs").exists()


def test_an_environment_that_is_elsewhere_is_no_image(tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "default" / "bin").mkdir(parents=True)
    (elsewhere / "default" / "bin" / "python").touch()
    (tmp_path / "aa11" / "pixi" / ".pixi").mkdir(parents=True)
    (tmp_path / "aa11" / "pixi" / ".pixi" / "envs").symlink_to(elsewhere)

    with pytest.raises(ImageBuildError, match="made its environment elsewhere"):
        pixi.check(tmp_path / "aa11", pixi.Install("pixi.toml", "default", (), ()))
