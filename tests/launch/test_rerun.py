"""Run again: the new run has what its source had but for the changes, and a request that cannot be is refused whole."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from flyteidl2.task import common_pb2, run_pb2

from runs.domain.conditions import literal
from runs.domain.errors import AlreadyExists, Invalid, NotFound
from runs.domain.names import ActionRef, RunRef
from runs.domain.phases import Kind, Phase
from runs.launch.forms import read_form
from runs.launch.rerun import Changes, make_request, read_source, rerun
from runs.models import Run
from runs.queries.runs import MAX_RERUNS, get_relations, get_run
from runs.store import storage
from tests.support import factories
from tests.support.reruns import INPUTS, inputs, make_source

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _storage(settings: Any, tmp_path: Path) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'storage'}"
    factories.make_project()


def run_again(ref: ActionRef, **changes: Any) -> Run:
    new = asyncio.run(rerun(read_source(ref), Changes(**changes), created_by="bob"))
    return Run.objects.get(name=new.name)


def inputs_of(run: Run) -> common_pb2.Inputs:
    return common_pb2.Inputs.FromString(storage.read_bytes(run.actions.get().input_uri) or b"")


def test_a_rerun_without_changes_has_all_that_its_source_had_and_files_of_its_own():
    ref = make_source()

    new = run_again(ref)

    old = Run.objects.get(name="source")
    assert inputs_of(new) == inputs(**INPUTS)
    assert new.actions.get().spec_id == old.actions.get().spec_id
    spec = run_pb2.RunSpec.FromString(bytes(new.spec))
    assert (new.labels, new.envs, spec.max_action_concurrency) == (
        {"team": "a"},
        {"MODE": "slow", "_F_SYS_PATH": "."},
        7,
    )
    assert (new.relation, new.related_to, new.created_by) == ("rerun", old, "bob")
    assert new.base_uri != "file:///base/"
    assert not spec.overwrite_cache


def test_the_form_asks_in_the_order_of_the_function():
    form = read_form(read_source(make_source()))

    assert [field.label for field in form.inputs.fields] == list(INPUTS)


def test_what_is_changed_is_changed_and_nothing_else():
    new = run_again(
        make_source(),
        inputs={"steps": literal(9)},
        envs={"FAST": "1"},
        labels={},
        name="second",
        overwrite_cache=True,
    )

    assert new.name == "second"
    assert inputs_of(new) == inputs(**(INPUTS | {"steps": 9}))
    assert (new.labels, new.envs) == ({}, {"_F_SYS_PATH": ".", "FAST": "1"})
    spec = run_pb2.RunSpec.FromString(bytes(new.spec))
    assert spec.overwrite_cache
    assert spec.cache_config.overwrite_cache


def test_a_rerun_of_a_rerun_is_one_of_the_last_and_not_a_recovery_of_the_first():
    first = ActionRef(RunRef("flytesnacks", "development", run_again(make_source(), recover=True).name))

    second = run_again(first)

    assert Run.objects.get(name=first.run.name).relation == "recover"
    assert (second.relation, second.related_to and second.related_to.name) == ("rerun", first.run.name)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"inputs": {"unknown": literal(1)}}, Invalid, "has no input 'unknown', only lr, name, steps"),
        ({"name": "Not A Name"}, Invalid, "must be lower-case letters"),
        ({"name": "source"}, AlreadyExists, "source"),
        ({"envs": {"A=B": "1"}}, Invalid, "cannot be named 'A=B'"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(changes: Any, error: Any, words: str):
    ref = make_source()

    with pytest.raises(error, match=words):
        run_again(ref, **changes)

    assert Run.objects.count() == 1


def test_only_a_task_runs_again_and_only_a_whole_run_recovers():
    ref = make_source()
    run = Run.objects.get()
    root = run.actions.get()
    factories.make_action(run, "asked", parent=root, kind=Kind.CONDITION, phase=Phase.PAUSED)
    factories.make_action(run, "child", parent=root, spec=root.spec, input_uri=root.input_uri)

    with pytest.raises(Invalid, match="'asked' is a condition"):
        read_source(ActionRef(ref.run, "asked"))
    with pytest.raises(NotFound, match="no action 'nobody'"):
        read_source(ActionRef(ref.run, "nobody"))
    child = read_source(ActionRef(ref.run, "child"))
    with pytest.raises(Invalid, match="only a whole run can recover"):
        make_request(child, Changes(recover=True))
    assert run_again(child.ref).related_to == run


def test_inputs_that_are_gone_must_all_be_given():
    source = read_source(make_source(input_uri=storage.join(storage.inputs_uri("p", "d", "gone"), "x.pb")))

    with pytest.raises(NotFound, match="no longer in the storage; give lr, steps, too"):
        make_request(source, Changes(inputs={"name": literal("x")}))
    every = {name: literal(value) for name, value in INPUTS.items()}
    assert list(make_request(source, Changes(inputs=every)).inputs.literals) == list(
        inputs(**INPUTS).literals
    )


def test_a_page_says_of_what_a_run_is_a_rerun_and_which_reruns_it_has(django_assert_num_queries: Any):
    ref = make_source()
    names = [run_again(ref).name for _ in range(MAX_RERUNS + 2)]

    source, last = get_run_head("source"), get_run_head(names[0])

    with django_assert_num_queries(3):
        of_source = get_relations(source)
    with django_assert_num_queries(3):
        of_rerun = get_relations(last)

    assert [one.name for one in of_source.reruns] == names[:1:-1]
    assert (of_source.more, of_source.source) == (2, None)
    assert of_rerun.words == "Rerun of"
    assert of_rerun.source is not None
    assert (of_rerun.source.name, of_rerun.source.status) == ("source", "queued")
    assert of_rerun.source.path.endswith("/runs/source")


def get_run_head(name: str) -> Any:
    return get_run(RunRef("flytesnacks", "development", name))


def test_a_source_that_was_deleted_is_named_without_a_link():
    new = run_again(make_source())
    Run.objects.filter(name="source").delete()

    relations = get_relations(get_run_head(new.name))

    assert relations.source is not None
    assert (relations.source.name, relations.source.path) == ("source", "")
