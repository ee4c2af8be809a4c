"""What is kept of an action's outputs, and who takes it (PROTOCOL.md §2.10)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from flyteidl2.task import run_pb2, task_definition_pb2

from runs.doctor import checks
from runs.domain.failures import Failure
from runs.domain.names import ActionRef, RunRef
from runs.domain.phases import Cause, Phase
from runs.domain.specs import read_action, read_task_spec
from runs.engine import cache, limits, news
from runs.engine.cache import Status
from runs.engine.creation import create_run, enqueue
from runs.engine.endings import report
from runs.engine.executors import scheduling
from runs.models import Action, ActionEvent, CacheEntry
from runs.protocol import frames
from tests.support.racing import race
from tests.support.scene import Scene, new_run, task_spec

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def storage_folder(settings: Any, tmp_path: Path) -> Path:
    settings.STORAGE_URL = f"file://{tmp_path}"
    return tmp_path


def cached(*, serial: bool = False, max_age: int = 0, queued: int = 0) -> bytes:
    spec = task_definition_pb2.TaskSpec.FromString(task_spec("env.child"))
    metadata = spec.task_template.metadata
    metadata.discoverable, metadata.cache_serializable = True, serial
    metadata.cache_max_age.FromSeconds(max_age)
    metadata.timeouts.queued_timeout.FromSeconds(queued)
    return spec.SerializeToString(deterministic=True)


def asked(scene: Scene, name: str, *, key: str = "key", spec: bytes = b"", run: RunRef | None = None) -> Any:
    message = scene.message(name, spec=spec or cached())
    message.task.cache_key.value = key
    if run is not None:
        message.action_id.run.name = run.name
    return message


def ask(scene: Scene, *names: str, key: str = "key", spec: bytes = b"") -> list[frames.EnqueueResult]:
    """Cached children of the root, looked up."""
    found = scene.batch(
        *[
            frames.Enqueue(scene.run.pk, "a0", asked(scene, name, key=key, spec=spec).SerializeToString())
            for name in names
        ]
    )
    look()
    return found


def look() -> bool:
    """One round of what the worker's socket does for ever."""
    work = cache.find_work()
    return work is not None and cache.settle(cache.check_files(work))


def play() -> Scene:
    scene = Scene()
    scene.start()
    return scene


def finish(scene: Scene, name: str, outcome: str = "succeeded") -> str:
    """Lease, start and end a child, and write its outputs; returns where they are."""
    scene.lease()
    scene.batch(scene.started(name))
    output_uri = scene.action(name).attempts.latest("lease_epoch").output_uri
    folder = Path(output_uri.removeprefix("file://"))
    folder.mkdir(parents=True)
    (folder / "outputs.pb").write_bytes(b"")
    failure = Failure("ValueError", "no") if outcome == "failed" else None
    scene.batch(scene.finished(name, outcome, failure))
    look()
    return output_uri


def status(scene: Scene, name: str) -> Status:
    return Status(scene.action(name).cache_status)


def another(scene: Scene, **run_spec: Any) -> RunRef:
    """Another run, whose root runs already, with this RunSpec."""
    new = new_run(read_task_spec(task_spec()))
    spec = run_pb2.RunSpec(**run_spec).SerializeToString(deterministic=True)
    ref = create_run(replace(new, spec=spec))
    scene.lease()
    return ref


def ask_in(scene: Scene, run: RunRef, name: str, *, key: str = "key", spec: bytes = b"") -> Action:
    message = asked(scene, name, key=key, spec=spec, run=run)
    enqueue(ActionRef(run), read_action(message))
    look()
    return Action.objects.get(run__name=run.name, name=name)


def is_sound() -> bool:
    ages = timedelta(days=1)
    return checks.list_findings(checks.Limits(timezone.now(), ages, ages, ages, 99)) == []


def test_a_miss_runs_and_its_outputs_are_kept():
    scene = play()

    (answer,) = ask(scene, "child")

    assert (answer.code, answer.lease) == ("ok", None)
    assert (scene.phase("child"), status(scene, "child")) == (Phase.QUEUED, Status.MISS)
    output_uri = finish(scene, "child")
    entry = CacheEntry.objects.get()
    assert (scene.phase("child"), status(scene, "child")) == (Phase.SUCCEEDED, Status.POPULATED)
    assert (entry.key, entry.output_uri) == ("global:key", output_uri)
    assert entry.source == f"{scene.ref}/child/1"
    assert is_sound()


