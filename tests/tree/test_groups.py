"""Groups are rows of their own: between an action and those of its children to which its code gave one name."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from runs.domain.errors import Invalid, NotFound
from runs.domain.phases import Phase
from runs.domain.selections import select
from runs.engine.aborts import request_aborts
from runs.live.run import RunFeed
from runs.models import Run
from runs.protocol.messages import Hello, Toggle
from runs.queries.aborts.previews import preview_aborts
from runs.queries.runs import get_run
from runs.tree.filter import RowFilter, make_filter
from runs.tree.groups import name_of, read_name
from runs.tree.page import RunPage
from runs.tree.read_only import without_controls
from runs.tree.snapshot import Snapshot
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run() -> Run:
    """main > load, the group <trials> of four, score; other > a group of the same name, of one.

    Of the trials one has failed, one has succeeded, one runs, one is queued.
    """
    run = factories.make_run("0", created_at=timezone.now() - timedelta(minutes=1))
    root = run.actions.get()
    factories.call(run, "load", parent=root, short_name="load")
    states = [
        (Phase.FAILED, 3, 9),
        (Phase.SUCCEEDED, 2, 4),
        (Phase.RUNNING, 5, None),
        (Phase.QUEUED, None, None),
    ]
    for n, (phase, began, ended) in enumerate(states):
        trial = factories.call(run, f"t{n}", parent=root, short_name="trial", group="<trials>", n=3 - n)
        at = [None if one is None else run.created_at + timedelta(seconds=one) for one in (began, ended)]
        factories.change(trial, phase=phase, started_at=at[0], ended_at=at[1])
    factories.call(run, "score", parent=root, short_name="score", n=9)
    other = factories.call(run, "other", parent=root, short_name="other")
    factories.call(run, "o0", parent=other, short_name="trial", group="<trials>")
    return run


@pytest.fixture
def snapshot(run: Run) -> Snapshot:
    return Snapshot(get_run(factories.ref_of(run)))


def group_of(run: Run, first: str) -> str:
    return name_of(-run.actions.get(name=first).pk)


def levels(page: RunPage) -> str:
    """The rows with their levels, in order."""
    found = [re.search(r'aria-level="(\d)"', html) for html in page.window.rows.values()]
    return " ".join(
        f"{name}:{level.group(1)}" for name, level in zip(page.window.rows, found, strict=True) if level
    )


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_a_group_has_a_row_above_its_members_where_the_first_of_them_was(run: Run, snapshot: Snapshot):
    one, other = group_of(run, "t0"), group_of(run, "o0")

    assert levels(snapshot.page_from(0, 100)) == (
        f"a0:1 load:2 {one}:2 t0:3 t1:3 t2:3 t3:3 score:2 other:2 {other}:3 o0:4"
    )


def test_its_row_says_how_many_are_what_and_spans_from_the_first_to_the_last(run: Run, snapshot: Snapshot):
    row = snapshot.page_from(0, 100).window.rows[group_of(run, "t0")]

    assert words(row).startswith("&lt;trials&gt; 4 actions 1 failed , 1 running , 1 queued , 1 succeeded")
    assert 'data-phase="failed"' in row
    assert "<i class=span data-at=2000-></i>" in row
    assert 'data-since="2000"' in row
    assert 'data-abort-group="&lt;trials&gt;" data-under="a0"' in row
    assert "checkbox" not in row

    for name, after in (("t2", 20), ("t3", 30)):
        ended = run.created_at + timedelta(seconds=after)
        factories.change(run.actions.get(name=name), phase=Phase.SUCCEEDED, started_at=ended, ended_at=ended)
    row = snapshot.page_from(0, 100).window.rows[group_of(run, "t0")]
    assert "<i class=span data-at=2000-30000></i>" in row
    assert "28.0 s" in row
    assert "button" not in row


def test_what_is_being_aborted_already_can_not_be_aborted_again(run: Run, snapshot: Snapshot):
    request_aborts(factories.ref_of(run), select(group="<trials>", under="a0"), reason="", actor="ann")

    row = snapshot.page_from(0, 100).window.rows[group_of(run, "t0")]

    assert "1 aborting" in words(row)
    assert "button" not in row


def test_a_closed_group_hides_its_members_and_counts_its_failures(run: Run, snapshot: Snapshot):
    group = group_of(run, "t0")

    page = snapshot.page_from(0, 100, RowFilter(toggled=frozenset({group, "~", "~x", "~999999", "~-1"})))

    assert "t0" not in page.window.rows
    assert page.total == 7
    assert 'data-hidden-failures="1"' in page.window.rows[group]
    assert levels(snapshot.page_from(0, 100, RowFilter(depth=2))) == f"a0:1 load:2 {group}:2 score:2 other:2"


def test_the_next_failure_opens_the_group_that_hides_it(run: Run, snapshot: Snapshot):
    page = snapshot.page_at_failure("", 0, 100, RowFilter(depth=2), back=False)

    assert (page.goal, page.opened) == ("t0", frozenset({group_of(run, "t0")}))


def test_a_filter_shows_the_groups_of_what_matches(run: Run, snapshot: Snapshot):
    page = snapshot.page_from(0, 100, make_filter(text="n=3"))

    assert list(page.window.rows) == ["a0", group_of(run, "t0"), "t0"]
    assert " data-context" in page.window.rows[group_of(run, "t0")]
    assert page.matched == 1


def test_sorted_siblings_have_a_group_where_its_first_member_would_be(run: Run, snapshot: Snapshot):
    one, other = group_of(run, "t0"), group_of(run, "o0")

    assert levels(snapshot.page_from(0, 100, make_filter(sort="-input:n"))) == (
        f"a0:1 score:2 {one}:2 t0:3 t1:3 t2:3 t3:3 load:2 other:2 {other}:3 o0:4"
    )
    assert levels(snapshot.page_from(0, 100, make_filter(sort="input:n"))).startswith(
        f"a0:1 {one}:2 t3:3 t2:3 t1:3 t0:3 score:2"
    )


def test_frames_bring_a_group_with_its_first_member_and_change_its_counts(run: Run):
    feed = RunFeed(run.pk, lambda _: None)  # type: ignore[arg-type, return-value]
    feed.apply(Hello(since=-1, first=0, count=100))
    feed.compose()
    new = factories.call(run, "late", parent=run.actions.get(name="other"), short_name="trial", group="late")

    assert f'id="action-{name_of(-new.pk)}"' in (feed.compose() or "")
    factories.change(run.actions.get(name="t3"), phase=Phase.RUNNING, started_at=timezone.now())
    changed = re.findall(r'<hx-partial id="action-([^"]+)"', feed.compose() or "")
    assert changed == [group_of(run, "t0"), "t3"]
    feed.apply(Toggle(name=group_of(run, "t0")))
    assert 'id="action-t3"' not in (feed.compose() or "")


def test_groups_cost_one_statement_when_they_changed_and_none_else(
    run: Run, snapshot: Snapshot, django_assert_num_queries
):
    with django_assert_num_queries(5):  # nodes, rows, times of the groups, what failed first (2)
        snapshot.page_from(0, 100)
    factories.change(
        run.actions.get(name="t3"), phase=Phase.SUCCEEDED, started_at=run.created_at, ended_at=run.created_at
    )
    snapshot.page_from(0, 100)
    with django_assert_num_queries(1):
        snapshot.page_from(0, 100)


def test_who_may_only_read_sees_the_group_and_cannot_abort_it(snapshot: Snapshot, run: Run):
    row = without_controls(snapshot.page_from(0, 100).window.rows[group_of(run, "t0")])

    assert "&lt;trials&gt;" in row
    assert "button" not in row


def test_an_abort_of_a_group_reaches_it_under_its_parent_only(run: Run):
    ref = factories.ref_of(run)
    of_one, of_all = select(group="<trials>", under="other"), select(group="<trials>")
    assert preview_aborts(run.pk, run.name, of_one).running == 1
    assert preview_aborts(run.pk, run.name, of_all).running == 2

    answer = request_aborts(ref, of_one, reason="", actor="ann")

    assert answer.reached == 1
    assert run.actions.get(name="o0").abort is not None
    assert run.actions.get(name="t2").abort is None
    with pytest.raises(NotFound, match="no group '<trials>' under score"):
        request_aborts(ref, select(group="<trials>", under="score"), reason="", actor="ann")
    with pytest.raises(Invalid, match="give the group"):
        select(phase="running", under="a0")


def test_only_a_number_is_a_name_of_a_group():
    assert read_name("~12") == -12
    assert name_of(-12) == "~12"
    assert [read_name(name) for name in ("", "a0", "~", "~x", "~-1", "~1.5", "~²", "~" + "9" * 30)] == [
        None
    ] * 8
