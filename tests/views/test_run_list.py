"""The list of runs: filters, orders, pages, bars, and what is said when there is nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runs.domain.errors import Invalid
from runs.domain.listings import EVERYTHING, Listing, read_listing, read_moment
from runs.domain.phases import Phase
from runs.models import Action, Run
from runs.queries import run_list
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

RUNS = "/v2/domain/development/project/flytesnacks/runs"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def get(**said: Any):
    return Client().get(f"{RUNS}?{urlencode(said, doseq=True)}")


def names(**said: Any) -> list[str]:
    """The runs that the page lists, in their order."""
    answer = get(**said)
    assert answer.status_code == 200
    return re.findall(r'<tr id="run-([^"]+)"', answer.content.decode())


def make(name: str, *, task: str = "env.main", hours: float = 0, lasts: float = 1, **fields: Any) -> Run:
    """A run that was made so many hours ago, whose root took so many seconds."""
    created_at = timezone.now() - timedelta(hours=hours)
    run = factories.make_run(name=name, created_at=created_at, **fields)
    ended = {"ended_at": created_at + timedelta(seconds=lasts)} if run.actions.get().ended_at else {}
    Action.objects.filter(run=run).update(
        task_name=task, short_name=task.rpartition(".")[2], created_at=created_at, **ended
    )
    return run


def make_many(count: int) -> None:
    """Runs that have succeeded, a minute after each other, and one in a hundred that failed."""
    project = factories.make_project()
    runs = Run.objects.bulk_create(
        Run(
            project=project, domain="development", name=f"r{number}", spec=b"", base_uri="", raw_data_prefix="",
            created_by="ann", created_at=NOW + timedelta(minutes=number), labels={"n": str(number)},
        )
        for number in range(count)
    )  # fmt: skip
    Action.objects.bulk_create(
        Action(
            run=run, name="a0", phase=Phase.FAILED if number % 100 == 0 else Phase.SUCCEEDED, task_name="env.main",
            created_at=run.created_at, started_at=run.created_at,
            ended_at=run.created_at + timedelta(seconds=number * 7919 % 5000),
        )
        for number, run in enumerate(runs)
    )  # fmt: skip


# --- filters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, {"night", "day", "old", "live"}),
        ({"phase": "failed"}, {"day"}),
        ({"phase": ["failed", "running"]}, {"day", "live"}),
        ({"phase": "paused"}, set()),
        ({"q": "IGH"}, {"night"}),
        ({"task": "ETL."}, {"night", "old"}),
        ({"task": "refresh", "phase": "succeeded"}, {"night", "old"}),
        ({"who": "carol"}, {"day"}),
        ({"label": "team=vision"}, {"night"}),
        ({"label": "team"}, {"night", "day"}),
        ({"label": "a.b=1"}, {"old"}),
        ({"label": "7=x"}, {"live"}),
        ({"label": "team="}, set()),
        ({"since": "2h"}, {"day", "live"}),
        ({"until": "2h"}, {"night", "old"}),
        ({"since": "5h", "until": "2h"}, {"night"}),
        ({"q": "%"}, set()),
        ({"who": "ann", "task": "etl", "label": "team=vision", "q": "night"}, {"night"}),
    ],
)
def test_a_filter_lists_what_matches_all_of_it(said: dict[str, Any], expected: set[str]):
    etl = "etl.refresh"
    make("night", task=etl, hours=3, phase=Phase.SUCCEEDED, labels={"team": "vision"})
    make("day", hours=1, phase=Phase.FAILED, labels={"team": "nlp"}, created_by="Carol")
    make("old", task=etl, hours=90, phase=Phase.SUCCEEDED, labels={"a.b": "1", "a": {"b": "2"}})
    make("live", labels={"7": "x"})
    factories.make_run(name="elsewhere", domain="production")
    factories.make_run(name="other", project="other")

    assert set(names(**said)) == expected


def test_the_phase_of_a_run_is_that_of_its_root():
    run = make("mixed")
    factories.make_action(run, "bad", parent=run.actions.get(), phase=Phase.FAILED)

    assert names(phase="failed") == []
    assert names(phase="running") == ["mixed"]


def test_the_form_says_what_is_asked_so_that_it_works_without_a_script():
    make("night", phase=Phase.FAILED)

    html = get(phase="failed", q="ni", since="24h", sort="oldest").content.decode()

    assert re.search(r'value="failed" checked', html)
    assert 'name="q" value="ni"' in html
    assert '<option value="oldest" selected' in html
    assert '<details class="more-filters" open' in html
    assert '<form id="run-filters" class="filters" method="get"' in html
    assert '<details class="more-filters">' in get(phase="failed").content.decode()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"since": "soon"}, "neither an age (30m, 24h, 7d) nor a day (today, yesterday) nor a moment"),
        ({"until": "2026-99-99"}, "neither an age"),
        ({"phase": "flying"}, "here is no phase 'flying'; there are queued, "),
        ({"sort": "best"}, "here is no order 'best'; there are newest, oldest, longest"),
        ({"before": "1-2", "sort": "longest"}, "is not one of ours"),
        ({"q": "x" * 5000}, "at most 4000 are read"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_page_stays(said: dict[str, Any], message: str):
    answer = get(**said)

    assert answer.status_code == 400
    html = answer.content.decode().replace("&#x27;", "'")
    assert message in html
    assert 'id="run-filters"' in html


def test_an_empty_list_teaches_and_an_empty_answer_offers_the_way_back():
    assert "flyte run hello.py main" in get().content.decode()

    html = get(phase="failed").content.decode()

    assert "No run matches" in html
    assert f'<a class="button" href="{RUNS}">Clear</a>' in html
    assert "flyte run" not in html


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("90m", datetime(2026, 11, 22, 10, 30, tzinfo=UTC)),
        ("2 D", datetime(2026, 11, 20, 12, 0, tzinfo=UTC)),
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21 14:30", datetime(2026, 11, 21, 14, 30, tzinfo=UTC)),
        ("2026-11-21T14:30+02:00", datetime(2026, 11, 21, 12, 30, tzinfo=UTC)),
    ],
)
def test_moments(text: str, expected: datetime | None):
    assert read_moment("since", text, NOW) == expected


def test_a_listing_is_written_as_it_is_read():
    query = "phase=running&phase=failed&q=a+b&task=t&label=k%3Dv&since=24h&sort=longest"

    assert read_listing(query).query == query
    assert read_listing("unknown=1&sort=newest") == EVERYTHING
    assert not EVERYTHING.query
    assert not Listing(sort="oldest").is_filter
    with pytest.raises(Invalid):
        read_listing("phase=x")


# --- orders and pages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", ["newest", "oldest", "longest"])
def test_pages_follow_each_other_without_a_gap_or_a_repeat(sort: str):
    make_many(130)
    # Ties are broken by the key.
    Run.objects.filter(name__in=["r40", "r41", "r42"]).update(created_at=NOW + timedelta(minutes=40))

    seen: list[str] = []
    said: dict[str, Any] = {"sort": sort, "phase": "succeeded"}
    while True:
        html = get(**said).content.decode()
        seen += re.findall(r'<tr id="run-([^"]+)"', html)
        follow = re.search(r"before=([0-9-]+)", html.partition('class="pages"')[2])
        if follow is None:
            break
        assert f"phase=succeeded{'' if sort == 'newest' else f'&amp;sort={sort}'}&amp;before=" in html
        said["before"] = follow[1]

    expected = Run.objects.filter(actions__phase=Phase.SUCCEEDED)
    assert len(seen) == len(set(seen)) == expected.count() == 128
    if sort != "longest":
        order = ["-created_at", "-pk"] if sort == "newest" else ["created_at", "pk"]
        assert seen == list(expected.order_by(*order).values_list("name", flat=True))


@pytest.mark.parametrize("sort", ["newest", "oldest", "longest"])
def test_one_may_go_back_as_one_came(sort: str):
    make_many(170)
    at = NOW + timedelta(days=9)

    def page(**cursor: str) -> run_list.RunList:
        return run_list.list_runs("flytesnacks", "development", Listing(sort=sort), now=at, **cursor)

    there = [page()]
    while there[-1].next:
        there.append(page(before=there[-1].next))
    assert [len(one.rows) for one in there] == [50, 50, 50, 20]
    back = [there[-1]]
    while back[-1].previous:
        back.append(page(after=back[-1].previous))

    assert [[row.name for row in one.rows] for one in back] == [
        [row.name for row in one.rows] for one in reversed(there)
    ]
    assert [bool(one.next) for one in back] == [False, True, True, True]


def test_the_longest_come_first_and_what_goes_on_counts_until_now():
    make("short", hours=5, lasts=1, phase=Phase.SUCCEEDED)
    make("long", hours=9, lasts=7200, phase=Phase.FAILED)
    make("live", hours=3)

    assert names(sort="longest") == ["live", "long", "short"]


def test_a_run_that_ends_between_two_pages_of_the_longest_keeps_its_place():
    make_many(60)
    Action.objects.filter(run__name="r59").update(phase=Phase.RUNNING, ended_at=None)
    begun = NOW + timedelta(minutes=59)

    def page(before: str = "") -> run_list.RunList:
        at = begun + timedelta(seconds=1)
        return run_list.list_runs(
            "flytesnacks", "development", Listing(sort="longest"), now=at, before=before
        )

    first = page()
    Action.objects.filter(run__name="r59").update(phase=Phase.FAILED, ended_at=begun + timedelta(days=3))
    second = page(first.next)

    assert "r59" in {row.name for row in second.rows}
    assert len({row.name for row in (*first.rows, *second.rows)}) == 60


def test_a_later_page_is_not_live_and_leads_back():
    make_many(60)
    cursor = re.search(r"before=([0-9-]+)", get(q="r").content.decode())
    assert cursor

    html = get(q="r", before=cursor[1]).content.decode()

    assert "hx-ws:connect" not in html
    assert '<a class="button" href="?q=r">Back to the first page</a>' in html


# --- cost -----------------------------------------------------------------------------------------------------------


# Most of them match nothing, so that every run is looked at. What words cost is in test_run_search.
QUERIES = [
    "", "sort=oldest", "phase=failed", "phase=running", "phase=paused", "task=nothing", "label=n%3Dx", "since=1h", "who=me",
    "phase=running&task=nothing&who=zoe",
]  # fmt: skip


@contextmanager
def counted_steps() -> Iterator[Counter[str]]:
    """Count the instructions of SQLite's virtual machine: the work of statements, the same on every machine."""
    steps: Counter[str] = Counter()

    def count() -> int:
        steps["steps"] += 100
        return 0

    connection.ensure_connection()
    connection.connection.set_progress_handler(count, 100)
    yield steps
    connection.connection.set_progress_handler(None, 0)


