"""The search box of the list of runs, its days and Mine, and the counts on its chips."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from runs.access import gate
from runs.domain.errors import Invalid
from runs.domain.listings import Listing, read_listing
from runs.domain.phases import Phase
from runs.models import Action, Run
from runs.queries.listing import texts
from runs.queries.listing.counts import count_runs
from tests.support import factories, showcase
from tests.views.test_run_list import NOW, counted_steps, get, make, make_many, names

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def searched() -> None:
    """Three runs: one that trains, one that failed, one of another person."""
    make("abc1", task="vision.train", phase=Phase.SUCCEEDED, labels={"team": "vision", "város": "Győr"})
    make("abc2", task="etl.load", phase=Phase.FAILED, created_by="carol")
    make("xyz3", task="vision.evaluate", labels={"lr": "0.5"})
    Action.objects.filter(run__name="abc1").update(input_digest='{"lr":0.001,"split":"train","city":"Győr"}')
    Action.objects.filter(run__name="abc2").update(
        input_digest='{"lr":0.1}', error_code="ValueError", error_message="the column 'price' is missing"
    )


@pytest.mark.usefixtures("searched")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vision", {"abc1", "xyz3"}),
        ("ABC", {"abc1", "abc2"}),
        ("train", {"abc1"}),
        ("price", {"abc2"}),
        ("valueerror", {"abc2"}),
        ("carol", {"abc2"}),
        ("Győr", {"abc1"}),
        ("vision evaluate", {"xyz3"}),
        ("vision carol", set()),
        ("team vision", {"abc1"}),
        ("lr<0.01", {"abc1"}),
        ("lr=0.1", {"abc2"}),
        ("task=vision.train", {"abc1"}),
        ("task=vision", set()),
        ("lr=0.5", {"xyz3"}),  # a label
        ("team=vision", {"abc1"}),
        ("lr>0.0001 abc", {"abc1", "abc2"}),
        ("lr>0.01 split=train", set()),
        ("0.001", {"abc1"}),
        ("100%", set()),
        ("_", set()),
        ("'; --", set()),
        (" ".join(["abc"] * 60), {"abc1", "abc2"}),
    ],
)
def test_the_search_box_finds_by_task_id_label_error_inputs_and_who(text: str, expected: set[str]):
    assert set(names(q=text)) == expected


@pytest.mark.usefixtures("searched")
def test_a_run_that_comes_later_is_found_by_the_same_inputs():
    assert names(q="lr<0.01") == ["abc1"]

    make("new1")
    Action.objects.filter(run__name="new1").update(input_digest='{"lr":0.002}')

    assert set(names(q="lr<0.01")) == {"abc1", "new1"}


def test_mine_are_the_runs_of_whoever_looks():
    make("one", created_by=gate.server_user())
    make("other", created_by="carol")

    assert names(who="me") == ["one"]


def test_a_run_with_a_condition_that_waits_is_found_by_that():
    run = make("asks", task="vision.train")
    showcase.make_condition(run, "ship", "boolean", "Ship it?")
    make("runs")
    make("failed", phase=Phase.FAILED)

    assert names(phase="paused") == ["asks"]
    assert set(names(phase=["paused", "failed"])) == {"asks", "failed"}
    assert names(phase="paused", task="etl") == []
    assert names(phase="paused", task="vision") == ["asks"]


def test_days_are_those_of_the_time_zone():
    now = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
    berlin, honolulu = (
        read_listing(f"since=yesterday&until=today&tz={zone}")
        for zone in ("Europe/Berlin", "Pacific/Honolulu")
    )

    assert berlin.span(now) == (
        datetime(2026, 11, 20, 23, tzinfo=UTC),
        datetime(2026, 11, 21, 23, tzinfo=UTC),
    )
    assert honolulu.span(now) == (
        datetime(2026, 11, 20, 10, tzinfo=UTC),
        datetime(2026, 11, 21, 10, tzinfo=UTC),
    )
    assert read_listing("since=Today").span(now)[0] == datetime(2026, 11, 22, tzinfo=UTC)
    for wrong in ("Mars/Base", "../etc/passwd", "/etc/passwd", "UTC\0"):
        with pytest.raises(Invalid, match="there is no time zone"):
            Listing(since="today", tz=wrong).span(now)


@pytest.mark.usefixtures("searched")
def test_the_chips_say_how_many_runs_there_are_of_each_phase():
    html = get(phase="failed").content.decode()

    chips = dict(re.findall(r'data-phase="([\w-]+)" data-number="(\d+)"', html))
    assert {slug: number for slug, number in chips.items() if number != "0"} == {
        "succeeded": "1", "failed": "1", "running": "1",
    }  # fmt: skip
    assert '<b class="num">1</b> run<' in html
    assert '<b class="num">2</b> runs<' in get(phase=["failed", "running"]).content.decode()
    assert (
        'data-from="yesterday" data-to="today" aria-pressed="true"'
        in get(since="yesterday", until="today").content.decode()
    )


@pytest.mark.skipif(connection.vendor != "sqlite", reason="counts the steps of SQLite")
def test_counting_10000_runs_is_little_work_and_a_moment_later_none():
    make_many(10_000)
    for query, total in (("", 10_000), ("phase=failed", 100), ("q=zzz", 0), ("q=r1", 1111)):
        listing = read_listing(query)
        with CaptureQueriesContext(connection) as captured, counted_steps() as counted:
            counts = count_runs("flytesnacks", "development", listing, now=NOW)
        assert counts.total == total, query
        assert len(captured) <= (9 if "q=" in query else 3)  # a search reads what is new, too
        assert counted["steps"] < 130 * 10_000, (query, counted["steps"])

        with CaptureQueriesContext(connection) as again:
            assert (
                count_runs("flytesnacks", "development", replace(listing, sort="oldest"), now=NOW) == counts
            )
        assert len(again) == 0


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads the plans of SQLite")
def test_a_count_takes_the_indexes():
    make_many(50)
    with CaptureQueriesContext(connection) as captured:
        count_runs("flytesnacks", "development", read_listing("phase=failed&since=90d"), now=NOW)

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {captured[0]['sql']}")
        plan = [row[3] for row in cursor.fetchall()]
        assert any(
            "USING COVERING INDEX run_listing" in step or "USING INDEX run_listing" in step for step in plan
        ), plan
        assert any("(run_id=? AND name=?)" in step for step in plan), plan
        cursor.execute(f"EXPLAIN QUERY PLAN {captured[1]['sql']}")
        assert any("action_paused" in row[3] for row in cursor.fetchall())


@pytest.fixture
def parents() -> None:
    """Three runs whose children were given other inputs; of the second one a child has failed, and the root passed it on."""
    for number in range(3):
        make(f"run{number}", task="hpo.search")
    for run in Run.objects.order_by("pk"):
        factories.call(
            run, "t", parent=run.actions.get(name="a0"), short_name="trial", split=f"Fold{run.name[-1]}"
        )
    failed = Action.objects.get(run__name="run1", name="t")
    factories.change(
        failed, phase=Phase.FAILED, ended_at=NOW, error_code="KeyError", error_message=f"{'x' * 5000} 'Preis'"
    )
    texts.SOURCES[2].clear()


@pytest.mark.usefixtures("parents")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fold2", ["run2"]),
        ("FOLD", ["run0", "run1", "run2"]),
        ("preis", ["run1"]),
        ("keyerror fold1", ["run1"]),
        ("keyerror fold2", []),
        ("hpo fold0 run0", ["run0"]),
    ],
)
def test_a_word_is_found_in_inputs_and_errors_of_any_action_and_counted(text: str, expected: list[str]):
    assert sorted(names(q=text)) == expected
    counts = count_runs("flytesnacks", "development", read_listing(f"q={text}"), now=NOW)
    assert counts.total == len(expected)
    assert sum(counts.by_phase.values()) == len(expected)


@pytest.mark.usefixtures("parents")
def test_what_comes_later_is_found_too():
    assert names(q="later") == []
    run = make("run3", task="hpo.search")
    factories.call(run, "t", parent=run.actions.get(name="a0"), short_name="trial", split="later")

    assert names(q="later") == ["run3"]


@pytest.mark.usefixtures("parents")
def test_runs_older_than_what_is_kept_are_found_by_what_they_have_themselves(monkeypatch: pytest.MonkeyPatch):
    run = make("run3", task="hpo.search")
    factories.call(run, "t", parent=run.actions.get(name="a0"), short_name="trial", split="Fold3")
    monkeypatch.setattr(texts, "MAX_ROWS", 2)
    for source in texts.SOURCES:
        source.clear()

    assert names(q="fold3") == ["run3"]
    assert names(q="fold0") == []
    assert sorted(names(q="hpo")) == ["run0", "run1", "run2", "run3"]
    assert sorted(names(q="hpo run1")) == ["run1"]


def test_half_of_the_texts_make_way_when_there_are_too_many():
    kept = texts.Texts()
    for run in range(10):
        kept.add(run, f"word{run}")
        kept.add(run, "Ünï")
    assert kept.find("ÜNÏ") == frozenset(range(10))

    kept.cut()

    assert kept.find("ünï") == frozenset(range(5, 10))
    assert kept.find("word3") == frozenset()
    assert kept.find("word7") == {7}
    assert kept.oldest == 6
