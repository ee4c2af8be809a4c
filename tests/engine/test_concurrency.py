"""A run's limit of actions at a time: no lease is given beyond it, what waits for children does not count, and nothing hangs."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from runs.domain.phases import Phase
from runs.engine import concurrency, leases
from runs.engine.executors import places
from runs.models import Action, Executor
from runs.queries import waits
from runs.store.clock import wall_time
from tests.support.racing import race
from tests.support.scene import Scene

pytestmark = pytest.mark.django_db


def limited(most: int) -> Scene:
    scene = Scene(max_actions=most)
    scene.start()
    return scene


def running(scene: Scene) -> set[str]:
    return {name for name, phase in scene.phases().items() if phase in {Phase.INITIALIZING, Phase.RUNNING}}


def ask(scene: Scene, *names: str, parent: str = "a0") -> None:
    """Children, with what may be leased then leased."""
    for result in scene.batch(*[scene.enqueue(name, parent) for name in names]):
        assert result.lease is None, "a batch gives no lease in a run with a limit"
    scene.lease()


def finish(scene: Scene, name: str) -> None:
    scene.batch(scene.started(name), scene.finished(name))
    scene.lease()


def test_as_many_children_run_as_the_run_may_have() -> None:
    scene = limited(2)

    ask(scene, "b", "c", "d")

    assert running(scene) == {"a0", "b", "c"}
    finish(scene, "b")
    assert running(scene) == {"a0", "c", "d"}


def test_parents_that_wait_do_not_keep_their_children_waiting() -> None:
    scene = limited(1)
    ask(scene, "b")
    scene.batch(scene.started("b"))

    ask(scene, "b1", parent="b")

    assert running(scene) == {"a0", "b", "b1"}
    finish(scene, "b1")
    scene.batch(scene.finished("b"))
    assert scene.phases() == {"a0": Phase.RUNNING, "b": Phase.SUCCEEDED, "b1": Phase.SUCCEEDED}


def test_a_parent_that_goes_on_counts_again() -> None:
    scene = limited(1)
    ask(scene, "b", "c")
    scene.batch(scene.started("b"))
    scene.batch(scene.enqueue("b1", "b"))
    scene.lease()
    assert running(scene) == {"a0", "b", "c"}, "the oldest first"
    finish(scene, "c")
    assert running(scene) == {"a0", "b", "b1"}

    scene.batch(scene.enqueue("d"))
    finish(scene, "b1")

    assert running(scene) == {"a0", "b"}
    scene.batch(scene.finished("b"))
    scene.lease()
    assert running(scene) == {"a0", "d"}


def test_a_run_without_a_limit_is_given_leases_with_the_answer() -> None:
    scene = Scene()
    scene.start()

    (result,) = scene.batch(scene.enqueue("b"))

    assert result.lease is not None
    assert concurrency.find_limits([scene.run.pk]) == {}


def test_an_executor_is_offered_nothing_that_the_limit_forbids() -> None:
    scene = limited(1)
    ask(scene, "b", "c")

    assert leases.get_offer(scene.executor_id).count == 0
    assert scene.lease() == []
    scene.batch(scene.started("b"), scene.finished("b"))
    assert leases.get_offer(scene.executor_id).count == 1


def test_an_offer_while_nothing_is_queued_is_one_statement(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """It is asked of each executor at each change of its runs, and every two seconds while nothing changes."""
    scene = Scene()
    scene.start()

    with django_assert_num_queries(1):
        assert leases.get_offer(scene.executor_id).count == 0


def test_no_process_is_started_for_what_the_limit_forbids() -> None:
    scene = limited(1)
    ask(scene, "b")
    scene.queue("elsewhere")
    assert places.list_in_need(wall_time()) == []

    finish(scene, "b")

    assert [run for _, run in places.list_in_need(wall_time())] == [scene.run.pk]


def test_an_action_says_that_it_waits_for_the_limit_of_its_run() -> None:
    scene = limited(1)
    ask(scene, "b", "c")

    assert (
        waits.why_it_waits(scene.action("c"))
        == "the run has 1 of at most 1 actions at a time (max_action_concurrency)"
    )
    finish(scene, "b")
    scene.batch(scene.started("c"))
    assert waits.why_it_waits(scene.action("c")) == ""


def test_what_was_interrupted_waits_for_room_again() -> None:
    scene = limited(1)
    ask(scene, "b", "c")
    scene.batch(scene.started("b"))

    scene.batch(scene.finished("b", "interrupted"))
    scene.lease()

    assert len(running(scene) - {"a0"}) == 1


@pytest.mark.django_db(transaction=True)
def test_two_executors_that_lease_at_once_do_not_exceed_the_limit() -> None:
    scene = limited(3)
    second = Executor.objects.create(pool=scene.pool, capacity=1000)
    second.runs.add(scene.run)
    other = leases.connect_executor(scene.hello(second.pk, 0))
    scene.batch(*[scene.enqueue(f"c{number}") for number in range(8)])

    given = race(scene.lease, lambda: leases.lease_queued(other.executor_id, other.epoch, 100))

    assert sum(len(some) for some in given if isinstance(some, list)) == 3, given
    assert Action.objects.filter(run=scene.run, phase=Phase.INITIALIZING).count() == 3
