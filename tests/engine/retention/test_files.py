"""Files that nothing uses go; what some row, or some stored message, names stays. So with specs and pools."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from django.utils import timezone
from flyteidl2.task import common_pb2

from runs.domain.phases import Phase
from runs.domain.specs import read_task_spec
from runs.engine import creation, locks
from runs.engine.creation import create_run
from runs.engine.retention import deletions, unused
from runs.engine.retention import files as retention_files
from runs.models import (
    Action,
    CacheEntry,
    Deletion,
    Pool,
    Project,
    Run,
    TaskSpec,
)  # fmt: skip
from runs.store import storage, trees
from tests.engine.retention.conftest import MakeEnded, age, files, ref, sweep_all, write
from tests.support.scene import new_run, task_spec

pytestmark = pytest.mark.django_db(transaction=True)


def test_outputs_that_another_run_has_taken_over_stay_with_what_they_name(make_ended: MakeEnded, root: Path):
    source, other = make_ended("source", days=90), make_ended("other")
    taken = source.actions.get(name="a0-1")
    outputs = common_pb2.Outputs()
    file = f"{root}/_raw/flytesnacks/development/source/model.bin"
    outputs.literals.add(name="o0").value.scalar.blob.uri = file
    write(storage.join(taken.output_uri, "outputs.pb"), outputs.SerializeToString())
    other.actions.filter(name="a0-0").update(
        output_uri=taken.output_uri, source="flytesnacks/development/source/a0-1/1"
    )

    sweep_all(runs="30d")

    assert {name for name in files(root) if "/source/" in name} == {
        "flytesnacks/development/source/a0-1/1/outputs.pb", "_raw/flytesnacks/development/source/model.bin",
    }  # fmt: skip
    assert Deletion.objects.get().kept_files == 2

    deletions.delete_run(ref("other"), actor="ann")
    age(root, 3)
    sweep_all(unused="2d")

    assert files(root) == set()


def test_outputs_of_the_cache_stay_as_long_as_its_entries(make_ended: MakeEnded, root: Path):
    run = make_ended("source", days=90)
    root_action = run.actions.get(name="a0")
    CacheEntry.objects.create(
        key="p:k", output_uri=root_action.output_uri, source="flytesnacks/development/source/a0/1",
        created_at=timezone.now() - timedelta(days=90),
    )  # fmt: skip

    sweep_all(runs="30d", cache="91d")
    assert files(root) == {"flytesnacks/development/source/a0/1/outputs.pb"}

    sweep_all(cache="30d", unused="2d")
    age(root, 3)
    sweep_all(unused="2d")
    assert CacheEntry.objects.count() == 0
    assert files(root) == set()


def test_what_a_run_was_given_stays(make_ended: MakeEnded, root: Path):
    make_ended("source", days=90)
    inputs = common_pb2.Inputs()
    inputs.literals.add(
        name="a"
    ).value.scalar.blob.uri = f"{root}/_raw/flytesnacks/development/source/model.bin"
    inputs.literals.add(
        name="b"
    ).value.scalar.primitive.string_value = f"{root}/_uploads/flytesnacks/development/x/a b.csv"
    uri = f"file://{root}/_inputs/flytesnacks/development/digest/inputs.pb"
    write(uri, inputs.SerializeToString())
    for name in ("a b.csv", "unused.csv"):
        write(f"file://{root}/_uploads/flytesnacks/development/x/{name}")
    Action.objects.filter(run=make_ended("other"), name="a0").update(input_uri=uri)
    age(root, 100)

    sweep_all(runs="30d", unused="2d")

    assert {file for file in files(root) if "/other/" not in file} == {
        "_inputs/flytesnacks/development/digest/inputs.pb", "_raw/flytesnacks/development/source/model.bin",
        "_uploads/flytesnacks/development/x/a b.csv",
    }  # fmt: skip


def test_the_code_of_a_task_stays_as_long_as_its_spec(make_ended: MakeEnded, root: Path):
    bundle = f"file://{root}/_uploads/flytesnacks/development/x/fast.tar.gz"
    write(bundle)
    Project.objects.get_or_create(name="flytesnacks")
    task = read_task_spec(task_spec(bundle=bundle))
    create_run(new_run(task, "user"))
    age(root, 100)

    sweep_all(unused="2d")
    assert len(files(root)) == 1

    Action.objects.update(phase=Phase.FAILED, ended_at=timezone.now())
    deletions.delete_run(ref("user"), actor="ann")
    sweep_all(unused="2d")
    long_ago = timezone.now() - timedelta(days=1)
    for model in (TaskSpec, Pool):
        model.objects.update(created_at=long_ago)
    assert unused.mark_unused() == 2
    assert len(files(root)) == 1
    for model in (TaskSpec, Pool):
        model.objects.update(unused_since=long_ago)
    sweep_all(unused="2d")
    assert (TaskSpec.objects.count(), Pool.objects.count()) == (0, 0)
    sweep_all(unused="2d")
    assert files(root) == set()


def test_a_spec_that_is_used_again_stays(root: Path, transactional_db: None):
    Project.objects.get_or_create(name="flytesnacks")
    task = read_task_spec(task_spec())
    creation.keep_spec(task)
    long_ago = timezone.now() - timedelta(days=1)
    TaskSpec.objects.update(created_at=long_ago, unused_since=long_ago)

    spec = creation.keep_spec(task)
    sweep_all()

    assert TaskSpec.objects.get() == spec
    since = TaskSpec.objects.get().unused_since
    assert since is not None
    assert since > long_ago, "its time begins anew"


def test_a_spec_is_not_remembered_for_longer_than_unused_ones_stay(
    root: Path, monkeypatch: pytest.MonkeyPatch
):
    Project.objects.get_or_create(name="flytesnacks")
    task = read_task_spec(task_spec())
    create_run(new_run(task, "first"))
    Action.objects.all().delete()
    Run.objects.all().delete()
    TaskSpec.objects.all().delete()

    assert unused.UNUSED.total_seconds() > 2 * creation.REMEMBERED_SECONDS
    later = time.monotonic() + creation.REMEMBERED_SECONDS + 1
    monkeypatch.setattr(creation, "monotonic", lambda: later)
    create_run(new_run(task, "second"))

    assert TaskSpec.objects.get().digest == task.digest


def test_uploads_under_way_are_not_touched(make_ended: MakeEnded, root: Path):
    make_ended("one")
    write(f"file://{root}/_uploads/flytesnacks/development/x/new.csv")
    (root / "_incoming" / "tmpabc").touch()

    sweep_all(unused="2d")

    assert {"_uploads/flytesnacks/development/x/new.csv", "_incoming/tmpabc"} <= files(root)

    age(root, 1.5)
    sweep_all(unused="2d")

    assert "_incoming/tmpabc" not in files(root)
    assert "_uploads/flytesnacks/development/x/new.csv" in files(root)


def test_folders_that_users_have_named_are_theirs(make_ended: MakeEnded, root: Path):
    run = make_ended("gone", days=90)
    base = f"file://{root}/flytesnacks/development/shared/"
    Run.objects.filter(pk=run.pk).update(base_uri=base)
    make_ended("lives")
    Run.objects.filter(name="lives").update(base_uri=base)
    write(f"{base}a0/1/outputs.pb")
    write(f"file://{root}/datasets/mine.csv")
    age(root, 100)

    sweep_all(runs="30d", unused="2d")

    assert {"flytesnacks/development/shared/a0/1/outputs.pb", "datasets/mine.csv"} <= files(root)


def test_nothing_is_removed_while_a_backup_reads(make_ended: MakeEnded, root: Path):
    make_ended("gone")
    before = files(root)
    deletions.delete_run(ref("gone"), actor="ann")
    locks.hold(retention_files.BACKUP_LOCK, "backup 1", seconds=60)

    sweep_all(unused="2d")
    assert files(root) == before

    locks.release(retention_files.BACKUP_LOCK, "backup 1")
    sweep_all()
    assert files(root) == set()


def test_who_removes_files_stops_when_asked(make_ended: MakeEnded, root: Path):
    make_ended("gone")
    stop = Event()
    stop.set()

    with pytest.raises(trees.Stopped):
        retention_files.clear_files(ref("gone"), trees.Uses(), stop)
    assert len(files(root)) == 4
