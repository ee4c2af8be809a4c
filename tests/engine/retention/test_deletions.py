"""A run that is deleted leaves nothing but the row that says so; what is not over, or is used, stays."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from runs.doctor.findings import Finding
from runs.doctor.leftovers import check_leftovers
from runs.domain.errors import AlreadyExists, Conflict, NotFound
from runs.domain.names import ActionRef
from runs.domain.phases import Phase
from runs.domain.specs import read_task_spec
from runs.engine.creation import create_run
from runs.engine.retention import deletions, sweep
from runs.engine.retention.periods import FOR_EVER, read_retention
from runs.engine.retention.sweep import Deleted
from runs.models import (
    Abort,
    Action,
    CacheEntry,
    Deletion,
    Executor,
    Image,
    LogChunk,
    Run,
    TaskSpec,
)  # fmt: skip
from runs.queries.api import get_action
from runs.queries.runs import get_run
from tests.engine.retention.conftest import MakeEnded, age, files, policy, ref, sweep_all, write
from tests.support import factories
from tests.support.scene import new_run, task_spec

pytestmark = pytest.mark.django_db(transaction=True)


def list_leftovers() -> list[Finding]:
    """What the doctor would find a day later."""
    return list(check_leftovers(timezone.now() + timedelta(days=1)))


def test_all_rows_and_files_of_a_deleted_run_are_gone(make_ended: MakeEnded, root: Path):
    run = make_ended("gone", shape="3x2")
    other = make_ended("stays")
    abort = factories.make_abort(run.actions.get(name="a0"))
    run.actions.exclude(name="a0").update(abort=abort)
    Executor.objects.filter(runs=run).update(blocked_by=run.actions.get(name="a0-1"))
    before = files(root)

    deletions.delete_run(ref("gone"), actor="ann")
    deleted = sweep_all()

    assert deleted.rows == 10
    left = {
        model.__name__: set(model._default_manager.values_list(path, flat=True))
        for model, path in RUNS_OF.items()
    }
    assert left == {model.__name__: {other.pk} for model in RUNS_OF} | {"Abort": set()}
    assert files(root) == {file for file in before if "/stays/" in file}
    assert not (root / "flytesnacks/development/gone").exists()
    deletion = Deletion.objects.get()
    assert (deletion.actions, deletion.actor, deletion.run, deletion.kept_files) == (10, "ann", None, 0)
    assert deletion.cleared_at is not None
    assert deletion.freed_bytes == deleted.size == len(b"weights")
    assert list_leftovers() == []


def test_the_doctor_finds_what_a_deletion_has_left(make_ended: MakeEnded, root: Path):
    make_ended("gone")
    deletions.delete_run(ref("gone"), actor="ann")
    assert [(one.check, "rows of it are left" in one.message) for one in list_leftovers()] == [
        ("deletion-unfinished", True)
    ]

    sweep.run_here(sweep.delete_left(Deleted()))
    assert [(one.check, "files of it are left" in one.message) for one in list_leftovers()] == [
        ("deletion-unfinished", True)
    ]

    sweep_all()
    write(f"file://{root}/flytesnacks/development/gone/a0/1/outputs.pb")
    assert [one.check for one in list_leftovers()] == ["files-of-deleted-run"]

    TaskSpec.objects.create(
        digest="d", spec=b"", name="env.main", unused_since=timezone.now() - timedelta(days=1)
    )
    assert {one.check for one in list_leftovers()} == {"files-of-deleted-run", "unused-row"}


# Every table that points at a run, and how; the test below says which may be left out.
RUNS_OF: dict[Any, str] = {
    Run: "pk", Action: "run", Abort: "run", LogChunk: "action__run", apps.get_model("runs", "Attempt"): "action__run",
    apps.get_model("runs", "ActionEvent"): "run", Executor.runs.through: "run",
}  # fmt: skip


def test_no_table_that_points_at_a_run_is_forgotten():
    of_runs = {Run, Action, Abort, LogChunk, Executor.runs.through}
    pointing = {
        model
        for model in apps.get_app_config("runs").get_models(include_auto_created=True)
        if any(field.related_model in of_runs for field in model._meta.fields)
    }

    # All set their column to NULL: what an executor was blocked by, whose rows are left, which run built it.
    assert pointing - set(RUNS_OF) == {Executor, Deletion, Image}


def test_it_is_not_found_from_that_moment_on_and_its_address_says_why(make_ended: MakeEnded):
    make_ended("gone")

    deletions.delete_run(ref("gone"), actor="ann")

    with pytest.raises(NotFound, match=r"run 'gone' .* was deleted on .* UTC by ann"):
        get_run(ref("gone"))
    with pytest.raises(NotFound, match="by ann"):  # what the API asks
        get_action(ActionRef(ref("gone")))
    with pytest.raises(NotFound, match="by ann"):
        deletions.delete_run(ref("gone"), actor="bob")


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.QUEUED, Phase.PAUSED])
def test_a_run_that_has_not_ended_is_not_deleted(make_ended: MakeEnded, phase: Phase):
    make_ended("over", days=90)
    factories.make_run("0", name="lives", phase=phase, created_at=timezone.now() - timedelta(days=90))

    with pytest.raises(Conflict, match="has not ended: 1 of its actions live"):
        deletions.delete_run(ref("lives"), actor="ann")
    sweep_all(runs="30d")

    assert set(Run.objects.values_list("name", flat=True)) == {"lives"}


def test_a_run_whose_root_has_ended_but_not_its_child_is_not_deleted(make_ended: MakeEnded):
    run = make_ended("ending", days=90)
    run.actions.filter(name="a0-1").update(phase=Phase.RUNNING, ended_at=None)

    with pytest.raises(Conflict, match="1 of its actions live"):
        deletions.delete_run(ref("ending"), actor="ann")
    assert deletions.find_due(read_retention("X", "30d")) == []


def test_retention_goes_by_project_by_age_and_by_label(make_ended: MakeEnded):
    make_ended("old", days=31)
    make_ended("young", days=29)
    make_ended("kept", days=31, labels={"keep": "true"})
    make_ended("unkept", days=31, labels={"keep": "false"})
    make_ended("quick", days=8, project="scratch")
    make_ended("archived", days=900, project="archive")

    deleted = sweep_all(runs="30d,scratch=7d,archive=")

    assert deleted.runs == 3
    assert set(Run.objects.values_list("name", flat=True)) == {"young", "kept", "archived"}
    assert set(Deletion.objects.values_list("name", "cause", "actor")) == {
        (name, "retention", "FLYTEUI_KEEP_RUNS") for name in ("old", "unkept", "quick")
    }
    with pytest.raises(NotFound, match="because its time was over"):
        get_run(ref("old"))


def test_by_default_everything_stays(make_ended: MakeEnded, root: Path):
    make_ended("old", days=9000)
    age(root, 9000)
    before = files(root)

    deleted = sweep_all()

    assert (deleted.runs, deleted.logs, deleted.files) == (0, 0, 0)
    assert files(root) == before
    assert policy().runs == FOR_EVER


def test_a_run_from_which_a_live_one_recovers_stays(make_ended: MakeEnded):
    first = make_ended("first", days=90)
    factories.make_run("0", name="second", relation="recover", related_to=first)

    with pytest.raises(Conflict, match="run 'second' recovers from run 'first'"):
        deletions.delete_run(ref("first"), actor="ann")
    assert deletions.find_due(read_retention("X", "30d")) == []


def test_somebody_who_deletes_a_run_deletes_its_cache_entries(make_ended: MakeEnded, root: Path):
    for name in ("gone", "gone2"):
        run = make_ended(name)
        CacheEntry.objects.create(
            key=name,
            output_uri=run.actions.get(name="a0").output_uri,
            source=f"{ref(name)}/a0/1",
            created_at=timezone.now(),
        )

    deletions.delete_run(ref("gone"), actor="ann")

    assert CacheEntry.objects.get().key == "gone2"


def test_a_name_is_free_again_when_the_files_are_gone(make_ended: MakeEnded, root: Path):
    make_ended("name")
    deletions.delete_run(ref("name"), actor="ann")
    task = read_task_spec(task_spec())

    with pytest.raises(AlreadyExists, match="some of its files are still there"):
        create_run(new_run(task, "name"))
    sweep_all()
    create_run(new_run(task, "name"))

    assert get_run(ref("name")).ref == ref("name")


def test_logs_go_before_their_runs(make_ended: MakeEnded):
    make_ended("old", days=31)
    make_ended("young", days=29)

    deleted = sweep_all(logs="30d")

    assert deleted.logs == 1
    assert set(LogChunk.objects.values_list("action__run__name", flat=True)) == {"young"}
    assert Run.objects.get(name="old").logs_deleted_at is not None
    assert sweep_all(logs="30d").logs == 0


def test_what_a_batch_of_rows_costs_does_not_grow(make_ended: MakeEnded, django_assert_num_queries: Any):
    run = make_ended("gone", shape="50")
    ids = list(run.actions.order_by("-pk").values_list("pk", flat=True))

    with django_assert_num_queries(6 + 2):  # and the transaction
        deletions.delete_rows(ids[:40])

    assert run.actions.count() == 11


def test_a_deletion_goes_on_after_a_crash(make_ended: MakeEnded, root: Path):
    make_ended("gone", shape="5")
    deletions.delete_run(ref("gone"), actor="ann")
    rows = deletions.find_rows()
    assert rows is not None
    deletions.delete_rows(rows.actions[:3])

    sweep_all()

    assert (Run.objects.count(), Action.objects.count(), files(root)) == (0, 0, set())


def test_rows_of_long_runs_are_read_in_parts(make_ended: MakeEnded, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(deletions, "READ_AT_ONCE", 4)
    monkeypatch.setattr(deletions, "BATCH", 3)
    make_ended("gone", shape="10")
    deletions.delete_run(ref("gone"), actor="ann")

    sweep_all()

    assert (Run.objects.count(), Action.objects.count()) == (0, 0)


def test_the_row_of_a_deletion_goes_after_a_year(make_ended: MakeEnded):
    make_ended("gone")
    deletions.delete_run(ref("gone"), actor="ann")
    sweep_all()
    Deletion.objects.update(deleted_at=timezone.now() - timedelta(days=deletions.KEPT_DAYS + 1))

    sweep_all()

    assert not Deletion.objects.exists()
    with pytest.raises(NotFound, match="there is no run 'gone'"):
        get_run(ref("gone"))
