"""`python start.py MODULE ARG…`: run a module of the executor in any Python, as `python -m` would.

That Python finds our package `runs`, from a checkout or from where it is installed, and nothing that lies beside it: what user
code can import is what its own environment has. `hide_own_packages` takes `runs` away again before user code runs.
"""

from __future__ import annotations

import importlib.util
import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
PACKAGE = HERE.parents[2]


def expose() -> None:
    """Make `runs` importable, and the folder of this script, which Python has put first, not."""
    sys.path[:] = [entry for entry in sys.path if entry != str(HERE.parent)]
    spec = importlib.util.spec_from_file_location(
        PACKAGE.name, PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules[PACKAGE.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)


def command(python: str | Path, module: str, *arguments: str) -> list[str]:
    """The command line that does so. python: the interpreter."""
    return [str(python), str(HERE), module, *arguments]


if __name__ == "__main__":
    expose()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
