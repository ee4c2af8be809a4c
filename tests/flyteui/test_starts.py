"""What a start leaves out, and that the processes that start most often leave it out."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from flyteui.logs import without
from tests.support.server.server import ROOT, clean_environment

WORKER = "import sys; from runs.management.commands import worker; print(*sys.modules)"
# Of two libraries: httpx would bring click along, structlog the other two.
LEFT_OUT = {"httpx", "click", "rich", "twisted"}


def test_what_has_not_been_loaded_is_not_found_inside_and_is_afterwards(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)

    with without("colorsys"), pytest.raises(ImportError):
        importlib.import_module("colorsys")

    assert importlib.import_module("colorsys").__name__ == "colorsys"


def test_what_has_been_loaded_is_the_same_afterwards():
    json = importlib.import_module("json")

    with without("json"):
        pass

    assert importlib.import_module("json") is json


def test_an_error_inside_leaves_nothing_behind():
    with pytest.raises(ValueError, match="inside"), without("colorsys"):
        raise ValueError("inside")

    assert sys.modules.get("colorsys", sys) is not None


def test_a_worker_starts_without_what_it_does_not_use():
    env = {**clean_environment(), "DJANGO_SETTINGS_MODULE": "flyteui.settings"}
    done = subprocess.run(
        [sys.executable, "-c", WORKER],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert "structlog" in done.stdout.split()
    assert LEFT_OUT & set(done.stdout.split()) == set()
