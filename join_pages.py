"""Joins the scripts and the styles of the pages: `python join_pages.py` makes static/dist/ out of static/js/ and static/css/.

By the esbuild of `make modules`. While nothing is joined, the server serves each file by itself.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from runs.templatetags.joined import DIGEST, JOINED, SOURCES, digest_of_sources

ROOT = Path(__file__).resolve().parent
STATIC = ROOT / "static"
OPTIONS = (
    "--bundle", "--format=esm", "--target=esnext", "--minify-whitespace", "--sourcemap", "--log-level=warning",
    "--entry-names=[name]",
)  # fmt: skip


def main() -> int:
    """Returns the exit code."""
    return join(STATIC, find_esbuild())


def find_esbuild() -> list[str]:
    """Its command."""
    return [str(next(ROOT.glob("node_modules/@esbuild/*/bin/esbuild")))]


def join(static: Path, esbuild: list[str]) -> int:
    """Make one file of each kind, in dist/, with maps to the sources. Returns the exit code."""
    entries = [f"{static}/{kind}/app.{kind}" for kind in SOURCES]
    folder = static / JOINED
    shutil.rmtree(folder, ignore_errors=True)
    command = [*esbuild, *entries, *OPTIONS, f"--outdir={folder}"]
    done = subprocess.run(command, check=False)
    if done.returncode == 0:
        (folder / DIGEST).write_text(digest_of_sources(static))  # last: only with it is the folder looked at
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
