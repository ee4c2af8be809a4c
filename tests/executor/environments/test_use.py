"""The variables with which Python starts in an environment."""

from __future__ import annotations

from pathlib import Path

from runs.executor.environments.layout import Environment
from runs.executor.environments.use import InUse


def variables(base: dict[str, str], env: dict[str, str] | None = None, prefix: str = "") -> dict[str, str]:
    about = Environment("flyteui.local/mine:1", "3.12.1", "2.12.0", env=env or {}, prefix=prefix)
    return InUse(Path("/here/aa11"), about, lock=-1).variables(base)


def test_its_programs_come_before_those_of_the_machine_and_of_the_image():
    assert variables({"PATH": "/usr/bin"})["PATH"] == "/here/aa11/bin:/usr/bin"
    assert variables({"PATH": "/usr/bin"}, {"PATH": "/opt/tools"})["PATH"] == "/here/aa11/bin:/opt/tools"
    assert variables({"PATH": "/usr/bin"}, prefix="pixi/x")["PATH"] == "/here/aa11/pixi/x/bin:/usr/bin"


def test_what_leads_to_packages_of_the_worker_goes_and_what_the_image_says_stays():
    worker = {"PYTHONPATH": "/worker", "VIRTUAL_ENV": "/worker", "LEVEL": "worker"}

    found = variables(worker, {"LEVEL": "image", "PYTHONPATH": "/image"})

    assert (found["LEVEL"], found["PYTHONPATH"], found["VIRTUAL_ENV"]) == ("image", "/image", "/here/aa11")
