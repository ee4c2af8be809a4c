"""What a page of a run shows when it is filtered: what matches, and what is above it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from runs.domain.phases import Phase
from runs.models import Run
from runs.queries.runs import get_run, get_run_by_id
from runs.tree.filter import EVERYTHING, RowFilter, make_filter
from runs.tree.page import RunPage
from runs.tree.snapshot import Snapshot
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def snapshot() -> Snapshot:
    """main > the group round-1 > train > epoch x 3, of which one has failed; main > score."""
    run = factories.make_run("0")
    root = run.actions.get()
    train = factories.make_action(run, "t1", parent=root, short_name="train", group="round-1")
    for number in range(3):
        phase = Phase.FAILED if number == 1 else Phase.SUCCEEDED
        factories.make_action(run, f"e{number}", parent=train, short_name="epoch", phase=phase)
    factories.make_action(run, "s1", parent=root, short_name="score", phase=Phase.SUCCEEDED)
    return Snapshot(get_run(factories.ref_of(run)))


def names(seen: RunPage) -> list[str]:
    """Of the rows; that of the group is ~."""
    return [name[:1] if name[0] == "~" else name for name in seen.window.rows]


def context(seen: RunPage) -> set[str]:
    """The rows that are there only because of what is below them."""
    shown = zip(names(seen), seen.window.rows.values(), strict=True)
    return {name for name, html in shown if re.match(r"<div[^>]* data-context", html)}


@pytest.mark.parametrize(
    ("shape", "matching", "above"),
    [
        (RowFilter(text="EPOCH"), {"e0", "e1", "e2"}, {"a0", "~", "t1"}),
        (RowFilter(text="e1"), {"e1"}, {"a0", "~", "t1"}),
        (RowFilter(text="round-1"), {"t1"}, {"a0", "~"}),
        (RowFilter(statuses=frozenset({"failed"})), {"e1"}, {"a0", "~", "t1"}),
        (RowFilter(text="epoch", statuses=frozenset({"succeeded"})), {"e0", "e2"}, {"a0", "~", "t1"}),
        (RowFilter(text="100%"), set(), set()),
        (RowFilter(statuses=frozenset({"running"})), {"a0", "t1"}, {"~"}),
    ],
)
def test_only_what_matches_shows_with_what_is_above_it(snapshot, shape, matching, above):
    seen = snapshot.page_from(0, 100, shape)

    assert set(names(seen)) == matching | above
    assert context(seen) == above
    assert seen.matched == len(matching)
    assert seen.total == len(matching | above)
    assert seen.summary.total == 6, "the counts above the tree are those of the run"


def test_without_a_filter_nothing_is_context(snapshot):
    seen = snapshot.page_from(0, 100)

    assert len(names(seen)) == 7
    assert context(seen) == set()
    assert seen.matched is None


def test_a_filter_of_phases_follows_what_happens(snapshot):
    shape = RowFilter(statuses=frozenset({"failed"}))
    assert snapshot.page_from(0, 100, shape).matched == 1
    run = Run.objects.get()

    factories.change(run.actions.get(name="s1"), phase=Phase.FAILED)
    assert set(names(snapshot.page_from(0, 100, shape))) == {"a0", "~", "t1", "e1", "s1"}

    factories.add(run, "e9", parent=run.actions.get(name="t1"), phase=Phase.FAILED)
    assert snapshot.page_from(0, 100, shape).matched == 3


def test_so_many_levels_are_open_but_for_the_branches_that_were_toggled(snapshot):
    assert names(snapshot.page_from(0, 100, RowFilter(depth=1))) == ["a0"]
    assert names(snapshot.page_from(0, 100, RowFilter(depth=2))) == ["a0", "~", "s1"]
    assert names(snapshot.page_from(0, 100, RowFilter(depth=3))) == ["a0", "~", "t1", "s1"]
    assert len(names(snapshot.page_from(0, 100, RowFilter(depth=3, toggled=frozenset({"t1"}))))) == 7
    assert names(snapshot.page_from(0, 100, RowFilter(toggled=frozenset({"t1"})))) == ["a0", "~", "t1", "s1"]


def test_the_window_around_a_row_that_does_not_match_begins_at_the_top(snapshot):
    assert snapshot.page_around("s1", RowFilter(text="epoch")).start == 0
    assert snapshot.page_around("nothing", EVERYTHING).start == 0


def test_what_a_page_says_is_cut_to_what_is_allowed():
    shape = make_filter(
        depth=-3, toggled=map(str, range(10_000)), text=" x" * 200, statuses=["failed", "<b>"]
    )

    assert shape.depth == 0
    assert len(shape.toggled) == 5000
    assert len(shape.text) == 300
    assert shape.statuses == {"failed"}


def test_the_address_of_a_page_may_say_what_is_shown():
    run = factories.make_run("3")
    factories.make_action(run, "odd", parent=run.actions.get(name="a0"), short_name="odd", phase=Phase.FAILED)

    text = (
        Client()
        .get("/v2/domain/development/project/flytesnacks/runs/run1?q=odd&look=failed")
        .content.decode()
    )

    assert re.findall(r'id="action-([^"]+)"', text) == ["a0", "odd"]


def test_the_page_is_a_form_that_says_what_is_asked_for_and_how_much_matches():
    run = factories.make_run("3")
    factories.make_action(run, "odd", parent=run.actions.get(name="a0"), short_name="odd", phase=Phase.FAILED)
    page = "/v2/domain/development/project/flytesnacks/runs/run1"

    text = Client().get(f"{page}?q=odd&look=failed&look=timed-out").content.decode()

    pressed = dict(re.findall(r'name="look" value="([^"]+)" aria-pressed="([^"]+)"', text))
    assert pressed == {"failed": "true", "timed-out": "true", "running": "false"}, (
        "one of none stays to be released"
    )
    assert set(re.findall(r'type="hidden" name="look" value="([^"]+)"', text)) == {"failed", "timed-out"}
    assert 'name="q" value="odd"' in text
    assert 'aria-rowcount="2"' in text
    assert '1</b> of <span class="num">5</span> matches' in text
    assert re.search(r'id="no-match"[^>]* hidden>', text)


def test_when_nothing_matches_the_page_says_what_was_asked_for():
    factories.make_run("3")

    text = (
        Client()
        .get("/v2/domain/development/project/flytesnacks/runs/run1?q=<b>&look=failed")
        .content.decode()
    )

    assert "No action matches: “&lt;b&gt;” · failed." in text
    assert not re.search(r'id="no-match"[^>]* hidden>', text)


def test_who_follows_sees_the_newest_that_runs():
    run = factories.make_run("400")
    snapshot = Snapshot(get_run(factories.ref_of(run)))
    newest = run.actions.filter(phase=Phase.RUNNING).order_by("-id")[0]

    seen = snapshot.page_at_newest(0, 100)
    assert seen.goal == newest.name
    assert newest.name in names(seen)
    assert seen.start > 0
    assert snapshot.page_at_newest(0, 100, RowFilter(depth=1)).goal == "a0", "the closed branch that hides it"
    assert snapshot.page_at_newest(0, 100, RowFilter(statuses=frozenset({"failed"}))).goal == ""

    factories.change(newest, phase=Phase.QUEUED)
    assert snapshot.page_at_newest(0, 100).goal == run.actions.get(id=newest.id - 1).name


def test_the_next_failure_is_shown_with_what_hid_it_opened():
    run = factories.make_run("2x3")
    factories.change(run.actions.get(name="a0-1-2"), phase=Phase.FAILED, ended_at=timezone.now())
    snapshot = Snapshot(get_run_by_id(run.pk))
    shape = make_filter(depth=2)

    seen = snapshot.page_at_failure("a0", 0, 100, shape, back=False)

    assert (seen.goal, seen.opened) == ("a0-1-2", frozenset({"a0-1"}))
    assert "a0-1-2" in seen.window.rows
    assert "a0-0-0" not in seen.window.rows
    none = snapshot.page_at_failure("a0", 0, 100, make_filter(text="nothing like it"), back=False)
    assert (none.goal, none.opened) == ("", frozenset())


def test_what_has_not_started_can_be_hidden():
    run = factories.make_run("2")
    factories.change(run.actions.get(name="a0-1"), phase=Phase.QUEUED)
    snapshot = Snapshot(get_run_by_id(run.pk))

    assert list(snapshot.page_from(0, 100, make_filter(started=True)).window.rows) == ["a0", "a0-0"]
    factories.change(run.actions.get(name="a0-1"), phase=Phase.RUNNING)
    assert list(snapshot.page_from(0, 100, make_filter(started=True)).window.rows) == ["a0", "a0-0", "a0-1"]


def test_the_header_says_what_failed_first_and_looks_again_only_when_something_failed(
    django_assert_num_queries,
):
    run = factories.make_run("2x2")
    now = timezone.now()
    for name, after in (("a0-0-1", 3), ("a0-0", 4), ("a0-1-0", 2)):
        action = run.actions.get(name=name)
        factories.change(
            action, phase=Phase.FAILED, ended_at=now + timedelta(seconds=after), error_message=f"of {name}"
        )
    snapshot = Snapshot(get_run_by_id(run.pk))

    cause = snapshot.page_from(0, 100).summary.cause
    assert cause is not None
    assert (cause.name, cause.error) == ("a0-1-0", "of a0-1-0")

    factories.change(run.actions.get(name="a0-1-1"), phase=Phase.SUCCEEDED, ended_at=now)
    with django_assert_num_queries(2):  # what changed, and its row
        assert snapshot.page_from(0, 100).summary.cause == cause
