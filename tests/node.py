"""What the checks have from npm: axe-core for the tests of the pages, the TypeScript compiler for their scripts.

`python -m tests.node` makes sure that both are there, in the versions of package-lock.json. The product needs neither,
nor Node: only `make check` and `make test` come here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.browser import run

ROOT = Path(__file__).resolve().parents[1]
MODULES = ROOT / "node_modules"
AXE = MODULES / "axe-core" / "axe.min.js"
TSC = MODULES / "typescript" / "bin" / "tsc"
STAMP = MODULES / ".flyteui-lock"  # the lock file from which the modules were installed
HELP = """\
The checks of the pages need axe-core and the TypeScript compiler, and `npm ci` could not install them.
They need Node 18 or newer with npm, and a registry that npm can reach: install Node (Debian: apt-get install npm),
then see what `npm ci` says. `make test-fast` runs the tests that need neither.
"""


def ensure_modules() -> bool:
    """Install what the lock file names, unless it is here; tell whether it is."""
    lock = (ROOT / "package-lock.json").read_text()
    if not (STAMP.exists() and STAMP.read_text() == lock and AXE.exists() and TSC.exists()):
        if shutil.which("npm") is None or shutil.which("node") is None:
            install_from_debian()
        run("npm", "ci", "--prefix", str(ROOT), "--no-progress", timeout_seconds=300)
        if AXE.exists() and TSC.exists():
            STAMP.write_text(lock)
    return shutil.which("node") is not None and STAMP.exists()


def install_from_debian() -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    print("No npm on PATH: installing Debian's ...", flush=True)
    run("apt-get", "update", timeout_seconds=300)
    run("apt-get", "install", "--yes", "--no-install-recommends", "npm", timeout_seconds=900)


def check_scripts() -> int:
    """Run the compiler over static/js; it writes nothing."""
    return subprocess.run(["node", str(TSC), "--project", str(ROOT)], check=False).returncode


if __name__ == "__main__":
    if not ensure_modules():
        sys.exit(HELP)
    if "--types" in sys.argv:
        sys.exit(check_scripts())
