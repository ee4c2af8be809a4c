"""`flyteui doctor`: lists where the database breaks an invariant, and exits with 1 if it does."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from runs.doctor import checks
from runs.doctor.findings import Finding
from runs.engine.executors import heartbeats, scheduling
from runs.store import local_server

READY_SECONDS = 2.0
START_WORKER = "start one with `flyteui worker`"


class Command(BaseCommand):
    """Check the database against its executors; repairs nothing, and may run beside a server."""

    help = (
        "Look for what is wrong: check the database against the executors, and say what to do. It changes nothing, and exits "
        "with 1 when it has found something."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json", action="store_true", dest="as_json", help="one JSON object, for machines"
        )
        parser.add_argument(
            "--slack", type=float, default=settings.DOCTOR_SLACK_SECONDS,
            help="how many seconds late something may be before it counts as stuck",
        )  # fmt: skip

    def handle(self, *args: Any, as_json: bool, slack: float, **options: Any) -> None:
        findings = checks.list_findings(limits(slack))
        alone = checks.count_tasks_alone()
        if as_json:
            report = {
                "is_healthy": not findings,
                "tasks_alone": alone,
                "findings": [asdict(finding) for finding in findings],
            }
            self.stdout.write(json.dumps(report, indent=2))
        else:
            for line in render(findings):
                self.stdout.write(line)
            if alone:
                self.stdout.write(f"tasks whose actions run alone because of what they did: {alone}")
        if findings:
            raise SystemExit(1)


def limits(slack: float) -> checks.Limits:
    """From which age on something counts as stuck, and why no worker can start an executor."""
    why, remedy = ask_for_worker()
    return checks.Limits(
        now=timezone.now(),
        # Law 6: cancelled, cancelled again after one grace, and its process ended after a second one.
        refusing=timedelta(seconds=2 * settings.ABORT_GRACE_SECONDS + slack),
        waiting=timedelta(seconds=scheduling.START_SECONDS + slack),
        lease=timedelta(seconds=settings.EXECUTOR_LEASE_SECONDS + slack),
        max_executors=settings.MAX_EXECUTORS,
        why_no_executor=why,
        silent=timedelta(seconds=heartbeats.SILENT_SECONDS + slack),
        remedy=remedy,
    )


def ask_for_worker() -> tuple[str, str]:
    """Why no worker can start an executor, and what to do; empty when one can."""
    address = f"{settings.HOST}:{settings.PORT}"
    try:
        with local_server.client(READY_SECONDS) as client:
            answer = client.get("/readyz")
    except httpx.HTTPError:
        return f"no server answers on {address}", "start it with `flyteui up`"
    return ("no worker is connected", START_WORKER) if "no worker" in answer.text else ("", "")


def render(findings: Iterable[Finding]) -> list[str]:
    """One line for each, and a last one that sums up."""
    lines = [
        f"{finding.check}: {f'{finding.run}/{finding.action} ' if finding.action else ''}{finding.message}; {finding.remedy}"
        for finding in findings
    ]
    return [*lines, f"{len(lines)} found" if lines else "healthy: nothing is wrong"]
