"""The minimap over a run's tree."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from runs.domain.phases import Phase
from runs.models import Action, Run
from runs.queries.minimap import count_most_at_once, list_spans
from runs.queries.runs import get_run
from runs.tree import minimap
from runs.tree.snapshot import Snapshot
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/v2/domain/development/project/flytesnacks/runs/run1/minimap"


@pytest.fixture
def run() -> Run:
    """A minute old; its root still runs."""
    return factories.make_run("4", created_at=timezone.now() - timedelta(minutes=1))


def set_times(run: Run, name: str, phase: Phase, start: float | None, end: float | None) -> None:
    """In seconds since the run began."""
    at = [None if one is None else run.created_at + timedelta(seconds=one) for one in (start, end)]
    factories.change(run.actions.get(name=name), phase=phase, started_at=at[0], ended_at=at[1])


def test_the_database_counts_what_started_and_ended_together(run: Run):
    for number in range(3):
        set_times(
            run, f"a0-{number}", Phase.SUCCEEDED, 10.25 + number / 4, 22.5
        )  # no border: julianday may miss it
    set_times(run, "a0-3", Phase.QUEUED, None, None)
    set_times(run, "a0", Phase.RUNNING, 0, None)

    spans = list_spans(run.pk, origin=run.created_at, bucket_ms=1000)

    found = {(span.phase, span.start, span.end): span for span in spans}
    assert {key: span.number for key, span in found.items()} == {
        (Phase.SUCCEEDED, 10, 22): 3,
        (Phase.QUEUED, None, None): 1,
        (Phase.RUNNING, 0, None): 1,
    }
    together = found[Phase.SUCCEEDED, 10, 22]
    assert together.start_ms == pytest.approx(3 * 10_500, abs=0.5)
    assert together.end_ms == pytest.approx(3 * 22_500, abs=0.5)


def test_the_most_that_ran_at_once_is_that_of_a_moment_and_not_of_a_bucket(run: Run):
    set_times(run, "a0", Phase.RUNNING, 0, None)
    set_times(run, "a0-0", Phase.SUCCEEDED, 10, 10.002)
    set_times(run, "a0-1", Phase.FAILED, 10.001, 10.003)
    set_times(run, "a0-2", Phase.SUCCEEDED, 10.003, 10.001)  # clocks disagree
    set_times(run, "a0-3", Phase.SUCCEEDED, 10.003, 40)  # when another one ended
    assert count_most_at_once(run.pk) == 3

    for name in ("a0-0", "a0-2", "a0-3"):
        set_times(run, name, Phase.QUEUED, None, None)
    assert count_most_at_once(run.pk) == 2

    for name in ("a0", "a0-1"):
        set_times(run, name, Phase.QUEUED, None, None)
    assert count_most_at_once(run.pk) == 0


def test_it_is_an_image_with_words_and_without_style(run: Run):
    set_times(run, "a0", Phase.RUNNING, 0, None)
    set_times(run, "a0-1", Phase.FAILED, 1, 20)
    for name in ("a0-0", "a0-2", "a0-3"):
        set_times(run, name, Phase.QUEUED, None, None)

    answer = Client().get(URL)
    text = answer.content.decode()

    assert answer.status_code == 200
    assert 'aria-label="Actions that ran over time, up to 2 at once; 1 failed"' in text
    assert re.search(r'<path class="failures" d="M\d+.5 0V30"', text)
    assert "style" not in text
    assert "data-final" not in text
    assert int(re.search(r'data-covers="(\d+)"', text)[1]) == pytest.approx(60_000, abs=5000)  # type: ignore[index]


def test_an_ended_run_covers_itself_and_asks_for_no_more():
    run = factories.make_run("3", phase=Phase.SUCCEEDED, created_at=timezone.now())
    for action in Action.objects.filter(run=run):
        set_times(run, action.name, Phase.SUCCEEDED, 1, 90)

    text = Client().get(URL).content.decode()

    assert 'data-covers="90000"' in text
    assert "data-final" in text


def test_no_such_run_is_an_error():
    assert Client(headers={"HX-Request": "true"}).get(URL).status_code == 404


@pytest.mark.parametrize("shape", ["3", "20x20"])
def test_it_costs_two_statements_beside_the_snapshot_and_none_again(
    run: Run, shape: str, django_assert_num_queries
):
    del run
    big = factories.make_run(shape, name="big")
    snapshot = Snapshot(get_run(factories.ref_of(big)))
    snapshot.page_from(0, 100)
    maps = minimap.Minimaps()

    with django_assert_num_queries(3):
        first = maps.get(snapshot, 1000)
    with django_assert_num_queries(1):
        assert maps.get(snapshot, 1005) is first


def test_however_many_look_a_live_run_is_counted_once_in_a_while(run: Run, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("runs.tree.minimap.time.monotonic", lambda: now[0])
    snapshot, maps = Snapshot(get_run(factories.ref_of(run))), minimap.Minimaps()
    first = maps.get(snapshot, 1000)

    set_times(run, "a0-1", Phase.FAILED, 1, 2)
    assert maps.get(snapshot, 2000) is first
    now[0] += minimap.FRESH_SECONDS
    assert maps.get(snapshot, 2000).failed == 1


def test_what_runs_on_without_a_change_is_drawn_as_long_as_it_is(run: Run, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("runs.tree.minimap.time.monotonic", lambda: now[0])
    snapshot, maps = Snapshot(get_run(factories.ref_of(run))), minimap.Minimaps()
    maps.get(snapshot, 60_000)

    now[0] += 3600

    assert maps.get(snapshot, 3_660_000).covers_ms == 3_660_000


def test_the_end_of_a_run_is_counted_at_once(run: Run):
    snapshot, maps = Snapshot(get_run(factories.ref_of(run))), minimap.Minimaps()
    assert not maps.get(snapshot, 60_000).is_over

    for action in run.actions.all():
        set_times(run, action.name, Phase.SUCCEEDED, 1, 50)

    ended = maps.get(snapshot, 60_000)
    assert (ended.is_over, ended.covers_ms) == (True, 50_000)
