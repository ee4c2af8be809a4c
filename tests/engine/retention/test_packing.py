"""Which runs are packed, and that nobody who needs a file misses it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from flyteidl2.common import identifier_pb2
from flyteidl2.common import run_pb2 as common_run_pb2
from flyteidl2.workflow import run_service_pb2

from runs.domain.phases import Phase
from runs.domain.specs import read_task_spec
from runs.engine import locks
from runs.engine.creation import create_run
from runs.engine.retention import deletions, packing, sweep
from runs.engine.retention import files as retention_files
from runs.engine.retention.sweep import Deleted
from runs.launch.requests import read_request
from runs.models import CacheEntry, Run
from runs.store import packs, storage, trees
from tests.engine.retention.conftest import MakeEnded, age, files, ref, sweep_all
from tests.support import factories
from tests.support.scene import new_run, task_spec

pytestmark = pytest.mark.django_db(transaction=True)


def pack_all() -> int:
    deleted = Deleted()
    sweep.run_here(sweep.pack_ended(deleted, Event()))
    return deleted.packed


def packed(root: Path, name: str) -> bool:
    return (root / "flytesnacks" / "development" / name / packs.NAME).exists()


def test_a_run_that_ended_a_while_ago_is_packed_once(make_ended: MakeEnded, root: Path):
    old, young = make_ended("old", days=1), make_ended("young")
    age(root, 1)
    output = storage.join(old.actions.get(name="a0").output_uri, "outputs.pb")

    assert pack_all() == 1
    assert pack_all() == 0

    assert (packed(root, "old"), packed(root, "young")) == (True, False)
    assert storage.read_bytes(output) == b""
    assert Run.objects.get(pk=old.pk).packed_at is not None
    assert Run.objects.get(pk=young.pk).packed_at is None


def test_a_packed_run_is_deleted_like_any_other(make_ended: MakeEnded, root: Path):
    make_ended("old", days=1)
    age(root, 1)
    pack_all()

    deletions.delete_run(ref("old"), actor="ann")
    sweep_all()

    assert files(root) == set()


def test_what_others_use_stays_a_file(make_ended: MakeEnded, root: Path):
    old, other = make_ended("old", days=1), make_ended("other")
    age(root, 1)
    kept, taken = (old.actions.get(name=name) for name in ("a0-0", "a0-1"))
    source = f"{ref('old')}/a0-1/1"
    other.actions.filter(name="a0-0").update(output_uri=taken.output_uri, source=source)
    CacheEntry.objects.create(key="k", output_uri=kept.output_uri, source=source, created_at=old.created_at)

    assert pack_all() == 1

    assert {file for file in files(root) if file.startswith("flytesnacks/development/old/")} == {
        f"flytesnacks/development/old/{name}"
        for name in (packs.NAME, "a0-0/1/outputs.pb", "a0-1/1/outputs.pb")
    }


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.QUEUED])
def test_a_run_from_which_a_live_one_recovers_is_not_packed(make_ended: MakeEnded, root: Path, phase: Phase):
    old = make_ended("old", days=1)
    age(root, 1)
    factories.make_run("0", name="second", phase=phase, relation="recover", related_to=old)

    assert pack_all() == 0


def test_nothing_is_packed_while_a_backup_reads(make_ended: MakeEnded, root: Path):
    make_ended("old", days=1)
    age(root, 1)
    locks.hold(retention_files.BACKUP_LOCK, "backup 1", seconds=60)

    assert pack_all() == 0


def test_who_recovers_from_a_packed_run_finds_its_files(make_ended: MakeEnded, root: Path):
    make_ended("old", days=1)
    age(root, 1)
    before = files(root)
    pack_all()
    request = run_service_pb2.CreateRunRequest(
        project_id=identifier_pb2.ProjectIdentifier(name="flytesnacks", domain="development"),
    )
    relation = request.run_spec.relation
    relation.relation_type = common_run_pb2.RELATION_TYPE_RECOVER
    relation.related_to.project, relation.related_to.domain, relation.related_to.name = (
        "flytesnacks",
        "development",
        "old",
    )
    request.task_spec.ParseFromString(task_spec(bundle=""))

    new = asyncio.run(read_request(request, created_by="ann"))

    assert before <= files(root)
    assert not packed(root, "old")
    assert not packing.pack_run(ref("old"), trees.Uses(), Event()), "it was touched a moment ago"
    create_run(replace(new, name="second"))
    assert Run.objects.get(name="old").packed_at is None, "it is packed again when that run has ended"


def test_a_rerun_with_the_inputs_of_a_packed_run_finds_them(make_ended: MakeEnded, root: Path):
    old = make_ended("old", days=1)
    inputs = storage.join(old.base_uri, "a0-1", "inputs.pb")
    storage.write_bytes(inputs, b"")
    age(root, 1)
    pack_all()
    request = run_service_pb2.CreateRunRequest(
        project_id=identifier_pb2.ProjectIdentifier(name="flytesnacks", domain="development"),
        offloaded_input_data=common_run_pb2.OffloadedInputData(uri=inputs),
    )
    request.task_spec.ParseFromString(task_spec(bundle=""))

    new = asyncio.run(read_request(request, created_by="ann"))

    assert new.input_uri == inputs
    assert (root / "flytesnacks/development/old/a0-1/inputs.pb").exists()


def test_a_run_whose_files_are_gone_counts_as_packed(root: Path, transactional_db: None):
    factories.make_project()
    run = create_run(new_run(read_task_spec(task_spec()), "empty"))

    assert packing.pack_run(run, trees.Uses(), Event())
