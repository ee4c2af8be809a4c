"""Measures a fan-out by turns with the SDK's own local mode, which stores nothing: a ratio says the same on any day of a machine."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROUNDS = 3
TICKS = os.sysconf("SC_CLK_TCK")
# What a process is, by a word of its command line.
KINDS = {"flyteui.web": "web", "runs.executor": "executor"}


def ratio(url: str, scale: float) -> list[tuple[str, str, str, float]]:
    """Actions a second and CPU milliseconds an action, of the server's processes and of one process of the SDK."""
    import flyte

    from benchmarks import flows
    from benchmarks.measure import actions

    del url
    n = int(5000 * scale)
    flyte.run(flows.fan_out, n=50).wait(quiet=True)
    served, local, spent, spent_locally = [], [], defaultdict[str, float](float), 0.0
    for _ in range(ROUNDS):
        before = cpu_seconds()
        run = flyte.run(flows.fan_out, n=n)
        run.wait(quiet=True)
        root = actions(run.name).get(name="a0")
        served.append(n / (root.ended_at - root.started_at).total_seconds())
        for kind, seconds in cpu_seconds().items():
            spent[kind] += seconds - before[kind]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.local", str(n)], capture_output=True, text=True, check=True
        )
        rate, seconds = map(float, done.stdout.split()[-2:])
        local.append(rate)
        spent_locally += seconds
    rates = f"{statistics.median(served):.0f}/s beside {statistics.median(local):.0f}/s"
    found = statistics.median(served) / statistics.median(local)
    web, executor, here = (
        one / (ROUNDS * n) * 1e3 for one in (spent["web"], spent["executor"], spent_locally)
    )
    what = f"fan-out of {n:,} no-ops, ratio to local mode, by turns"
    return [
        (what, "≥ 1.0", f"{found:.2f} ({rates})", found),
        ("… CPU of the web process an action", "≤ 0.35 ms", f"{web:.2f} ms", web),
        ("… CPU of the executor an action", "≤ 0.8 ms", f"{executor:.2f} ms; local mode {here:.2f} ms", executor),
    ]  # fmt: skip


def cpu_seconds() -> defaultdict[str, float]:
    """What the processes below this one have taken so far, with those that they have waited for, by kind."""
    parents, taken, kinds = {}, {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:  # it has ended meanwhile
            continue
        pid = int(folder.name)
        parents[pid] = int(fields[1])
        taken[pid] = sum(map(int, fields[11:15])) / TICKS
        kinds[pid] = next((kind for word, kind in KINDS.items() if word in command), "")
    found = defaultdict[str, float](float)
    for pid, seconds in taken.items():
        if os.getpid() in _above(pid, parents):
            kind = kinds[pid] or kinds.get(parents[pid], "")  # one that has ended has no command line
            found[kind] += seconds
    return found


def _above(pid: int, parents: dict[int, int]) -> set[int]:
    above: set[int] = set()
    while (pid := parents.get(pid, 0)) and pid not in above:
        above.add(pid)
    return above
