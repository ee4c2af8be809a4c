"""What waits for an image waits until it is there, has its build started where nobody else does, or fails with words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flyteidl2.task import task_definition_pb2

from runs.domain.failures import Failure
from runs.domain.images import BUILD_TASK, build_task
from runs.domain.names import BUILD_PROJECT, BUILDER_POOL, ROOT, RunRef
from runs.domain.phases import Phase
from runs.domain.specs import read_task_message
from runs.engine import batches, leases, registry
from runs.engine.creation import create_run
from runs.engine.executors import scheduling
from runs.engine.images import builds, table
from runs.models import Action, Executor, Image, Pool, Project, Run
from runs.protocol import frames
from runs.queries.waits import why_it_waits
from tests.support.scene import PROJECT, new_run, task_spec

pytestmark = pytest.mark.django_db
MD5 = "f9471f0d8a7d3e1c69c2e77cfbe19154"
OTHER_PYTHON = "ghcr.io/flyteorg/flyte:py3.99-v2.12.1"


@pytest.fixture(autouse=True)
def storage_folder(settings, tmp_path):
    settings.STORAGE_URL = f"file://{tmp_path}"
    registry.seed()


def submit(image: str, name: str = "run1") -> Action:
    """A run whose task has this image."""
    spec = task_definition_pb2.TaskSpec.FromString(task_spec())
    spec.task_template.container.image = image
    Project.objects.get_or_create(name=PROJECT)
    return root_of(create_run(new_run(read_task_message(spec), name)))


def root_of(ref: RunRef) -> Action:
    return Action.objects.select_related("pool__built_image", "run").get(
        run__name=ref.name, run__project__name=ref.project, name=ROOT
    )


def sweep() -> None:
    """What the housekeeping does, until nothing is due."""
    while due := builds.find_due():
        builds.settle(due)


def build_run() -> Run:
    return Run.objects.get(project__name=BUILD_PROJECT)


class Builder:
    """An executor of the builder, or of another pool, that holds the root of this run."""

    def __init__(self, run: Run, pool: str = BUILDER_POOL) -> None:
        self.run, self.seq = run, 0
        row = Executor.objects.create(pool=Pool.objects.get(key=pool), capacity=10)
        row.runs.add(run)
        connected = leases.connect_executor(frames.Hello(str(row.pk), pool, 0, "host", 1, 10, []))
        self.id, self.epoch = connected.executor_id, connected.epoch
        [self.lease] = leases.lease_queued(self.id, self.epoch, 10)

    def report(self, *events: frames.Event) -> None:
        self.seq += 1
        batches.apply_batch(self.id, self.epoch, frames.Batch(self.seq, list(events)))

    def built(self, image: str, environment: str = "abc") -> frames.Built:
        return frames.Built(
            self.lease.key, self.lease.epoch, image, environment, "3.99.1", "2.12.1", ["apt packages: x"]
        )

    def finished(self, outcome: str = "succeeded", failure: Failure | None = None) -> frames.Finished:
        return frames.Finished(self.lease.key, self.lease.epoch, frames.now_us(), outcome, failure)


def test_an_image_of_the_sdk_that_fits_the_workers_python_needs_no_environment():
    own = table.own_versions()

    root = submit(f"ghcr.io/flyteorg/flyte:py{own.python}-v{own.flyte}")
    sweep()

    assert root.pool is not None
    assert root.pool.built_image is None
    assert [launch.environment for launch in scheduling.claim_demand("worker").launches] == [""]


def test_one_for_another_python_is_built_by_a_run_of_ours_and_used_then():
    root = submit(OTHER_PYTHON)
    waits_before = why_it_waits(root)
    sweep()
    waits_while = why_it_waits(root_of(RunRef(PROJECT, "development", "run1")))
    launched = [launch.pool for launch in scheduling.claim_demand("worker").launches]
    builder = Builder(build_run())
    builder.report(builder.built("flyte:py3.99-v2.12.1"), builder.finished())

    [launch] = scheduling.claim_demand("worker").launches

    assert launched == [BUILDER_POOL]
    assert waits_before == "waits for its image flyte:py3.99-v2.12.1"
    assert waits_while == f"waits for its image flyte:py3.99-v2.12.1, which run {build_run().name} builds"
    assert (launch.environment, root_of(RunRef(PROJECT, "development", "run1")).phase) == (
        "abc",
        Phase.QUEUED,
    )
    image = Image.objects.get()
    assert (image.state, image.python, image.not_honoured) == ("built", "3.99.1", ["apt packages: x"])
    assert image.used_at is not None


def test_twenty_runs_that_need_it_have_one_build():
    for number in range(20):
        submit(OTHER_PYTHON, f"run{number}")
    sweep()

    assert Run.objects.filter(project__name=BUILD_PROJECT).count() == 1


def test_what_waits_fails_with_the_cause_of_the_build_and_the_next_run_tries_again():
    submit(OTHER_PYTHON)
    sweep()
    first = build_run()
    builder = Builder(first)
    builder.report(
        builder.finished("failed", Failure("PythonNotFound", "Python 3.99 is not on this machine"))
    )
    sweep()

    root = root_of(RunRef(PROJECT, "development", "run1"))
    assert (root.phase, root.error_code) == (Phase.FAILED, builds.NO_IMAGE)
    assert "Python 3.99 is not on this machine" in root.error_message
    assert f"run {first.name}" in root.error_message
    submit(OTHER_PYTHON, "run2")
    sweep()
    assert Run.objects.filter(project__name=BUILD_PROJECT).count() == 2


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (f"localhost:30000/mine:{MD5}", "image.builder: remote"),
        (f"mine:{MD5}", "image.builder: remote"),
        (f"flyteui.local/mine:{MD5}", "has not built it"),
    ],
)
def test_an_image_that_nobody_built_here_fails_before_anything_runs(image: str, words: str):
    submit(image)
    sweep()

    root = root_of(RunRef(PROJECT, "development", "run1"))
    assert root.phase is Phase.FAILED.value
    assert words in root.error_message
    assert f"mine:{MD5}" in root.error_message
    assert not scheduling.claim_demand("worker").launches


def test_only_the_builder_says_that_an_image_is_built():
    root = submit("", "run1")
    Image.objects.create(name="mine:1", state="unknown")
    assert root.pool is not None
    liar = Builder(root.run, root.pool.key)

    liar.report(liar.built("mine:1"))

    assert Image.objects.get().environment == ""


def test_who_finds_an_image_built_does_not_become_its_build():
    start_build("build1", "mine:1")
    start_build("build2", "mine:1")
    for name in ("build1", "build2"):
        builder = Builder(Run.objects.get(name=name))
        builder.report(builder.built("mine:1"), builder.finished())

    image = Image.objects.select_related("build_run").get()
    assert image.build_run is not None
    assert image.build_run.name == "build1"


def start_build(name: str, image: str) -> None:
    create_run(replace(new_run(build_task(), name), image=image))


def test_a_failed_rebuild_leaves_the_environment_in_use():
    Image.objects.create(name="mine:1", state="built", environment="abc")
    start_build("build1", "mine:1")
    builder = Builder(Run.objects.get(name="build1"))
    builder.report(builder.finished("failed", Failure("PackageNotFound", "no such package")))
    sweep()

    image = Image.objects.get()
    assert (image.state, image.environment, image.problem) == ("built", "abc", "no such package")


def test_an_environment_that_was_removed_is_built_again():
    submit(OTHER_PYTHON)
    Image.objects.update(state="built", environment="abc")

    table.forget_environments({"abc"})
    sweep()

    assert build_run().actions.get().task_name == BUILD_TASK


def test_only_what_no_worker_has_any_more_is_forgotten():
    for name in ("there:1", "missing:1"):
        Image.objects.create(name=name, state="built", environment=name[:-2])

    table.forget_environments({"missing"})

    assert set(Image.objects.exclude(environment="").values_list("name", flat=True)) == {"there:1"}
    assert "removed" in Image.objects.get(name="missing:1").problem


def test_at_a_start_pools_are_matched_with_the_servers_own_versions(monkeypatch: pytest.MonkeyPatch):
    own = table.own_versions()
    root = submit(f"ghcr.io/flyteorg/flyte:py{own.python}-v{own.flyte}")

    monkeypatch.setattr(table, "own_versions", lambda: replace(own, flyte="9.1"))
    table.match_pools()

    assert root.pool is not None
    pool = Pool.objects.select_related("built_image").get(key=root.pool.key)
    assert pool.built_image is not None
    assert pool.built_image.state == Image.State.WANTED
