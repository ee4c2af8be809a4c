"""Siblings of a run's page in another order: by duration, by phase, by an input."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from runs.domain.phases import Phase
from runs.live.feed import POLL_SECONDS
from runs.live.run import SETTLE_POLL_SECONDS, RunFeed
from runs.models import Run
from runs.protocol.messages import Hello
from runs.queries.runs import get_run
from runs.tree.filter import BY_START, RowFilter, Sort, make_filter, read_sort
from runs.tree.snapshot import Snapshot
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/v2/domain/development/project/flytesnacks/runs/run1"


@pytest.fixture
def run() -> Run:
    """main > trials, which differ by n and lr: of three, the first has failed after 9 s, the second runs, the third has taken 2 s; the fourth is queued."""
    run = factories.make_run("0", created_at=timezone.now() - timedelta(minutes=1))
    root = run.actions.get(name="a0")
    states = [(Phase.FAILED, 9.0), (Phase.RUNNING, None), (Phase.SUCCEEDED, 2.0), (Phase.QUEUED, None)]
    for n, (lr, (phase, took)) in enumerate(zip([0.3, 10.0, 0.05, 0.3], states, strict=True)):
        trial = factories.call(run, f"t{n}", parent=root, short_name="trial", n=n, lr=lr, tag=f"x{n % 2}")
        began = None if phase is Phase.QUEUED else run.created_at + timedelta(seconds=10 + n)
        ended = began + timedelta(seconds=took) if began and took else None
        factories.change(trial, phase=phase, started_at=began, ended_at=ended)
    return run


@pytest.fixture
def snapshot(run: Run) -> Snapshot:
    return Snapshot(get_run(factories.ref_of(run)))


def trials(snapshot: Snapshot, sort: str, **fields: object) -> str:
    page = snapshot.page_from(0, 100, make_filter(sort=sort, **fields))  # type: ignore[arg-type]
    return " ".join(name for name in page.window.rows if name != "a0")


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", "t0 t1 t2 t3"),
        ("-start", "t3 t2 t1 t0"),
        ("duration", "t2 t0 t1 t3"),
        ("-duration", "t1 t0 t2 t3"),
        ("phase", "t0 t1 t3 t2"),
        ("input:lr", "t2 t0 t3 t1"),
        ("-input:lr", "t1 t0 t3 t2"),
        ("-input:tag", "t1 t3 t0 t2"),
        ("input:nothing", "t0 t1 t2 t3"),
        ("by magic", "t0 t1 t2 t3"),
    ],
)
def test_siblings_are_sorted_as_asked(snapshot: Snapshot, sort: str, order: str):
    assert trials(snapshot, sort) == order


def test_what_matches_a_filter_is_sorted_too(snapshot: Snapshot):
    assert trials(snapshot, "-input:lr", text="lr<5") == "t0 t3 t2"


def test_a_sort_is_read_and_written_alike():
    for text in ("", "-start", "duration", "-phase-", "phase", "input:lr", "-input:lr", "-input:a:b-c"):
        assert read_sort(read_sort(text).text) == read_sort(text)
    assert read_sort("input:lr") == Sort("input", "lr")
    assert read_sort("-") == read_sort("-input:") == read_sort("start") == BY_START


def test_values_of_any_kind_have_an_order(run: Run, snapshot: Snapshot):
    root = run.actions.get(name="a0")
    for name, value in {"s": "12.5s", "t": "text", "no": None, "yes": True, "nan": "nans"}.items():
        factories.call(run, name, parent=root, short_name="trial", lr=value)

    assert trials(snapshot, "input:lr") == "t2 t0 t3 yes t1 s nan t no"


def test_new_siblings_take_their_place_and_keys_are_read_once(
    run: Run, snapshot: Snapshot, django_assert_num_queries
):
    by_lr = make_filter(sort="input:lr")
    snapshot.page_from(0, 100, by_lr)
    with django_assert_num_queries(1):  # what changed
        before = snapshot.page_from(0, 100, by_lr)
    factories.call(run, "t4", parent=run.actions.get(name="a0"), short_name="trial", n=4, lr=0.1)

    assert not before.settles
    assert trials(snapshot, "input:lr") == "t2 t4 t0 t3 t1"


def test_an_order_that_changes_by_itself_stays_for_a_moment_and_the_feed_comes_back_for_it(
    run: Run, monkeypatch
):
    now = [100.0]
    monkeypatch.setattr("runs.tree.sorting.time.monotonic", lambda: now[0])
    feed = RunFeed(run.pk, lambda _: None)  # type: ignore[arg-type, return-value]
    feed.apply(Hello(since=-1, first=0, count=100, sort="phase"))
    feed.compose()
    assert feed.patience == POLL_SECONDS
    factories.change(run.actions.get(name="t1"), phase=Phase.SUCCEEDED, ended_at=timezone.now())

    soon = feed.compose() or ""
    assert 'id="action-t1"' in soon  # the row has changed, in its place
    assert 'id="rows"' not in soon
    assert feed.patience == SETTLE_POLL_SECONDS

    now[0] += 1.0
    settled = feed.compose() or ""
    assert re.findall(r'id="action-(\w+)"', settled) == ["a0", "t0", "t3", "t1", "t2"]
    assert feed.patience == POLL_SECONDS


def test_the_page_is_sorted_without_scripts_and_offers_what_siblings_differ_by(run: Run):
    text = Client().get(URL, {"sort": "-input:lr", "look": "running"}).content.decode()

    assert re.findall(r'id="action-(\w+)"', Client().get(URL, {"sort": "phase"}).content.decode()) == [
        "a0",
        "t0",
        "t1",
        "t3",
        "t2",
    ]
    options = re.findall(r'<option value="([^"]*)"( selected)?>([^<]*)', text.partition('name="sort"')[2])
    assert ("-input:lr", " selected", "lr, descending") in options
    assert [value for value, _, _ in options if value.endswith(":n")] == ["input:n", "-input:n"]
    assert len([one for one in options if one[1]]) == 1


def test_a_page_says_by_which_inputs_it_can_be_sorted_once(run: Run):
    feed = RunFeed(run.pk, lambda _: None)  # type: ignore[arg-type, return-value]
    feed.apply(Hello(since=-1, first=0, count=100))

    feed.compose()
    assert feed.extras["inputs"] == ("lr", "n", "tag")
    factories.change(run.actions.get(name="t1"), phase=Phase.SUCCEEDED, ended_at=timezone.now())
    feed.compose()
    assert "inputs" not in feed.extras


def test_the_next_failure_follows_the_order_of_the_rows(run: Run, snapshot: Snapshot):
    for name in ("t1", "t2"):
        factories.change(run.actions.get(name=name), phase=Phase.FAILED, ended_at=timezone.now())
    by_lr = RowFilter(sort=Sort("input", "lr"))

    first = snapshot.page_at_failure("", 0, 100, by_lr, back=False)
    then = snapshot.page_at_failure(first.goal, 0, 100, by_lr, back=False)

    assert (first.goal, then.goal) == ("t2", "t0")
