"""Checks after a soak has settled: nothing lost, doubled or stuck, and no abort forgotten."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass

from benchmarks.server import ROOT
from benchmarks.soak.chaos import Deeds
from benchmarks.soak.marks import doubled, read_marks
from benchmarks.soak.world import World

SETTLE_SECONDS = 150.0


@dataclass(frozen=True)
class Verdict:
    """Findings, each a line; none of them means that all is well."""

    lost: list[str]
    doubled: list[str]
    stuck: list[str]
    untrue: list[str]
    doctor: list[str]
    actions: Counter[str]
    again: int  # attempts that ended because another action ended their process

    @property
    def findings(self) -> dict[str, list[str]]:
        return {
            "lost": self.lost, "doubled": self.doubled, "stuck": self.stuck, "untrue": self.untrue, "doctor": self.doctor
        }  # fmt: skip

    @property
    def is_clean(self) -> bool:
        return not any(self.findings.values())


def settle(world: World) -> None:
    """Wait until everything has ended, or for as long as that may take."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while world.live_actions() and time.monotonic() < deadline:
        time.sleep(0.2)


def judge(world: World, deeds: Deeds) -> Verdict:
    from runs.domain.phases import Phase
    from runs.domain.retries import How
    from runs.models import Action, Attempt

    phases = {
        (run, action): Phase(phase)
        for run, action, phase in Action.objects.values_list("run__name", "name", "phase")
    }
    return Verdict(
        lost=sorted(set(deeds.runs) - {run for run, action in phases if action == "a0"}),
        doubled=list_doubled(world),
        stuck=[f"{run}/{action} is {phases[run, action].name}" for run, action in world.live_actions()],
        untrue=[
            f"{run}/{action} is {phases[run, action].name} although its abort was accepted"
            for run, action in deeds.asked
            if phases[run, action] is not Phase.ABORTED
        ],
        doctor=ask_doctor(),
        actions=Counter(phase.label.lower() for phase in phases.values()),
        again=Attempt.objects.filter(outcome=How.INNOCENT).count(),
    )


def list_doubled(world: World) -> list[str]:
    """Code that ran twice at a time, or more often than it was leased."""
    from django.db.models import Count

    from runs.models import Action

    marks = read_marks(world.where)
    leased = {
        (run, action): count
        for run, action, count in Action.objects.annotate(leases=Count("attempts")).values_list(
            "run__name", "name", "leases"
        )
    }
    begun = Counter((mark.run, mark.action) for mark in marks if mark.what == "start")
    return [f"{mark.run}/{mark.action} ran twice at a time" for mark in doubled(marks)] + [
        f"{run}/{action} began {count} times under {leased.get((run, action), 0)} leases"
        for (run, action), count in begun.items()
        if count > leased.get((run, action), 0)
    ]


def ask_doctor() -> list[str]:
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return [] if done.returncode == 0 else (done.stdout + done.stderr).splitlines()
