"""The soak, shortened: one seed for some seconds; three for a minute each in the long form. `make soak` runs it for longer."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.long import long_or_short
from tests.support.server.server import ROOT

SECONDS, SEEDS = long_or_short((60, [11, 12, 13]), (8, [11]))
SETTLED_SECONDS = 330  # with the start, and the time to settle


@pytest.mark.timeout(SETTLED_SECONDS + 30)
@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_random_flows_aborts_and_kills_keep_every_promise(seed: int):
    env = {**os.environ, "SOAK_SECONDS": str(SECONDS), "SOAK_SEED": str(seed)}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak"],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=SETTLED_SECONDS,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    for what in ("lost", "doubled", "stuck", "untrue", "doctor"):
        assert f"{what:<9}0\n" in f"{done.stdout}\n", done.stdout