def test_a_hit_succeeds_without_an_attempt_and_its_parent_is_told():
    scene = play()
    ask(scene, "first")
    output_uri = finish(scene, "first")
    scene.run.refresh_from_db()

    ask(scene, "second")

    second = scene.action("second")
    assert (second.phase, second.cache_status, second.output_uri) == (Phase.SUCCEEDED, Status.HIT, output_uri)
    assert second.source == f"{scene.ref}/first/1"
    assert not second.attempts.exists()
    assert ActionEvent.objects.filter(action=second).latest("seq").cause == Cause.CACHE_HIT
    told = news.get_changes(scene.executor_id, {scene.run.pk: scene.run.seq}).children
    assert [(one.name, one.phase, one.output_uri) for one in told] == [
        ("second", Phase.SUCCEEDED, output_uri)
    ]
    assert scene.lease() == []
    assert is_sound()


def test_a_root_may_be_a_hit_too():
    scene = play()
    ask(scene, "first")
    finish(scene, "first")
    new = new_run(read_task_spec(cached()), "again")

    create_run(replace(new, cache_key="key"))
    look()

    root = Action.objects.get(run__name="again")
    assert (root.phase, root.cache_status) == (Phase.SUCCEEDED, Status.HIT)


def test_a_task_that_is_not_cached_is_not_looked_up(django_assert_num_queries):
    scene = play()
    message = asked(scene, "plain", spec=task_spec("env.child"))

    (answer,) = scene.batch(frames.Enqueue(scene.run.pk, "a0", message.SerializeToString()))

    assert answer.lease is not None
    assert (scene.action("plain").cache_key, status(scene, "plain")) == ("", Status.DISABLED)
    with django_assert_num_queries(2):
        assert not look()


def test_failures_are_never_kept():
    scene = play()
    ask(scene, "child")
    finish(scene, "child", "failed")

    ask(scene, "again")

    assert not CacheEntry.objects.exists()
    assert (scene.phase("again"), status(scene, "child")) == (Phase.QUEUED, Status.MISS)


def test_outputs_that_are_gone_are_a_miss_and_are_kept_anew():
    scene = play()
    ask(scene, "first")
    Path(finish(scene, "first").removeprefix("file://"), "outputs.pb").unlink()

    ask(scene, "second")
    assert status(scene, "second") is Status.MISS
    output_uri = finish(scene, "second")

    assert CacheEntry.objects.get().output_uri == output_uri


def test_outputs_that_are_too_old_are_a_miss():
    scene = play()
    ask(scene, "first")
    finish(scene, "first")
    CacheEntry.objects.update(created_at=timezone.now() - timedelta(seconds=61))

    ask(scene, "fresh", spec=cached(max_age=60))
    ask(scene, "any", spec=cached())

    assert (status(scene, "fresh"), status(scene, "any")) == (Status.MISS, Status.HIT)


def test_the_first_outputs_stay_unless_a_run_overwrites_them():
    scene = play()
    ask(scene, "one", "two")
    first = finish(scene, "one")
    finish(scene, "two")
    assert CacheEntry.objects.get().output_uri == first
    assert status(scene, "two") is Status.POPULATED

    run = another(scene, overwrite_cache=True)
    child = ask_in(scene, run, "over")

    assert (child.phase, child.cache_status) == (Phase.QUEUED, Status.SKIPPED)
    report(ActionRef(run, "over"), 1, Phase.SUCCEEDED, failure=None, output_uri="file:///elsewhere")
    look()
    assert CacheEntry.objects.get().output_uri == "file:///elsewhere"


def test_a_scope_keeps_projects_and_domains_apart():
    scene = play()
    ask(scene, "first")
    finish(scene, "first")
    config = run_pb2.CacheConfig(cache_lookup_scope=run_pb2.CACHE_LOOKUP_SCOPE_PROJECT_DOMAIN)

    run = another(scene, cache_config=config)
    child = ask_in(scene, run, "child")

    assert (child.cache_key, child.cache_status) == ("flytesnacks/development:key", Status.MISS)


# --- one at a time ----------------------------------------------------------------------------------------------


