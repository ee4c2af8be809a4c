"""`flyteui doctor` finds each way in which the database can lie, and nothing in a healthy one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from runs.doctor import checks
from runs.doctor.checks import Limits
from runs.doctor.findings import REPORT, Finding
from runs.domain.names import ROOT
from runs.domain.phases import Kind, Phase
from runs.management.commands import doctor as command
from runs.models import Abort, Action, ActionEvent, Attempt, Executor
from tests.support.scene import Scene

pytestmark = pytest.mark.django_db
STATEMENTS = 33
HOUR = timedelta(hours=1)


def limits(**changes: Any) -> Limits:
    return Limits(
        timezone.now(), refusing=HOUR, waiting=HOUR, lease=HOUR, max_executors=8, silent=9 * HOUR
    )._replace(**changes)


@pytest.fixture
def scene() -> Scene:
    """Every kind of state at once: running, ended, retried, aborted, aborting, queued again, in a pool without executor."""
    scene = Scene(retries=1)
    scene.start()
    scene.grow("running", "done", "stopping", "again")
    scene.grow("below", parent="running")
    scene.queue("queued")
    scene.queue("stopped")
    scene.batch(scene.finished("done"), scene.finished("again", "interrupted"))
    scene.abort("stopping")
    scene.abort("stopped")
    return scene


def findings(**changes: Any) -> list[tuple[str, str]]:
    return [(finding.check, finding.action) for finding in checks.list_findings(limits(**changes))]


def update(name: str, **columns: object) -> None:
    """Write past transitions.py and past the table's own constraints."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        else:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for constraint in ("action_ended_iff_terminal", "action_aborted_has_abort"):
                cursor.execute(f"ALTER TABLE runs_action DROP CONSTRAINT IF EXISTS {constraint}")
        try:
            Action.objects.filter(name=name).update(**columns)
        finally:
            if connection.vendor == "sqlite":
                cursor.execute("PRAGMA ignore_check_constraints = OFF")


def rewrite_history(name: str, phase: Phase) -> None:
    """Make the action's last event say that it came to this phase."""
    last = ActionEvent.objects.filter(action__name=name).latest("pk")
    ActionEvent.objects.filter(pk=last.pk).update(to_phase=phase)


def test_a_healthy_database_has_no_findings_and_costs_few_statements(
    scene: Scene, django_assert_max_num_queries
):
    with django_assert_max_num_queries(STATEMENTS):
        assert findings() == []


def test_a_retry_and_a_lost_executor_are_healthy(scene: Scene):
    from runs.engine import leases

    leases.end_executor(scene.executor_id, "its process ended with code -9")
    assert findings() == []
    scene.executor_id, scene.epoch = scene.connect()
    scene.seq = 0
    scene.lease()

    assert findings() == []


