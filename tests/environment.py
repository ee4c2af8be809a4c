"""A pytest plugin that gives each test process a home of its own, before Django reads its settings.

Loaded with `-p` from pyproject.toml: pytest-django reads the settings before any conftest.py is imported.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile

# A developer's server, client configuration or proxy must not leak into a test; these are meant for tests.
KEPT = frozenset(
    {
        "FLYTEUI_CHROMIUM",
        "FLYTEUI_SCREENSHOTS",
        "FLYTEUI_TEST_ACTIONS",
        "FLYTEUI_TEST_DATABASE_URL",
        "FLYTEUI_TEST_EQUIVALENCES",
        "FLYTEUI_TEST_HISTORIES",
        "FLYTEUI_TEST_LONG",
        "FLYTEUI_TEST_MEMORY_UPDATES",
    }
)
CLEARED_PREFIXES = ("FLYTEUI_", "FLYTE_", "FLYTECTL_", "UCTL_", "_UNION_")

for name in list(os.environ):
    leaks = name.startswith(CLEARED_PREFIXES) or name.lower().endswith("_proxy")
    if leaks and name not in KEPT:
        del os.environ[name]

# Tests start hundreds of processes, and each would compile what it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

home = tempfile.mkdtemp(prefix="flyteui-tests-")
atexit.register(shutil.rmtree, home, ignore_errors=True)

os.environ["FLYTEUI_HOME"] = home
os.environ["FLYTEUI_SECRET_KEY"] = "for-tests-only-" + "x" * 50
os.environ["FLYTEUI_EXECUTOR_TOKEN"] = "executor-token-for-tests"
if url := os.environ.get("FLYTEUI_TEST_DATABASE_URL"):
    os.environ["FLYTEUI_DATABASE_URL"] = url
