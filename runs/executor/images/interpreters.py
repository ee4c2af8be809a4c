"""Finds the Python of an environment: one that is installed, else one that uv can fetch. It changes nothing but uv's own folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from runs.executor.images import uv
from runs.executor.images.errors import PythonNotFound

MAX_COMPLAINT = 500  # characters


async def find_python(version: str, variables: Mapping[str, str], say: Callable[[str], None]) -> str:
    """The path of a Python of this minor version. Raises PythonNotFound, which names what there is."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if version == own:
        return str(vars(sys)["_base_executable"])  # that of a virtual environment would need its folder
    for path in _installed_by_pyenv(version, variables):
        return str(path)
    if found := await _find_by_uv(version, variables):
        return found
    say(f"Python {version} is not installed; fetching it")
    fetched = await uv.run(["python", "install", "--no-bin", version], variables, say=say)
    if not fetched.code and (found := await _find_by_uv(version, variables)):
        return found
    there = sorted({own, *await _list_by_uv(variables), *_minors_of_pyenv(variables)}, key=_number)
    raise PythonNotFound(
        f"Python {version} is not on this machine and cannot be fetched. There is {', '.join(there)}: install {version}, "
        f"or let the image ask for another (python_version). uv says: {_complaint(fetched.lines)}"
    )


def _complaint(lines: Sequence[str]) -> str:
    """What uv says of its failure, in one line."""
    words = [line.strip().removeprefix("error: ").removeprefix("Caused by: ") for line in lines]
    return ": ".join(filter(None, words))[-MAX_COMPLAINT:] or "nothing"


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


async def _find_by_uv(version: str, variables: Mapping[str, str]) -> str:
    found = await uv.run(
        ["python", "find", "--no-project", "--system", "--no-python-downloads", version], variables
    )
    return found.lines[-1].strip() if not found.code and found.lines else ""


async def _list_by_uv(variables: Mapping[str, str]) -> set[str]:
    """The minor versions that it finds."""
    listed = await uv.run(["python", "list", "--only-installed", "--no-python-downloads"], variables)
    names = [line.split("-")[1] for line in listed.lines if line.startswith("cpython-")]
    return {".".join(name.split(".")[:2]) for name in names}


def _installed_by_pyenv(version: str, variables: Mapping[str, str]) -> Iterator[Path]:
    """Those behind pyenv's shims, which uv takes for broken unless they are switched on; the newest first."""
    found = [path for path in _versions_of_pyenv(variables) if path.name.startswith(f"{version}.")]
    for path in sorted(found, key=lambda path: _safe_number(path.name), reverse=True):
        if (python := path / "bin" / "python").exists():
            yield python


def _minors_of_pyenv(variables: Mapping[str, str]) -> set[str]:
    names = [path.name for path in _versions_of_pyenv(variables) if _safe_number(path.name)]
    return {".".join(name.split(".")[:2]) for name in names}


def _safe_number(name: str) -> tuple[int, ...]:
    return _number(name) if name.replace(".", "").isdecimal() else ()


def _versions_of_pyenv(variables: Mapping[str, str]) -> list[Path]:
    roots = {Path(root) for root in (variables.get("PYENV_ROOT", ""),) if root}
    for entry in variables.get("PATH", os.defpath).split(os.pathsep):
        if entry.endswith("/shims"):
            roots.add(Path(entry).parent)
    found: list[Path] = []
    for root in sorted(roots):
        with suppress(OSError):  # none there, or it is somebody else's: executors may run as another user
            found += (root / "versions").iterdir()
    return found
