"""Rows that say which one: the inputs that differ among siblings, in the page and in frames; and the filter by inputs."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from runs.domain.phases import Phase
from runs.live.run import RunFeed
from runs.models import Run
from runs.protocol.messages import Hello
from runs.queries.runs import get_run
from runs.queries.searches import search
from runs.tree.filter import RowFilter
from runs.tree.first_paint import read_first_paint
from runs.tree.page import RunPage
from runs.tree.snapshot import Snapshot
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

SHOWN = re.compile(r'<span class="inputs">(.*?)</span>')


@pytest.fixture
def run() -> Run:
    """main > trial x 3, which differ by number; main > score, which has none like it."""
    run = factories.make_run("0")
    for number in range(3):
        factories.call(
            run, f"t{number}", parent=run.actions.get(name="a0"), short_name="trial", number=number, lr=0.1
        )
    factories.call(run, "s", parent=run.actions.get(name="a0"), short_name="score", lr=0.1)
    return run


@pytest.fixture
def snapshot(run: Run) -> Snapshot:
    return Snapshot(get_run(factories.ref_of(run)))


def inputs(seen: RunPage) -> dict[str, str]:
    found = {name: SHOWN.search(html) for name, html in seen.window.rows.items()}
    return {name: match.group(1) if match else "" for name, match in found.items()}


def test_a_row_shows_what_differs_and_its_id_on_hover(snapshot: Snapshot):
    seen = snapshot.page_from(0, 100)

    assert inputs(seen) == {"a0": "", "t0": "number=0", "t1": "number=1", "t2": "number=2", "s": ""}
    row = seen.window.rows["t1"]
    assert 'class="name" title="t1"' in row
    assert "<code>t1</code>" not in row
    assert 'aria-label="Abort trial number=1…"' in row


def test_a_row_that_nothing_tells_apart_shows_its_id(snapshot: Snapshot):
    assert "<code>s</code>" in snapshot.page_from(0, 100).window.rows["s"]


def test_what_user_code_passes_is_escaped(run: Run, snapshot: Snapshot):
    factories.call(run, "evil", parent=run.actions.get(name="a0"), short_name="trial", number='<b>"', lr=0.1)

    row = snapshot.page_from(0, 100).window.rows["evil"]

    assert '<span class="inputs">number=&lt;b&gt;&quot;</span>' in row
    assert "<b>" not in row.replace("<b>Running</b>", "")


def test_a_new_sibling_makes_the_frame_bring_the_others_with_what_differs_now(run: Run):
    feed = RunFeed(run.pk, lambda _: None)  # type: ignore[arg-type, return-value]
    feed.apply(Hello(since=-1, first=0, count=100))
    feed.compose()
    factories.call(run, "t3", parent=run.actions.get(name="a0"), short_name="trial", number=3, lr=0.2)

    frame = feed.compose() or ""

    assert SHOWN.findall(frame) == [f"number={n} lr={0.2 if n == 3 else 0.1}" for n in (0, 1, 2, 3)]


def test_a_page_reads_no_siblings(run: Run, django_assert_num_queries):
    parent = run.actions.get(name="a0")
    for number in range(3, 500):
        factories.call(run, f"t{number}", parent=parent, short_name="trial", number=number, lr=0.1)
    snapshot = Snapshot(get_run(factories.ref_of(run)))
    snapshot.page_from(0, 10)

    with django_assert_num_queries(2):
        seen = snapshot.page_from(300, 10)

    assert len(seen.window.rows) == 10
    assert inputs(seen) == {name: f"number={name[1:]}" for name in seen.window.rows}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("number=1", {"t1"}),
        ("number>=1", {"t1", "t2"}),
        ("number>0 number<2", {"t1"}),
        ("lr<0.2", {"t0", "t1", "t2", "s"}),
        ("score lr=0.1", {"s"}),
        ("trial number=5", set()),
        ("number<", set()),
        ("absent=1", set()),
    ],
)
def test_the_filter_finds_by_inputs(run: Run, text: str, names: set[str]):
    ids = dict(run.actions.values_list("pk", "name"))

    assert {ids[one] for one in search(run.pk, text)} == names


def test_the_filter_finds_just_one_task(run: Run):
    root = run.actions.get(name="a0")
    for name, task, group in (("x", "env.trial", "one"), ("y", "env.trial_all", "one two")):
        factories.make_action(run, name, parent=root, task_name=task, short_name="trial", group=group)
    ids = dict(run.actions.values_list("pk", "name"))

    def found(text: str) -> set[str]:
        return {ids[one] for one in search(run.pk, text)}

    assert found("env.trial") == {"t0", "t1", "t2", "x", "y"}
    assert found("task=env.trial") == {"t0", "t1", "t2", "x"}
    assert found("group=one") == {"x"}
    assert found("task=env.trial group=two") == set()
    assert found("task!=env.trial group=one") == set()
    assert found('task!=env.trial group="one two"') == {"y"}
    assert found("trial task!=env.trial_all number=1") == {"t1"}


def test_a_name_that_looks_like_a_comparison_is_still_found(run: Run):
    factories.add(run, "g", parent=run.actions.get(name="a0"), short_name="other", group="number=1")

    ids = dict(run.actions.values_list("pk", "name"))

    assert {ids[one] for one in search(run.pk, "number=1")} == {"t1", "g"}


def test_a_filter_for_inputs_shows_what_matches_with_what_is_above(snapshot: Snapshot):
    seen = snapshot.page_from(0, 100, RowFilter(text="number=2"))

    assert list(seen.window.rows) == ["a0", "t2"]


def test_the_list_of_runs_and_the_overview_say_the_inputs(run: Run):
    run.actions.filter(name="a0").update(input_digest='{"number":17,"lr":0.0031}')

    listed = Client().get("/v2/domain/development/project/flytesnacks/runs").content.decode()
    panel = Client(headers={"HX-Request": "true"}).get(
        "/v2/domain/development/project/flytesnacks/runs/run1/actions/a0"
    )

    assert '<span class="inputs">number=17 lr=0.0031</span>' in listed
    assert "number=17 lr=0.0031" in panel.content.decode()


def test_what_comes_later_is_found_by_a_filter_that_was_there_before(run: Run, snapshot: Snapshot):
    wanted = RowFilter(text="number>=2")
    assert list(snapshot.page_from(0, 100, wanted).window.rows) == ["a0", "t2"]
    parent = run.actions.get(name="a0")
    for number in (3, 1):
        factories.call(run, f"late{number}", parent=parent, short_name="trial", number=number, lr=0.1)

    assert list(snapshot.page_from(0, 100, wanted).window.rows) == ["a0", "t2", "late3"]


def test_the_header_says_which_one_failed_first(run: Run, snapshot: Snapshot):
    failed = run.actions.get(name="t1")
    factories.change(failed, phase=Phase.FAILED, ended_at=failed.started_at, error_code="ValueError")
    page = snapshot.page_from(0, 100)
    painted = read_first_paint(get_run(factories.ref_of(run)), fewest=0)

    assert page.summary.cause is not None
    assert page.summary.cause.inputs == "number=1"
    assert painted is not None
    assert painted.summary == page.summary
    html = Client().get("/v2/domain/development/project/flytesnacks/runs/run1").content.decode()
    assert 'data-select="t1">trial number=1</a>' in html
