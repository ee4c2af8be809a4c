"""The soak, shortened: three seeds of a minute each. `make soak` runs it for longer, with any seed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.e2e.server import ROOT

SECONDS = 60
SETTLED_SECONDS = 330  # with the start, and the time to settle


@pytest.mark.timeout(SETTLED_SECONDS + 30)
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_a_minute_of_random_flows_aborts_and_kills_keeps_every_promise(seed: int):
    env = {**os.environ, "SOAK_SECONDS": str(SECONDS), "SOAK_SEED": str(seed)}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak"],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=SETTLED_SECONDS,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    for what in ("lost", "doubled", "stuck", "untrue", "doctor"):
        assert f"{what:<9}0\n" in f"{done.stdout}\n", done.stdout
