"""A program `pixi` for machines that have none: it makes what the real one makes, as far as a builder can see, and solves nothing.

An environment of it is a whole Python with its own packages, below the manifest, whose `environment.txt` holds its absolute
path; what lies under [pypi-dependencies] is installed by uv. Of the dependencies it knows two names: one that nobody has, and
one whose installation does not end.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import uv

NOBODY_HAS = "flyteui-has-no-such-package"
NEVER_ENDS = "flyteui-waits-for-ever"
LEFT_OUT = ("site-packages", "test", "tests", "idlelib", "ensurepip", "tkinter", "config-*", "EXTERNALLY-MANAGED")  # fmt: skip


def install_stand_in(folder: Path) -> None:
    """Put it into this folder, which is for PATH."""
    folder.mkdir(parents=True)
    program = folder / "pixi"
    program.write_text(f"#!/bin/sh\nexec '{sys.prefix}/bin/python' '{Path(__file__)}' \"$@\"\n")
    program.chmod(0o755)


def copy_python(prefix: Path) -> None:
    """That of this process, without what a test has no need of."""
    python = Path(vars(sys)["_base_executable"]).resolve()
    name, library = f"python{sys.version_info.major}.{sys.version_info.minor}", python.parents[1] / "lib"
    (prefix / "bin").mkdir(parents=True)
    shutil.copy2(python, prefix / "bin" / name)
    (prefix / "bin" / "python").symlink_to(name)
    shutil.copytree(library / name, prefix / "lib" / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    (prefix / "lib" / name / "site-packages").mkdir()
    for file in library.glob("libpython*"):
        shutil.copy2(file, prefix / "lib" / file.name, follow_symlinks=False)


def main() -> int:
    if sys.argv[1:] == ["--version"]:
        print("pixi 0.0.0")
        return 0
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["install"])
    parser.add_argument("--manifest-path", type=Path, required=True)
    parser.add_argument("--environment", required=True)
    parser.add_argument("--locked", action="store_true")
    chosen = parser.parse_args()
    manifest = tomllib.loads(chosen.manifest_path.read_text())
    settings = tomllib.loads(Path(chosen.manifest_path.parent, ".pixi", "config.toml").read_text())
    assert settings["detached-environments"] is False
    prefix = chosen.manifest_path.parent / ".pixi" / "envs" / chosen.environment
    wanted = manifest["dependencies"]
    if NOBODY_HAS in wanted:
        print(
            f"Error:   × failed to solve\n  ╰─▶ Cannot solve the request because of: No candidates were found for {NOBODY_HAS} *."
        )
        return 1
    prefix.mkdir(parents=True)
    if NEVER_ENDS in wanted:
        print("waiting for ever", flush=True)
        signal.pause()
    if "python" in wanted:
        copy_python(prefix)
        packages = [f"{name}{version}" for name, version in manifest.get("pypi-dependencies", {}).items()]
        subprocess.run(
            [uv.find_uv_bin(), "pip", "install", "--python", prefix / "bin" / "python", *packages], check=True
        )
    (prefix / "environment.txt").write_text(str(prefix))
    return 0


if __name__ == "__main__":
    sys.exit(main())
