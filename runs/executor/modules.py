"""What user code finds when it imports: never the executor's own packages."""

from __future__ import annotations

import sys
import types
from pathlib import Path

# Where `python -m runs.executor` finds this package, whether it is installed or a checkout.
ROOT = Path(__file__).resolve().parents[2]
OWN_PACKAGES = ("runs", "flyteui")


def forget_ourselves() -> None:
    """Make room for packages of the user that are named like ours. What is imported stays alive, out of reach."""
    _kept.update(sys.modules)
    for name in list(sys.modules):
        if name.partition(".")[0] in OWN_PACKAGES:
            del sys.modules[name]
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.path[:] = [entry for entry in sys.path if entry not in {"", ".", str(ROOT)}]


_kept: dict[str, types.ModuleType] = {}
