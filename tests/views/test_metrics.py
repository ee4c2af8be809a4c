"""/metrics, read as Prometheus reads it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from runs.engine import leases
from runs.models import Action
from runs.protocol import frames
from runs.queries import metrics as counting
from tests.support.scene import Scene

pytestmark = pytest.mark.django_db(transaction=True)
STATEMENTS = 5


def scrape() -> dict[str, Metric]:
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    assert answer["content-type"].startswith("text/plain; version=")
    return {family.name: family for family in text_string_to_metric_families(answer.content.decode())}


def value(families: dict[str, Metric], family: str, sample: str = "", **labels: str) -> float:
    """The sample with these labels; 0 when there is none yet."""
    wanted = sample or family
    found = [
        one.value
        for one in families[family].samples
        if one.name == wanted and labels.items() <= one.labels.items()
    ]
    return found[0] if found else 0.0


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.start()
    scene.grow("victim", "other")
    return scene


def test_the_latency_of_an_abort_is_counted_when_it_has_stopped(scene: Scene):
    cause = {"cause": "external abort"}
    before = scrape()
    scene.abort("victim")
    scene.batch(scene.delivered("victim"))
    asked = scrape()
    scene.batch(scene.finished("victim", "cancelled"))
    after = scrape()

    assert value(asked, "flyteui_actions_aborting") == 1
    assert value(after, "flyteui_actions_aborting") == 0
    for family in ("flyteui_abort_stop_seconds", "flyteui_abort_delivery_seconds"):
        counted = [value(one, family, f"{family}_count", **cause) for one in (before, asked, after)]
        assert counted[0] == counted[1] == counted[2] - 1, family
    row = scene.action("victim")
    assert row.abort is not None
    assert row.ended_at is not None
    took = value(after, "flyteui_abort_stop_seconds", "flyteui_abort_stop_seconds_sum", **cause) - value(
        before, "flyteui_abort_stop_seconds", "flyteui_abort_stop_seconds_sum", **cause
    )
    assert took == pytest.approx((row.ended_at - row.abort.requested_at).total_seconds(), abs=1e-6)


def test_what_nobody_ran_has_no_latency_but_is_counted_as_ended(scene: Scene):
    scene.queue("queued")
    before = scrape()
    scene.abort("queued")
    after = scrape()

    stops = [
        value(one, "flyteui_abort_stop_seconds", "flyteui_abort_stop_seconds_count", cause="external abort")
        for one in (before, after)
    ]
    ended = [
        value(one, "flyteui_actions_ended", "flyteui_actions_ended_total", phase="aborted")
        for one in (before, after)
    ]
    assert stops[0] == stops[1]
    assert ended[1] == ended[0] + 1


def test_what_is_rolled_back_is_not_counted(scene: Scene):
    before = scrape()
    scene.seq += 5  # batches are missing, so this one is refused
    with pytest.raises(Exception, match="came before"):
        scene.batch(scene.finished("other"))
    after = scrape()

    both = [
        value(one, "flyteui_actions_ended", "flyteui_actions_ended_total", phase="succeeded")
        for one in (before, after)
    ]
    assert both[0] == both[1]


def test_queues_executors_and_links_are_shown(scene: Scene):
    scene.queue("one")
    scene.queue("two")
    leases.disconnect_executor(scene.executor_id, scene.epoch)
    shown = scrape()

    pool = scene.action("one").pool
    assert pool is not None
    assert value(shown, "flyteui_queued_actions", pool=pool.key[:12]) == 2
    assert value(shown, "flyteui_actions", phase="running") == 3
    assert value(shown, "flyteui_executors", state="disconnected") == 1
    assert value(shown, "flyteui_executor_longest_away_seconds") > 0
    assert value(shown, "flyteui_queue_oldest_seconds", pool=pool.key[:12]) > 0
    assert value(shown, "process_resident_memory_bytes") > 0


def test_any_number_of_pools_makes_few_labels(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(counting, "POOLS", 0)
    scene.queue("queued")

    shown = {one.labels["pool"]: one.value for one in scrape()["flyteui_queued_actions"].samples}

    assert shown == {"other": 1.0}


def test_counting_costs_few_statements(scene: Scene, django_assert_num_queries):
    with django_assert_num_queries(STATEMENTS):
        counting.count()


def test_an_executor_that_comes_back_is_counted_with_the_time_that_it_was_away(scene: Scene):
    leases.disconnect_executor(scene.executor_id, scene.epoch)
    held = [frames.Held(scene.key(name), 1) for name in ("a0", "victim", "other")]

    connected = leases.connect_executor(scene.hello(scene.executor_id, scene.epoch, held))

    assert connected.away_seconds is not None
    assert (
        0
        <= connected.away_seconds
        < (timezone.now() - Action.objects.earliest("pk").created_at).total_seconds()
    )
