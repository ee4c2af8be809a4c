"""What a row of the tree says of an action that is queued: why, as long as that lasts."""

from __future__ import annotations

import re
from datetime import timedelta
from unittest.mock import AsyncMock

import pytest
from django.test import Client
from django.utils import timezone

from runs.domain.phases import Phase
from runs.live.run import RunFeed
from runs.models import Executor, Pool, Run
from runs.protocol.messages import Hello
from runs.queries.runs import get_run
from runs.tree.snapshot import Snapshot
from runs.tree.snapshots import shared
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

STATUS = re.compile(r'<div role="gridcell" class="status"><b>(.*?)</b>(.*?)</div>')


@pytest.fixture
def pool() -> Pool:
    return Pool.objects.create(key="p")


@pytest.fixture
def run(pool: Pool) -> Run:
    """Its root runs, and of its three children one does and two are queued."""
    run = factories.make_run("3")
    for action in run.actions.all():
        is_waiting = action.name in {"a0-1", "a0-2"}
        factories.change(action, phase=Phase.QUEUED if is_waiting else Phase.RUNNING, pool=pool)
    return run


@pytest.fixture
def snapshot(run: Run) -> Snapshot:
    return Snapshot(get_run(factories.ref_of(run)))


def status(snapshot: Snapshot, name: str) -> str:
    found = STATUS.search(snapshot.page_from(0, 100).window.rows[name])
    assert found
    return re.sub("<.*?>", "", found[1] + found[2])


def test_no_worker_is_a_reason(snapshot: Snapshot):
    expected = "Queued, no executor for this run yet; no worker is connected: start one with flyteui worker"
    assert status(snapshot, "a0-1") == status(snapshot, "a0-2") == expected
    assert status(snapshot, "a0-0") == "Running"


def test_full_slots_are_a_reason_and_a_free_one_is_none(snapshot: Snapshot, run: Run, pool: Pool):
    executor = Executor.objects.create(pool=pool, state=Executor.State.CONNECTED, capacity=1)
    executor.runs.add(run)
    run.actions.filter(phase=Phase.RUNNING).update(executor=executor)
    assert status(snapshot, "a0-1") == "Queued, slots full: 1 of 1 held"

    Executor.objects.update(capacity=2)

    assert status(snapshot, "a0-1") == "Queued"


def test_a_page_that_comes_back_hears_of_a_reason_that_changed_without_the_run(run: Run, pool: Pool):
    """Its numbers are those of the run, and still right."""
    executor = Executor.objects.create(pool=pool, state=Executor.State.CONNECTED, capacity=1)
    executor.runs.add(run)
    run.actions.filter(phase=Phase.RUNNING).update(executor=executor)
    seen = shared.get(get_run(factories.ref_of(run))).page_from(0, 100)
    hello = Hello(since=seen.seq, first=seen.start, count=len(seen.window.rows))
    assert "slots full" in seen.window.rows["a0-1"]

    Executor.objects.update(state=Executor.State.GONE)
    feed = RunFeed(run.pk, AsyncMock())
    feed.apply(hello)
    content = feed.compose()

    assert content
    assert "no executor for this run yet" in content


def test_a_retry_whose_wait_is_over_says_why_it_waits_on(snapshot: Snapshot, run: Run):
    over = timezone.now() - timedelta(seconds=1)
    factories.change(run.actions.get(name="a0-1"), not_before=over, attempt=2, max_attempts=3)

    assert status(snapshot, "a0-1").startswith("Retrying 2/3, no executor for this run yet; no worker")


def test_what_is_held_back_says_only_until_when(snapshot: Snapshot, run: Run):
    later = timezone.now() + timedelta(seconds=60)
    factories.change(run.actions.get(name="a0-1"), not_before=later)

    assert status(snapshot, "a0-1").startswith("Retrying")


def test_what_waits_for_an_equal_call_says_so(snapshot: Snapshot, run: Run):
    factories.change(run.actions.get(name="a0-1"), phase=Phase.WAITING_FOR_RESOURCES)

    expected = "Waiting for an equal call, whose outputs it may take from the cache"
    assert status(snapshot, "a0-1") == expected


def test_the_list_of_runs_says_it_of_a_root(pool: Pool):
    run = factories.make_run(phase=Phase.QUEUED)
    run.actions.filter(name="a0").update(pool=pool, started_at=None)

    text = Client().get("/v2/domain/development/project/flytesnacks/runs").content.decode()

    assert "<b>Queued</b><span>, no executor for this run yet; no worker is connected" in text


def test_reasons_are_four_statements_for_all_and_none_without_something_queued(
    snapshot: Snapshot, run: Run, django_assert_num_queries
):
    snapshot.page_from(0, 100)
    # What changed, the limits of the runs, the images that are built, and the executors: there are none that could hold something.
    with django_assert_num_queries(4):
        snapshot.page_from(0, 100)

    for name in ("a0-1", "a0-2"):
        factories.change(run.actions.get(name=name), phase=Phase.RUNNING)
    snapshot.page_from(0, 100)

    with django_assert_num_queries(1):
        snapshot.page_from(0, 100)
