"""Manners: whose actions run alone, for how long, and what counts more."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from flyteidl2.task import task_definition_pb2
from msgspec import structs

from runs.domain.errors import Invalid, NotFound
from runs.domain.failures import Failure
from runs.domain.names import ROOT, ActionRef
from runs.domain.retries import Ending, How
from runs.domain.specs import read_task_spec
from runs.domain.variables.isolation import VARIABLE
from runs.engine import leases, manners
from runs.engine.aborts import request_abort
from runs.engine.book.book import open_run
from runs.models import Action, Manner, Run
from tests.support import factories
from tests.support.racing import race
from tests.support.scene import Scene, task_spec

pytestmark = pytest.mark.django_db

BLOCKED = "blocked its event loop for 4.2 s"
CHILD = "env.child"
SUCCEEDED = Ending(How.SUCCEEDED)


def note(
    run: Run, task: str = CHILD, *, detail: str = BLOCKED, kind: Manner.Kind = Manner.Kind.BLOCKED
) -> None:
    with open_run(run.pk) as book:
        manners.note(book, task, kind, detail, at=timezone.now())


def with_variable(value: str, name: str = CHILD) -> bytes:
    spec = task_definition_pb2.TaskSpec.FromString(task_spec(name))
    spec.task_template.container.env.add(key=VARIABLE, value=value)
    return spec.SerializeToString(deterministic=True)


def lease_of_child(scene: Scene, name: str, spec: bytes | None = None) -> bool:
    """Whether a new child is to run alone."""
    (result,) = scene.batch(scene.enqueue(name, spec=spec))
    if result.lease is not None:  # the fast path
        return result.lease.is_alone
    # It is in another pool, because its variables are others.
    row = Action.objects.get(run=scene.run, name=name)
    with open_run(scene.run.pk) as book:
        return manners.runs_alone(book, book.get(row.name))


def test_what_a_task_did_has_its_next_actions_run_alone_and_no_others():
    scene = Scene()
    scene.start()
    assert not lease_of_child(scene, "before")

    note(scene.run)

    assert lease_of_child(scene, "after")
    assert not lease_of_child(scene, "other", task_spec("env.other"))
    assert Action.objects.get(name="after").is_alone
    assert not Action.objects.get(name="before").is_alone


def test_a_lease_that_is_sent_again_and_a_root_say_it_too():
    scene = Scene()
    note(scene.run, "env.main")

    (lease,) = scene.lease()

    assert lease.is_alone
    again = leases.connect_executor(scene.hello(scene.executor_id, scene.epoch))
    assert again.missing[0].is_alone


def test_what_one_project_or_domain_knows_another_does_not():
    scene = Scene()
    scene.start()
    elsewhere = [
        factories.make_run(name="r2", project="other"),
        factories.make_run(name="r3", domain="staging"),
    ]
    for run in elsewhere:
        note(run)

    assert not lease_of_child(scene, "child")
    assert Manner.objects.count() == 2


@pytest.mark.parametrize(("value", "is_alone"), [("always", True), ("never", False), ("auto", True)])
def test_what_the_task_says_counts_more(value: str, is_alone: bool):
    scene = Scene()
    scene.start()
    note(scene.run)

    assert lease_of_child(scene, "child", with_variable(value)) is is_alone


def test_a_value_that_is_none_is_refused_with_its_name():
    with pytest.raises(Invalid, match="FLYTEUI_ISOLATE is 'perhaps'; it must be always, never or auto"):
        read_task_spec(with_variable("perhaps"))


def test_the_last_fault_stands_in_place_of_the_one_before_and_counts_anew():
    scene = Scene()
    note(scene.run)
    Manner.objects.update(clean_executions=7)

    note(scene.run, kind=Manner.Kind.DIED, detail="died by SIGSEGV")

    manner = Manner.objects.get()
    assert (manner.kind, manner.detail, manner.clean_executions) == ("died", "died by SIGSEGV", 0)
    assert manner.run_name == scene.ref.name


def execute(scene: Scene, name: str, outcome: str = "succeeded", failure: Failure | None = None) -> None:
    scene.batch(scene.enqueue(name))
    scene.batch(scene.started(name))
    scene.batch(scene.finished(name, outcome, failure))


def counted() -> int:
    return Manner.objects.get().clean_executions


def test_it_shares_again_after_enough_clean_executions(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(manners, "CLEAN_ENOUGH", 3)
    scene = Scene()
    scene.start()
    note(scene.run)

    execute(scene, "one")
    execute(scene, "two", "failed", Failure("ValueError", "no", "user"))  # its own affair
    assert counted() == 2
    execute(scene, "three")

    assert not Manner.objects.exists()
    assert not lease_of_child(scene, "four")


def test_what_did_not_end_by_itself_or_began_before_the_fault_does_not_count():
    scene = Scene()
    scene.start()
    note(scene.run)

    execute(scene, "crashes", "failed", Failure("SegmentationFault", "killed by SIGSEGV", "system"))
    scene.batch(scene.enqueue("aborted"))
    scene.batch(scene.started("aborted"))
    request_abort(ActionRef(scene.ref, "aborted"), reason="", actor="ann")
    scene.batch(scene.finished("aborted"))
    scene.batch(scene.enqueue("early"))
    scene.batch(scene.started("early"))
    note(scene.run)
    scene.batch(scene.finished("early"))

    assert counted() == 0


def test_a_step_that_held_up_others_is_remembered_as_its_executor_has_measured_it():
    scene = Scene()
    scene.start()
    scene.grow("child")

    scene.batch(structs.replace(scene.finished("child"), blocked_seconds=0.42))

    manner = Manner.objects.get()
    assert (manner.task_name, manner.kind, manner.detail) == (
        CHILD,
        "blocked",
        "blocked its event loop for 0.4 s",
    )


@pytest.mark.parametrize(
    ("fault", "kind", "detail"),
    [
        ({"blocked_seconds": 0.42}, "blocked", "blocked its event loop for 0.4 s"),
        (
            {"outcome": "failed", "failure": Failure("BusError", "killed", "system"), "has_died": True},
            "died",
            "ended its process (BusError)",
        ),
    ],
)
def test_what_does_it_again_alone_stays_alone(fault: dict[str, Any], kind: str, detail: str):
    scene = Scene()
    scene.start()
    note(scene.run)
    execute(scene, "clean")
    assert counted() == 1

    scene.grow("child")
    scene.batch(structs.replace(scene.finished("child"), **fault))

    manner = Manner.objects.get()
    assert (manner.kind, manner.detail, manner.clean_executions) == (kind, detail, 0)


def test_what_blocks_nobody_because_its_user_wants_it_alone_is_not_remembered():
    scene = Scene()
    scene.start()
    scene.grow("child")
    Action.objects.filter(name="child").update(is_alone=True)

    scene.batch(structs.replace(scene.finished("child"), blocked_seconds=0.42))

    assert not Manner.objects.exists()


def test_what_shared_its_process_does_not_count():
    scene = Scene()
    scene.start()
    scene.batch(scene.enqueue("shared"))
    note(scene.run)
    Manner.objects.update(seen_at=timezone.now() - timedelta(hours=1))
    scene.batch(scene.started("shared"))
    scene.batch(scene.finished("shared"))

    assert counted() == 0


def test_a_task_may_share_again_when_somebody_says_so_and_open_pages_see_it():
    scene = Scene()
    scene.start()
    note(scene.run)
    scene.batch(scene.enqueue("child"))
    before = Action.objects.get(name="child").changed_seq

    assert manners.forget(ActionRef(scene.ref, "child")) == manners.Forgotten(CHILD, was_known=True)
    assert manners.forget(ActionRef(scene.ref, "child")) == manners.Forgotten(CHILD, was_known=False)

    assert Action.objects.get(name="child").changed_seq > before
    assert not lease_of_child(scene, "next")
    with pytest.raises(NotFound, match="nosuch"):
        manners.forget(ActionRef(scene.ref, "nosuch"))


@pytest.mark.parametrize("count", [2, 50])
def test_a_fan_out_pays_one_statement_for_all_of_its_leases(count: int):
    scene = Scene()
    scene.start()
    note(scene.run, ROOT)

    with CaptureQueriesContext(connection) as asked:
        results = scene.batch(*[scene.enqueue(f"c{number}") for number in range(count)])

    assert sum("runs_manner" in query["sql"] for query in asked.captured_queries) == 1
    assert all(result.lease is not None for result in results)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_see_a_fault_or_a_clean_end_at_once_each_gets_its_turn():
    scene = Scene()
    scene.start()
    runs = [scene.run, *(factories.make_run(name=f"r{number}") for number in range(3))]

    assert race(*[partial(note, run) for run in runs]) == [None] * 4
    assert Manner.objects.get().run_name in {run.name for run in runs}

    for name in ("one", "two"):
        scene.batch(scene.enqueue(name))
        scene.batch(scene.started(name))

    def end(name: str) -> None:
        with open_run(scene.run.pk) as book:
            row = book.get(name)
            manners.count_execution(book, row, SUCCEEDED)

    results = race(partial(end, "one"), partial(note, runs[1], detail="died"), partial(end, "two"))
    assert results == [None] * 3
    manner = Manner.objects.get()
    assert manner.detail == "died"
    assert manner.clean_executions <= 2
