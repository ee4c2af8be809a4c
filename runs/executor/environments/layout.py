"""An environment on the worker's disk: a folder named by its digest, with a virtual environment and what it was made of.

Its description is written last, so a folder that has one is whole. No SDK here, because the worker reads it too.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

DESCRIPTION = "environment.json"
LOCKS = (
    ".locks"  # the folder beside the environments in which each has a file; who builds one holds a lock on it
)
BUILDING, CONTEXT = (
    ".building-",
    ".context-",
)  # with the digest: what is half-built, and the files that the image brings
ENVIRONMENTS = "FLYTEUI_ENVIRONMENTS"  # the variable by which a worker names its builder the folder of all


class Environment(msgspec.Struct, frozen=True):
    """What an executor must know of its environment, and a page may say of it."""

    image: str  # as the client names it: flyteui.local/<name>:<md5>
    python: str  # the version, such as 3.12.1
    flyte: str  # the version of the SDK in it
    env: dict[str, str] = {}  # the image's own variables; those of a run win
    workdir: str = ""  # where an action starts, relative to the folder; "": in the folder of its bundle
    prefix: str = (
        ""  # where its Python is installed, relative to the folder, when pixi has made it; "": in the folder
    )
    not_honoured: list[str] = []  # layers that only a container has, in words, such as: apt packages: ffmpeg


def environment_folder(root: Path, digest: str) -> Path:
    """root: FLYTEUI_ENVIRONMENTS. digest: of what decides what is in it, in hexadecimal."""
    if not digest.isalnum():
        raise ValueError(f"{digest!r} is no digest of an environment")
    return root / digest


def python_of(folder: Path) -> Path:
    """Its interpreter."""
    return folder / "bin" / "python"


def read_environment(folder: Path) -> Environment:
    """Raises FileNotFoundError when no such environment was built here."""
    return msgspec.json.decode((folder / DESCRIPTION).read_bytes(), type=Environment)


def write_environment(folder: Path, environment: Environment) -> None:
    """The last step of a build. For everybody to read, whatever the umask is."""
    half = folder / f".{DESCRIPTION}"
    half.write_bytes(msgspec.json.encode(environment))
    half.chmod(0o644)
    half.replace(folder / DESCRIPTION)
