"""The measurements of what actions that share a process cost each other. Called like those of `measure`."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import flyte

from benchmarks import flows
from benchmarks.measure import Lines, actions, since, spread, wait_for
from tests.support import plain_http


def accounting(url: str, scale: float) -> Lines:
    """What step accounting costs the loop, which wall-clock time of a busy machine would not show: by turns, in one process."""
    del url
    n, rounds = int(1000 * scale), 7
    run = flyte.run(flows.fan_out_both_ways, n=n, rounds=rounds)
    run.wait(quiet=True)
    spent = run.outputs()[0][2:]  # the first two warm the process up
    with_it, without = statistics.median(spent[::2]), statistics.median(spent[1::2])
    return [
        (
            f"CPU of the loop for an action of a fan-out of {n:,}, with step accounting and without, by turns",
            "≤ 5 % more",
            f"{with_it / n * 1e6:.0f} µs and {without / n * 1e6:.0f} µs, {(with_it / without - 1) * 100:+.1f} %",
        )
    ]


def crash(url: str, scale: float) -> Lines:
    """One action ends the process that it shares with others."""
    del url
    from runs.models import Attempt

    n = int(1000 * scale)
    file = Path(os.environ["FLYTEUI_HOME"]) / "crashed_at"
    run = flyte.run(flows.hold_and_crash, n=n, seconds=900.0, file=str(file))
    again = Attempt.objects.filter(action__run__name=run.name, lease_epoch__gt=1, started_at__isnull=False)
    wait_for(lambda: again.count() >= n + 2, f"{n} actions that run again")
    failed = list(actions(run.name).filter(phase=6).values_list("short_name", flat=True))
    assert failed == ["crash"]
    crashed_at = float(file.read_text())
    back = [since(crashed_at, at) for at in again.values_list("started_at", flat=True)]
    twice = again.values("action").distinct().count()
    run.abort(reason="measured")
    run.wait(quiet=True)
    return [
        (f"a crash among {n:,} live actions → the others run again", "", spread(back)),
        ("… how many ran twice, and how many failed beside the culprit", "", f"{twice:,}, 0"),
    ]


def processors(url: str, scale: float) -> Lines:
    """Coroutines that compute block each other's event loop the first time, and run alone from then on."""
    del url
    work = int(40_000_000 * scale)

    def seconds(*, in_processes: bool) -> float:
        run = flyte.run(flows.four_compute, work=work, in_processes=in_processes)
        run.wait(quiet=True)
        return float(run.outputs()[0])

    first, again, processes = (seconds(in_processes=where) for where in (False, False, True))
    return [
        (
            "four `async def`s that compute: the first time, the next time, and as plain functions",
            "next time ≤ 1.3 × plain",
            f"{first:.1f} s, {again:.1f} s, {processes:.1f} s: {again / processes:.2f} ×",
        )
    ]


def flood(url: str, scale: float) -> Lines:
    """One action prints while the others of its process are aborted."""
    n, megabytes = int(1000 * scale), int(100 * scale)
    run = flyte.run(flows.hold_and_print, n=n, seconds=900.0, megabytes=megabytes)
    wait_for(lambda: actions(run.name).filter(short_name="prints", phase=4).exists(), "one that prints")
    (held,) = actions(run.name).filter(short_name="hold").values_list("name", flat=True)
    sent = time.time()
    run_id = {"org": "flyteui", "project": "flytesnacks", "domain": "development", "name": run.name}
    body = {"actionId": {"run": run_id, "name": held}, "reason": "bench"}
    plain_http.post(
        f"{url}/flyteidl2.workflow.RunService/AbortAction", json=body, timeout=60
    ).raise_for_status()
    run.wait(quiet=True)
    stopped = [since(sent, row.ended_at) for row in actions(run.name).filter(short_name="sleeper")]
    return [
        (
            f"abort of {n:,} actions beside one that prints {megabytes} MB → all have stopped",
            "",
            spread(stopped),
        )
    ]


MEASUREMENTS = {"accounting": accounting, "crash": crash, "processors": processors, "flood": flood}
