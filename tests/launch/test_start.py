"""Launch: a run of a task that was deployed, or that a run brought with its code."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from flyteidl2.task import common_pb2, run_pb2

from runs.domain.conditions import literal
from runs.domain.errors import Invalid, NotFound
from runs.launch.rerun import Changes
from runs.launch.start import Launch, launch_task, make_launch_request, read_launch
from runs.models import Run
from runs.store import storage
from tests.support import factories
from tests.support.reruns import inputs
from tests.support.tasks import deploy, make_spec, ran

pytestmark = pytest.mark.django_db(transaction=True)
HERE = ("flytesnacks", "development", "env.train")


@pytest.fixture(autouse=True)
def _storage(settings: Any, tmp_path: Path) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'storage'}"
    factories.make_project()


def launch(found: Launch, **changes: Any) -> Run:
    new = asyncio.run(launch_task(found, Changes(**changes), created_by="bob"))
    return Run.objects.get(name=new.name)


def inputs_of(steps: int) -> bytes:
    named = common_pb2.NamedLiteral(name="steps", value=literal(steps))
    return common_pb2.Inputs(literals=[named]).SerializeToString()


def test_a_deployed_task_runs_with_its_defaults_and_what_was_given():
    deployed = deploy(defaults={"name": "first", "lr": 0.5})

    new = launch(
        read_launch(*HERE),
        inputs={"steps": literal(3), "lr": literal(0.1)},
        envs={"MODE": "slow"},
        labels={"team": "a"},
    )

    root = new.actions.get()
    given = common_pb2.Inputs.FromString(storage.read_bytes(root.input_uri) or b"")
    assert {one.name: one.value for one in given.literals} == {
        "steps": literal(3), "name": literal("first"), "lr": literal(0.1),
    }  # fmt: skip
    assert (root.spec_id, new.envs, new.labels, new.relation, new.created_by) == (
        deployed.spec_id, {"MODE": "slow"}, {"team": "a"}, "", "bob",
    )  # fmt: skip


def test_what_a_run_brought_runs_with_the_paths_that_the_sdk_had_set_and_nothing_else_of_that_run():
    spec = run_pb2.RunSpec(labels=run_pb2.Labels(values={"team": "a"}))
    for key, value in {"MODE": "slow", "_F_SYS_PATH": "."}.items():
        spec.envs.values.add(key=key, value=value)
    run = factories.make_run()
    Run.objects.filter(pk=run.pk).update(spec=spec.SerializeToString())
    brought = make_spec(version="dev")
    uri = storage.join(storage.inputs_uri("flytesnacks", "development", "one"), "inputs.pb")
    storage.write_bytes(uri, inputs(steps=7).SerializeToString())
    ran(run, "b1", brought, input_uri=uri)

    assert read_launch(*HERE).literals == {"steps": literal(7)}
    new = launch(read_launch(*HERE), name="mine")

    assert (new.name, new.envs, new.labels) == ("mine", {"_F_SYS_PATH": "."}, {})
    root = new.actions.get()
    assert (root.spec_id, storage.read_bytes(root.input_uri)) == (brought.pk, inputs_of(7))


def test_an_input_that_must_be_given_is_asked_for_by_name():
    deploy()

    with pytest.raises(Invalid, match=r"input 'steps' of task 'env.train' is missing and has no default"):
        launch(read_launch(*HERE))
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"bundle": "BUNDLE"}, "its code is no longer in the storage"),
        ({"bundle": "s3://elsewhere/a.tgz"}, "the code bundle of task 'env.train'"),
        ({"kind": "ray"}, "ray"),
    ],
)
def test_what_cannot_run_says_why_and_is_not_asked_for(fields: dict[str, str], words: str):
    if fields.get("bundle") == "BUNDLE":
        fields = {"bundle": storage.upload_uri("flytesnacks", "development", "code", "gone.tgz")}
    deploy(**fields)

    found = read_launch(*HERE)

    assert words in found.problem.lower()
    with pytest.raises(Invalid):
        make_launch_request(found, Changes())


def test_a_version_that_there_is_not_is_not_launched():
    deploy()

    with pytest.raises(NotFound, match=r"version 'v9'"):
        read_launch(*HERE, "v9")