def test_of_those_that_are_serialised_one_runs_and_the_others_take_what_it_came_to():
    scene = play()
    spec = cached(serial=True)
    ask(scene, "one", "two", spec=spec)
    run = another(scene)
    elsewhere = ask_in(scene, run, "three", spec=spec)

    assert (scene.phase("one"), scene.phase("two")) == (Phase.INITIALIZING, Phase.WAITING_FOR_RESOURCES)
    assert elsewhere.phase == Phase.WAITING_FOR_RESOURCES
    assert not look(), "nothing changes until the owner has ended"
    output_uri = finish(scene, "one")

    elsewhere.refresh_from_db()
    assert [scene.action("two").output_uri, elsewhere.output_uri] == [output_uri] * 2
    assert [scene.phase("two"), elsewhere.phase] == [Phase.SUCCEEDED] * 2
    assert is_sound()


@pytest.mark.parametrize("end", ["failed", "aborted"])
def test_when_the_owner_comes_to_nothing_the_next_one_runs(end):
    scene = play()
    ask(scene, "one", "two", "three", spec=cached(serial=True))

    if end == "failed":
        finish(scene, "one", "failed")
    else:
        scene.abort("one")
        look()

    assert [scene.phase(name) for name in ("two", "three")] == [Phase.QUEUED, Phase.WAITING_FOR_RESOURCES]


def test_what_waits_for_another_is_aborted_at_once():
    scene = play()
    ask(scene, "one", "two", spec=cached(serial=True))

    answer = scene.abort("two")
    look()

    assert (answer.stopped, scene.phase("two")) == (1, Phase.ABORTED)
    assert scene.phase("one") is Phase.QUEUED


def test_the_time_of_waiting_is_time_in_the_queue():
    scene = play()
    spec = cached(serial=True, queued=60)
    ask(scene, "one", "two", spec=spec)
    due_at = scene.action("two").due_at
    assert isinstance(due_at, datetime)

    scene.abort("one")
    look()

    assert scene.phase("two") is Phase.QUEUED
    assert scene.action("two").due_at == due_at
    limits.expire(due_at + timedelta(seconds=1))
    assert scene.phase("two") is Phase.TIMED_OUT


def test_a_round_costs_the_same_for_two_actions_and_for_two_hundred(django_assert_max_num_queries):
    scene = play()
    ask(scene, *[f"few{i}" for i in range(2)], key="few")
    scene.batch(
        *[
            frames.Enqueue(scene.run.pk, "a0", asked(scene, f"many{i}", key=str(i)).SerializeToString())
            for i in range(200)
        ]
    )

    with django_assert_max_num_queries(16):
        assert look()

    assert Action.objects.filter(phase=Phase.WAITING_FOR_RESOURCES).count() == 0
    assert not scheduling.is_needed(), "its executor is there"


def test_a_look_reads_an_index_in_which_only_cached_tasks_are():
    with CaptureQueriesContext(connection) as captured:
        assert cache.find_work() is None

    for query in captured:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{query['sql']}")
            assert "action_cache_work" in str(cursor.fetchall())


@pytest.mark.django_db(transaction=True)
def test_two_that_look_at_once_give_a_key_to_one_only():
    scene = play()
    spec = cached(serial=True)
    scene.batch(
        *[
            frames.Enqueue(scene.run.pk, "a0", asked(scene, name, spec=spec).SerializeToString())
            for name in ("one", "two")
        ]
    )
    run = another(scene)
    enqueue(ActionRef(run), read_action(asked(scene, "three", spec=spec, run=run)))
    work = cache.find_work()
    assert work is not None

    assert not [end for end in race(*[lambda: cache.settle(work)] * 3) if isinstance(end, Exception)]

    phases = sorted(Action.objects.exclude(cache_key="").values_list("phase", flat=True))
    assert phases == [Phase.QUEUED, Phase.WAITING_FOR_RESOURCES, Phase.WAITING_FOR_RESOURCES]


@pytest.mark.django_db(transaction=True)
def test_an_abort_and_a_look_at_once_leave_one_end():
    scene = play()
    ask(scene, "first")
    finish(scene, "first")
    scene.batch(frames.Enqueue(scene.run.pk, "a0", asked(scene, "second").SerializeToString()))

    race(look, lambda: scene.abort("second"))

    second = scene.action("second")
    assert (second.phase, second.cache_status) in {
        (Phase.ABORTED, Status.DISABLED),
        (Phase.SUCCEEDED, Status.HIT),
    }
    assert is_sound()
