"""Rows of images that say nothing any more are deleted, and never one that somebody is about to need or to build."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Any

import pytest
from django.utils import timezone
from flyteidl2.task import task_definition_pb2

from runs.domain.errors import NotFound
from runs.domain.images import build_task
from runs.domain.names import ROOT
from runs.domain.phases import Phase
from runs.domain.specs import read_task_message
from runs.engine import registry
from runs.engine.creation import create_run
from runs.engine.retention import sweep, unused
from runs.engine.retention.sweep import Deleted, Policy
from runs.models import Action, Image, Pool, Project, Run
from runs.queries.images import get_built
from tests.support.racing import race
from tests.support.scene import PROJECT, new_run, task_spec

pytestmark = pytest.mark.django_db(transaction=True)
MINE = "mine:f9471f0d8a7d3e1c69c2e77cfbe19154"
LONG = unused.IMAGES_KEPT + timedelta(hours=1)
MARKS = ("created_at", "built_at", "used_at")  # times of a row


@pytest.fixture(autouse=True)
def storage_folder(settings, tmp_path):
    settings.STORAGE_URL = f"file://{tmp_path}"
    registry.seed()
    Project.objects.get_or_create(name=PROJECT)


def make(name: str = MINE, state: str = Image.State.FAILED, **fields: Any) -> Image:
    """A row from long ago."""
    return Image.objects.create(
        **{"name": name, "state": state, "created_at": timezone.now() - LONG, **fields}
    )


def begin_build(name: str = "build1", image: str = MINE) -> None:
    create_run(replace(new_run(build_task(), name), image=image))


def submit(name: str = "run1", image: str = MINE) -> None:
    spec = task_definition_pb2.TaskSpec.FromString(task_spec())
    spec.task_template.container.image = f"flyteui.local/{image}"
    create_run(new_run(read_task_message(spec), name))


def let_time_pass(run: str) -> None:
    """The run, with what it builds, is from long ago."""
    then = timezone.now() - LONG
    Run.objects.filter(name=run).update(created_at=then)
    Image.objects.update(created_at=then)


@pytest.mark.parametrize("state", [Image.State.FAILED, Image.State.UNKNOWN, Image.State.WANTED])
def test_what_has_no_environment_and_no_run_is_deleted_and_was_never_built_then(state: str):
    make(state=state)

    sweep.run_here(sweep.clear_unused(Policy(), Deleted(), Event()))

    assert not Image.objects.exists()
    with pytest.raises(NotFound, match="was not built here"):
        get_built(MINE)
    begin_build()
    assert Image.objects.get().state == Image.State.BUILDING


@pytest.mark.parametrize("mark", MARKS)
def test_what_was_made_built_or_used_lately_stays(mark: str):
    make()
    Image.objects.update(**{mark: timezone.now()})

    assert unused.delete_images() == 0


def test_an_environment_keeps_its_image():
    make(state=Image.State.BUILT, environment="abc")

    assert unused.delete_images() == 0


def test_a_build_that_runs_or_has_failed_lately_keeps_its_image():
    begin_build()
    let_time_pass("build1")

    assert unused.delete_images() == 0
    Action.objects.update(phase=Phase.FAILED, ended_at=timezone.now())
    Image.objects.update(state=Image.State.FAILED)
    Run.objects.update(created_at=timezone.now())
    assert unused.delete_images() == 0
    let_time_pass("build1")
    assert unused.delete_images() == 1


def test_the_last_run_that_names_an_image_takes_it_along():
    submit()
    let_time_pass("run1")

    assert unused.delete_images() == 0
    Action.objects.all().delete()
    Pool.objects.filter(image__contains=MINE).delete()
    assert unused.delete_images() == 1


def test_they_are_deleted_some_at_a_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(unused, "LIMIT", 2)
    for number in range(5):
        make(f"mine:{number}")

    assert [unused.delete_images() for _ in range(4)] == [2, 2, 1, 0]


def test_a_sweep_deletes_them_all(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(unused, "LIMIT", 2)
    for number in range(5):
        make(f"mine:{number}")

    sweep.run_here(sweep.clear_unused(Policy(), Deleted(), Event()))

    assert not Image.objects.exists()


@pytest.mark.parametrize("begins", [begin_build, submit])
def test_who_needs_it_at_that_moment_has_it(begins: Callable[[str, str], None]):
    for number in range(8):
        run, image = f"run{number}", f"mine:{number:032x}"
        make(image)

        results = race(unused.delete_images, partial(begins, run, image))

        assert not [result for result in results if isinstance(result, Exception)], results
        row = Image.objects.get(name=image)
        action = Action.objects.select_related("run", "pool").get(run__name=run, name=ROOT)
        if begins is begin_build:
            assert (row.state, row.build_run) == (Image.State.BUILDING, action.run)
        else:
            assert action.pool is not None
            assert action.pool.built_image == row
