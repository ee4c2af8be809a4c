"""What attempts use now is kept on them, and on nothing that pages would read again for it."""

from __future__ import annotations

import pytest

from runs.domain.names import ROOT
from runs.models import Action, Attempt, Executor, Run
from runs.protocol import frames
from tests.support.scene import Scene

MIB = 2**20


@pytest.fixture
def scene(db: None) -> Scene:
    scene = Scene()
    scene.start()
    scene.grow("child")
    return scene


def using(scene: Scene, *samples: tuple[str, int, int], epoch: int = 1) -> frames.Using:
    return frames.Using([(scene.key(name), epoch, percent, size) for name, percent, size in samples])


def kept(name: str = "child") -> tuple[int | None, int | None]:
    attempt = Attempt.objects.get(action__name=name)
    return attempt.cpu_percent, attempt.memory_bytes


def test_the_newest_sample_of_each_attempt_is_kept_and_no_number_grows(scene: Scene):
    before = Run.objects.get().seq, set(Action.objects.values_list("name", "changed_seq"))

    scene.batch(using(scene, (ROOT, 3, MIB), ("child", 99, MIB)), using(scene, ("child", 150, 340 * MIB)))

    assert (kept(ROOT), kept()) == ((3, MIB), (150, 340 * MIB))
    assert before == (Run.objects.get().seq, set(Action.objects.values_list("name", "changed_seq")))


def test_an_executor_speaks_only_for_what_it_holds(scene: Scene):
    scene.batch(using(scene, ("child", 1, MIB), epoch=2))
    assert kept() == (None, None)

    Action.objects.filter(name="child").update(executor=Executor.objects.create(pool=scene.pool, capacity=1))
    scene.batch(using(scene, ("child", 1, MIB)))
    assert kept() == (None, None)


def test_a_sample_behind_the_end_changes_nothing(scene: Scene):
    scene.batch(scene.finished("child"), using(scene, ("child", 1, MIB)))

    assert kept() == (None, None)


def test_values_that_no_column_holds_are_cut_and_hold_up_nothing(scene: Scene):
    strange = frames.Using([(frames.Key(2**63, "a\0"), 2**63, 1, 1)])
    scene.batch(strange, scene.started("child"))
    scene.batch(using(scene, ("child", 2**62, 2**63 - 1)), using(scene, (ROOT, -5, -1)))

    assert kept() == (1_000_000, 2**60)
    assert kept(ROOT) == (0, 0)
    assert Executor.objects.get().acked_seq == scene.seq


def test_samples_of_a_batch_cost_one_statement(scene: Scene, django_assert_num_queries):
    with django_assert_num_queries(4):
        scene.batch()
    with django_assert_num_queries(4 + 3):  # a savepoint and its release
        scene.batch(using(scene, (ROOT, 3, MIB), ("child", 99, MIB)))
