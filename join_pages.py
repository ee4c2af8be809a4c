"""Joins the scripts and the styles of the pages: `python join_pages.py` makes static/dist/ out of static/js/ and static/css/.

By the esbuild of `make modules`, else by one that npm fetches where npm is. Without both, and while nothing is joined, the server
serves each file by itself.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from runs.templatetags.joined import DIGEST, JOINED, SOURCES, digest_of_sources, is_joined

ROOT = Path(__file__).resolve().parent
STATIC = ROOT / "static"
OPTIONS = (
    "--bundle", "--format=esm", "--target=esnext", "--minify-whitespace", "--sourcemap", "--log-level=warning",
    "--entry-names=[name]",
)  # fmt: skip
FETCH_SECONDS = 120


def main() -> int:
    """Returns the exit code: 0 also where nothing can join them."""
    if is_joined(STATIC):
        return 0
    if (esbuild := find_esbuild()) is None:
        sys.stdout.write("Here is neither esbuild nor npm: the pages load each script and style by itself.\n")
        return 0
    return join(STATIC, esbuild)


def find_esbuild() -> list[str] | None:
    """Its command. npm runs the version that package.json pins."""
    if programs := sorted(ROOT.glob("node_modules/@esbuild/*/bin/esbuild")):
        return [str(programs[0])]
    if npm := shutil.which("npm"):
        version = json.loads((ROOT / "package.json").read_text())["devDependencies"]["esbuild"]
        return [npm, "exec", "--yes", "--fetch-retries=0", f"--package=esbuild@{version}", "--", "esbuild"]
    return None


def join(static: Path, esbuild: list[str]) -> int:
    """Make one file of each kind, in dist/, with maps to the sources. Returns the exit code."""
    entries = [f"{static}/{kind}/app.{kind}" for kind in SOURCES]
    folder = static / JOINED
    shutil.rmtree(folder, ignore_errors=True)
    command = [*esbuild, *entries, *OPTIONS, f"--outdir={folder}"]
    done = subprocess.run(command, cwd=ROOT, timeout=FETCH_SECONDS, check=False)
    if done.returncode == 0:
        (folder / DIGEST).write_text(digest_of_sources(static))  # last: only with it is the folder looked at
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
