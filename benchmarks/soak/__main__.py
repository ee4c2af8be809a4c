"""`make soak`: a real server, real executors, random flows, random aborts and kill -9 of every process kind.

At the end everything must have settled: nothing lost, nothing run twice at a time, nothing stuck, no accepted abort
that did not abort, and a healthy database. Settings: SOAK_SECONDS (180), SOAK_SEED (random).
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import django

from benchmarks.server import running_server
from benchmarks.soak.chaos import Chaos
from benchmarks.soak.verdict import Verdict, judge, settle
from benchmarks.soak.world import World

SHOWN = 20  # findings of a kind
# Short enough that a soak sees leases run out and grace periods end.
SETTINGS = {
    "FLYTEUI_EXECUTOR_LEASE_SECONDS": "20",
    "FLYTEUI_ABORT_GRACE_SECONDS": "5",
    "FLYTEUI_EXECUTOR_IDLE_SECONDS": "30",
}


def main() -> int:
    seconds = float(os.environ.get("SOAK_SECONDS", "180"))
    seed = int(os.environ.get("SOAK_SEED") or random.randrange(10**6))
    print(f"soaking for {seconds:g} s with SOAK_SEED={seed}", flush=True)
    home = tempfile.mkdtemp(prefix="flyteui-soak-")
    with running_server(home, **SETTINGS) as url:
        os.environ["DJANGO_SETTINGS_MODULE"] = "flyteui.settings"
        django.setup()
        world = World(url, Path(home))
        begun = time.monotonic()
        chaos = soak(world, seed, seconds)
        verdict = judge(world, chaos.deeds)
        print(report(chaos, verdict, seed, time.monotonic() - begun), flush=True)
        orphans = world.executors()
    for pid in orphans:  # their worker was killed, so nobody stops them in order
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if verdict.is_clean and not chaos.failures:
        shutil.rmtree(home, ignore_errors=True)
        return 0
    print(f"NOT CLEAN; the server's home is kept: {home}")
    return 1


def soak(world: World, seed: int, seconds: float) -> Chaos:
    """Do everything at once for so long, and let it settle."""
    chaos = Chaos(world, seed)
    chaos.deeds.runs.append(world.submit_first(seed))
    threads = chaos.start()
    chaos.stop.wait(seconds)
    chaos.stop.set()
    for thread in threads:
        thread.join()
    settle(world)
    return chaos


def report(chaos: Chaos, verdict: Verdict, seed: int, seconds: float) -> str:
    """What was done and what came of it, with every finding."""
    deeds = chaos.deeds

    def counts(of: Counter[str]) -> str:
        return f"{sum(of.values())}" + (
            f" ({', '.join(f'{n} {what}' for what, n in sorted(of.items()))})" if of else ""
        )

    lines = [
        f"seed     {seed}, {seconds:.0f} s with the time to settle",
        f"runs     {len(deeds.runs)}",
        f"actions  {counts(verdict.actions)}",
        f"aborts   {counts(deeds.aborts)}",
        f"kills    {counts(deeds.kills)}",
        f"again    {verdict.again} (of what shared a process with one that crashed)",
        *(f"{what:<9}{len(found)}" for what, found in verdict.findings.items()),
    ]
    for what, found in verdict.findings.items():
        lines += [f"  {what}: {one}" for one in found[:SHOWN]]
    lines += [f"  failure: {failure!r}" for failure in chaos.failures]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
