"""A pixi project of an image: how the SDK writes it in layers, and the pixi of this machine, which installs it.

There is no layer for it: the SDK says in commands how a container would get pixi and install the project, whose files it copies.
"""

from __future__ import annotations

import argparse
import os
import posixpath
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flyteidl2.imagebuilder import definition_pb2 as idl

from runs.executor.environments.layout import python_of
from runs.executor.images import uv
from runs.executor.images.errors import ImageBuildError

PROJECT = "/opt/pixi-project"  # where the SDK's images have the project
FOLDER = "pixi"  # where an environment has it
NOT_HERE = "the pixi project, whose packages come from conda: with pixi on the worker's machine it would be installed"
_IS_PIXI = re.compile(r"pixi \d")  # another program has that name, too


@dataclass(frozen=True, slots=True)
class Pixi:
    """The program, and what it says of its version."""

    path: str
    version: str


@dataclass(frozen=True, slots=True)
class Install:
    """One installation. copies: from the context, and to where below the project's folder; a folder's content, or a file."""

    manifest: str  # a name in the project's folder
    environment: str
    options: tuple[str, ...]
    copies: tuple[tuple[str, str], ...]

    @property
    def says(self) -> str:
        """For the log."""
        return f"install the pixi environment {self.environment}"

    @property
    def prefix(self) -> str:
        """Where it makes its Python, relative to an environment's folder."""
        return f"{FOLDER}/.pixi/envs/{self.environment}"


def read_installs(layers: Iterable[idl.Layer]) -> list[Install]:
    """Of the layers of an image, in their order: each with the files that were copied for it."""
    found: list[Install] = []
    copies: list[tuple[str, str]] = []
    for layer in layers:
        if is_part(layer.copy_config):
            copies.append((layer.copy_config.src, posixpath.relpath(layer.copy_config.dst, PROJECT)))
        for line in layer.commands.cmd:
            if install := _read_install(line, copies):
                found.append(install)
                copies = []
    return found


def is_part(copy: idl.CopyConfig) -> bool:
    """Whether it brings a file of the project."""
    return f"{posixpath.normpath(copy.dst)}/".startswith(f"{PROJECT}/")


def is_command(line: str) -> bool:
    """Whether it installs the project, or pixi itself."""
    return "pixi.sh/install" in line or _read_install(line, []) is not None


def _read_install(line: str, copies: Iterable[tuple[str, str]]) -> Install | None:
    try:
        words = shlex.split(line)
    except ValueError:  # a quote that does not end
        return None
    if len(words) < 2 or posixpath.basename(words[0]) != "pixi" or words[1] != "install":
        return None
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--manifest-path", default="")
    parser.add_argument("--environment", "-e", default="default")
    try:
        known, options = parser.parse_known_args(words[2:])
    except argparse.ArgumentError:
        return None
    if posixpath.dirname(known.manifest_path) != PROJECT:
        return None
    manifest = posixpath.basename(known.manifest_path)
    return Install(manifest, known.environment, tuple(options), tuple(copies))


async def find_pixi(variables: Mapping[str, str]) -> Pixi | None:
    """On PATH, or where its own installer puts it."""
    home = variables.get("PIXI_HOME") or os.path.join(variables.get("HOME", ""), ".pixi")  # noqa: PTH118 -- an entry of PATH
    path = os.pathsep.join((variables.get("PATH", os.defpath), os.path.join(home, "bin")))  # noqa: PTH118 -- as above
    if (found := shutil.which("pixi", path=path)) is None:
        return None
    said = await uv.run_program([found, "--version"], variables)
    version = said.lines[-1].strip() if said.lines and not said.code else ""
    return Pixi(found, version) if _IS_PIXI.match(version) else None


def prepare(project: Path) -> None:
    """Let pixi make its environments anew and below the project's folder, whatever its user has set."""
    shutil.rmtree(project / ".pixi" / "envs", ignore_errors=True)
    file = project / ".pixi" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    own = file.read_text() if file.exists() else ""
    if "detached-environments" not in tomllib.loads(own):
        file.write_text(f"detached-environments = false\n{own}")


def check(folder: Path, install: Install) -> None:
    """Whether an executor can start in what pixi has made below the environment's folder. Raises ImageBuildError."""
    prefix = folder / install.prefix
    if not prefix.resolve().is_relative_to(folder.resolve()):
        raise ImageBuildError(
            "pixi has made its environment elsewhere, where nobody removes it: set `detached-environments = false` in the project's .pixi/config.toml."
        )
    if not python_of(prefix).exists():
        raise ImageBuildError(
            f"The pixi environment {install.environment} has no Python: add `python` to its dependencies."
        )