# What is broken by hand, and the checks that name it.
WRONGS: dict[str, tuple[Callable[[Scene], object], set[tuple[str, str]]]] = {
    "an end without a terminal phase": (
        lambda scene: update("running", ended_at=timezone.now()),
        {("ended-iff-terminal", "running")},
    ),
    "a terminal phase without an end": (
        lambda scene: update("done", ended_at=None),
        {("ended-iff-terminal", "done")},
    ),
    "aborted by nobody": (
        lambda scene: update("stopped", abort=None),
        {("aborted-without-abort", "stopped")},
    ),
    "queued while being aborted": (
        lambda scene: update("queued", abort=Abort.objects.first()),
        {("unheld-but-aborting", "queued"), ("broken-chain", "queued")},
    ),
    "alive below a parent that has ended": (
        lambda scene: update("below", parent=scene.action("done")),
        {("outlives-parent", "below")},
    ),
    "alive below a parent that is being aborted": (
        lambda scene: update("below", parent=scene.action("stopping")),
        {("missed-by-abort", "below")},
    ),
    "alive in a run that is being aborted": (
        lambda scene: update(ROOT, abort=Abort.objects.first()),
        {
            *((check, name) for check in ("outlives-run", "missed-by-abort") for name in ("running", "again", "queued")),
            ("outlives-run", "below"),
            ("broken-chain", ROOT),
        },
    ),
    "running nowhere": (
        lambda scene: update("running", executor=None),
        {("held-by-nobody", "running"), ("no-open-attempt", "running")},
    ),
    "running without an open attempt": (
        lambda scene: Attempt.objects.filter(action__name="running").update(ended_at=timezone.now()),
        {("no-open-attempt", "running")},
    ),
    "queued on an executor": (
        lambda scene: update("queued", executor=scene.executor_id),
        {("queued-on-executor", "queued")},
    ),
    "paused although it is a task": (
        lambda scene: update("queued", phase=Phase.PAUSED),
        {("paused-task", "queued"), ("history-ends-elsewhere", "queued")},
    ),
    "a condition that runs": (
        lambda scene: update("running", kind=Kind.CONDITION),
        {("condition-not-paused", "running")},
    ),
    "aborted through a stranger": (
        lambda scene: update("stopping", abort=scene.action("stopped").abort),
        {("broken-chain", "stopping")},
    ),
    "changed after its run": (
        lambda scene: update("running", changed_seq=10_000),
        {("seq-ahead", "running")},
    ),
    "a history with a gap": (
        lambda scene: ActionEvent.objects.filter(action__name="running").order_by("pk")[1].delete(),
        {("broken-history", "running")},
    ),
    "a history with a forbidden step": (
        lambda scene: rewrite_history("done", Phase.PAUSED),
        {("broken-history", "done"), ("history-ends-elsewhere", "done")},
    ),
    "a history that goes back in seq": (
        lambda scene: ActionEvent.objects.filter(
            pk=ActionEvent.objects.filter(action__name="done").latest("pk").pk
        ).update(seq=0),
        {("broken-history", "done")},
    ),
    "a phase that no event tells of": (
        lambda scene: update("done", phase=Phase.FAILED),
        {("history-ends-elsewhere", "done")},
    ),
    "no history": (
        lambda scene: ActionEvent.objects.filter(action__name="queued").delete(),
        {("history-ends-elsewhere", "queued")},
    ),
    "an attempt that skips a number": (
        lambda scene: Attempt.objects.filter(action__name="done").update(number=2),
        {("attempts-not-dense", "done")},
    ),
    "a lease that skips a number": (
        lambda scene: Attempt.objects.filter(action__name="done").update(lease_epoch=2),
        {("attempts-not-dense", "done")},
    ),
    "an attempt that its action does not count": (
        lambda scene: update("done", attempt=3),
        {("attempts-not-dense", "done")},
    ),
    "an attempt that never ended": (
        lambda scene: Attempt.objects.filter(action__name="done").update(ended_at=None),
        {("attempt-left-open", "done")},
    ),
    "held by an executor that is gone": (
        lambda scene: Executor.objects.update(state=Executor.State.GONE),
        {("held-by-gone", name) for name in (ROOT, "running", "stopping", "below")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONGS)
def test_each_thing_that_is_broken_by_hand_is_found_and_named(scene: Scene, wrong: str):
    break_it, expected = WRONGS[wrong]

    break_it(scene)

    # Two of the same check for one action are one here.
    assert set(findings()) == expected


def test_an_abort_that_is_not_obeyed_for_too_long_is_refusing(scene: Scene):
    at = timezone.now() + HOUR * 2

    found = checks.list_findings(limits(now=at, waiting=HOUR * 9))

    assert [(finding.check, finding.action) for finding in found] == [("refusing", "stopping")]
    assert "ann asked at" in found[0].message
    assert "process 1 on host" in found[0].message


def test_what_waits_says_why_nobody_takes_it(scene: Scene):
    at = timezone.now() + HOUR * 2

    def reasons(**known: Any) -> list[str]:
        found = checks.list_findings(limits(now=at, refusing=HOUR * 9, **known))
        return [finding.message.rpartition(": ")[2] for finding in found if finding.check == "waiting"]

    # "again" waits too, but its pool has an executor.
    assert reasons() == ["nobody started one"]
    assert reasons(max_executors=1) == ["1 other executors are alive"]
    assert reasons(why_no_executor="no worker is connected") == ["no worker is connected"]


def test_an_executor_that_nobody_gives_up_is_found(scene: Scene):
    Executor.objects.update(state=Executor.State.DISCONNECTED, disconnected_at=timezone.now() - 2 * HOUR)

    assert findings() == [("executor-overdue", "")]


def test_an_executor_that_no_web_process_has_is_found(scene: Scene):
    Executor.objects.update(heartbeat_at=timezone.now() - 2 * HOUR)

    assert findings(silent=HOUR) == [("executor-silent", "")]


def test_an_executor_that_connects_and_gets_nothing_through_is_found(scene: Scene):
    Executor.objects.update(unproved_since=timezone.now() - timedelta(seconds=20), unproved_connections=9)

    assert findings() == [("executor-unproved", "")]


def test_the_command_prints_a_line_for_each_and_fails(scene: Scene, monkeypatch):
    monkeypatch.setattr(command, "ask_for_worker", lambda: ("", ""))
    Attempt.objects.filter(action__name="done").update(ended_at=None)
    out = StringIO()

    with pytest.raises(SystemExit) as stopped:
        call_command("doctor", stdout=out)

    assert stopped.value.code == 1
    assert out.getvalue().splitlines() == [
        f"attempt-left-open: {scene.ref}/done is succeeded with lease 1, but its attempt 1 with lease 1 has no end; "
        f"{REPORT}",
        "1 found",
    ]


def test_the_command_tells_machines_the_same_in_json(scene: Scene, monkeypatch):
    monkeypatch.setattr(command, "ask_for_worker", lambda: ("", ""))
    healthy, broken = StringIO(), StringIO()

    call_command("doctor", "--json", stdout=healthy)
    update("running", changed_seq=10_000)
    with pytest.raises(SystemExit):
        call_command("doctor", "--json", stdout=broken)

    assert json.loads(healthy.getvalue()) == {"is_healthy": True, "tasks_alone": 0, "findings": []}
    told = json.loads(broken.getvalue())["findings"]
    assert [Finding(**finding).check for finding in told] == ["seq-ahead"]


def test_without_a_server_the_command_says_so(settings):
    settings.PORT, settings.LOCAL_URL = 1, "http://127.0.0.1:1"

    assert command.ask_for_worker() == ("no server answers on 127.0.0.1:1", "start it with `flyteui up`")
