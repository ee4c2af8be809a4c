"""A Python that is not installed is fetched by the real uv, from a mirror of our own; where there is none, the error says what there is."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from runs.executor.images.errors import PythonNotFound
from runs.executor.images.interpreters import find_python
from tests.support.executor.building import Log, variables
from tests.support.executor.places import find_python as find_installed
from tests.support.nets import NET_SECONDS

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]
OWN = f"{sys.version_info.major}.{sys.version_info.minor}"
OTHER = "3.13" if OWN == "3.12" else "3.12"
LEFT_OUT = {
    "site-packages",
    "test",
    "tests",
    "idlelib",
    "ensurepip",
    "__pycache__",
    "lib2to3",
    "tkinter",
    "pydoc_data",
}


def bare(folder: Path, **more: str) -> dict[str, str]:
    """Variables of a builder on a machine that has no Python but ours."""
    known = {name: value for name, value in variables().items() if name != "PYENV_ROOT"}
    (folder / "bin").mkdir(exist_ok=True)
    places = {
        "PATH": str(folder / "bin"),
        "HOME": str(folder),
        "UV_PYTHON_INSTALL_DIR": str(folder / "pythons"),
    }
    return {**known, **places, **more}


def pack(python: str, folder: Path) -> Path:
    """An archive of this interpreter, as those are laid out that uv fetches."""
    name = Path(python).name
    home = Path(python).resolve().parents[1]
    archive = folder / "python.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=0) as packed:
        packed.add(Path(python).resolve(), f"python/bin/{name}")
        packed.add(
            home / "lib" / name,
            f"python/lib/{name}",
            filter=lambda one: (
                None if LEFT_OUT & set(Path(one.name).parts) or "/config-" in one.name else one
            ),
        )
        for library in (home / "lib").glob("libpython*"):
            packed.add(library, f"python/lib/{library.name}")
    return archive


def offer(archive: Path, version: str) -> str:
    """The address of a list from which uv can fetch this archive, and nothing else."""
    major, minor, patch = map(int, version.split("."))
    machine = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    system, libc = ("darwin", "none") if sys.platform == "darwin" else ("linux", "gnu")
    one = {
        "name": "cpython", "arch": {"family": machine, "variant": None}, "os": system, "libc": libc, "major": major,
        "minor": minor, "patch": patch, "prerelease": "", "url": archive.as_uri(), "variant": None, "build": "1",
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
    }  # fmt: skip
    listed = archive.with_name("downloads.json")
    listed.write_text(json.dumps({f"cpython-{version}-{system}-{machine}-{libc}": one}))
    return listed.as_uri()


def version_of(python: str) -> str:
    done = subprocess.run(
        [python, "-c", "import platform; print(platform.python_version())"],
        capture_output=True, text=True, check=True, timeout=NET_SECONDS,
    )  # fmt: skip
    return done.stdout.strip()


async def test_it_is_fetched_once_into_uvs_own_folder(tmp_path: Path):
    python = find_installed(OTHER)
    version = version_of(python)
    there = bare(tmp_path, UV_PYTHON_DOWNLOADS_JSON_URL=offer(pack(python, tmp_path), version))

    first = await find_python(OTHER, there, log := Log())
    again = await find_python(OTHER, there, later := Log())

    assert f"Python {OTHER} is not installed; fetching it" in log
    assert Path(first).is_relative_to(tmp_path / "pythons")
    assert version_of(first) == version
    assert (again, later) == (first, [])
    assert not list((tmp_path / "bin").iterdir())
    assert not (tmp_path / ".local").exists()


async def test_where_it_cannot_be_fetched_the_error_says_why_and_what_there_is(tmp_path: Path):
    nowhere = (tmp_path / "nowhere").as_uri()

    with pytest.raises(PythonNotFound) as caught:
        await find_python(OTHER, bare(tmp_path, UV_PYTHON_INSTALL_MIRROR=nowhere), log := Log())

    assert f"Python {OTHER} is not on this machine and cannot be fetched" in str(caught.value)
    assert f"There is {OWN}" in str(caught.value)
    assert "nowhere" in "\n".join(log)
    assert "nowhere" in str(caught.value)