def plan_of(listing: Listing) -> tuple[list[str], int]:
    """How SQLite finds the runs of a listing, and how many steps that takes."""
    with CaptureQueriesContext(connection) as captured, counted_steps() as counted:
        run_list.list_runs("flytesnacks", "development", listing, now=NOW + timedelta(days=30))
    assert len(captured) <= 3
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {captured[0]['sql']}")
        return [row[3] for row in cursor.fetchall()], counted["steps"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads the plans of SQLite")
def test_among_10000_runs_the_indexes_are_used_and_the_work_is_small():
    make_many(10_000)
    for query in QUERIES:
        plan, steps = plan_of(read_listing(query))

        assert any("USING INDEX run_listing" in step for step in plan), (query, plan)
        assert not any(step.startswith("SCAN") or "TEMP B-TREE" in step for step in plan), (query, plan)
        if "phase" in query or "task" in query:
            assert any("(run_id=? AND name=?)" in step for step in plan), (query, plan)
        assert steps < 50 * 10_000, (query, steps)

    _, steps = plan_of(Listing(sort="longest"))
    assert steps < 100 * 10_000


def test_the_number_of_statements_does_not_grow_with_the_runs(django_assert_num_queries):
    for number in range(20):
        factories.make_run("5", name=f"run{number}", phase=Phase.SUCCEEDED)

    with django_assert_num_queries(3):
        run_list.list_runs("flytesnacks", "development", now=timezone.now())
    with django_assert_num_queries(2):  # bars are counted once
        run_list.list_runs("flytesnacks", "development", now=timezone.now())


# --- bars -----------------------------------------------------------------------------------------------------------


def test_a_bar_counts_the_phases_and_a_change_counts_again():
    run = factories.make_run("9", phase=Phase.SUCCEEDED)
    action = run.actions.get(name="a0-3")
    Action.objects.filter(pk=action.pk).update(phase=Phase.FAILED)

    html = get().content.decode()
    assert 'aria-label="9 succeeded, 1 failed"' in html
    assert '<rect data-phase="succeeded" x="0.0" width="90.0"' in html

    factories.change(action, phase=Phase.SUCCEEDED)
    assert 'aria-label="10 succeeded"' in get().content.decode()


def test_one_failure_among_many_can_be_seen():
    bar = run_list.make_bar({Phase.SUCCEEDED: 99_999, Phase.FAILED: 1})

    assert [part.slug for part in bar.parts] == ["succeeded", "failed"]
    assert bar.parts[1].width > 2.5
    assert bar.parts[1].x + bar.parts[1].width == pytest.approx(100, abs=0.02)


def test_a_run_without_actions_has_an_empty_bar():
    assert run_list.make_bar({}) == run_list.Bar((), 0)
