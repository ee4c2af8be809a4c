"""An executor starts in any environment that has what a build puts into it: nothing else of what the server has is imported."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

from runs.executor.images.build import NEEDED

START = """
import sys
from importlib.machinery import PathFinder
known = set(sys.argv[1].split(","))
finders = [*sys.meta_path]
class Known:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in known or name.startswith("_sysconfigdata"):
            return next((spec for one in finders if (spec := one.find_spec(name, path, target))), None)
    find_distributions = staticmethod(PathFinder.find_distributions)
sys.meta_path[:] = [Known()]
import runs.executor.__main__, runs.executor.zygote, runs.executor.processes.child, runs.executor.processes.entry
"""


def with_what_they_need(names: set[str]) -> set[str]:
    """These distributions, and all that they require."""
    found, new = set(), names
    while new:
        found |= new
        new = {name for one in new for name in required(one)} - found
    return found


def required(distribution: str) -> set[str]:
    try:
        lines = requires(distribution) or []
    except PackageNotFoundError:  # of an extra, or of another platform
        return set()
    return {re.split(r"[\s;<>=!~\[(]", line)[0].lower() for line in lines if "extra ==" not in line}


def test_an_executor_imports_only_what_an_environment_has():
    theirs = with_what_they_need({"flyte", *NEEDED})
    modules = {
        module
        for module, distributions in packages_distributions().items()
        if {name.lower().replace("_", "-") for name in distributions}
        & {name.replace("_", "-") for name in theirs}
    }

    done = subprocess.run(
        [sys.executable, "-c", START, ",".join({*modules, *sys.stdlib_module_names, "runs"})],
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
