"""The calls of one task side by side: a page sorted by links, and a file."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from runs.domain.errors import NotFound
from runs.domain.phases import Phase
from runs.domain.values.grids import read_order
from runs.models import Run
from runs.queries.values import siblings
from runs.queries.values.siblings import Wanted, list_siblings
from runs.tree.read_only import without_controls
from tests.support import factories
from tests.support.values import give

pytestmark = pytest.mark.django_db(transaction=True)

RUN = "/v2/domain/development/project/flytesnacks/runs/run1"


def make_trials(*losses: float, group: str = "") -> Run:
    """A trial for each loss, which it has as an output; and one that still runs."""
    run = factories.make_run()
    root = run.actions.get(name="a0")
    for number, loss in enumerate([*losses, None]):
        action = factories.call(
            run, f"t{number}", parent=root, short_name="trial", number=number, corpus="web"
        )
        factories.change(action, task_name="env.trial", group=group)
        if loss is not None:
            give(action, outputs={"o0": {"loss": loss, "note": "<b>"}})
            factories.change(action, phase=Phase.SUCCEEDED, ended_at=run.created_at)
    return run


def page(query: str = "", status: int = 200) -> str:
    answer = Client().get(f"{RUN}/table{query}")
    assert answer.status_code == status
    return " ".join(answer.content.decode().split())


def names(html: str) -> list[str]:
    return re.findall(rf'<th scope="row"><a href="{RUN}\?action=(\w+)"', html)


def boxes(html: str) -> list[str]:
    return re.findall(r'<input type="checkbox" name="names" value="(\w+)"', html)


def test_inputs_and_outputs_are_columns_and_what_all_have_stands_above():
    make_trials(0.5, 0.25)

    html = page()

    assert "<h1>env.trial</h1>" in html
    assert "3 calls by" in html
    assert "The same for all: <code>corpus=web</code>" in html
    assert 'sort=in.number">number</a> <span class="type">input</span>' in html
    assert 'sort=out.o0.loss">o0.loss</a> <span class="type">output</span>' in html
    assert '<td class="num">0.25</td>' in html
    assert "&lt;b&gt;" in html
    assert names(html) == ["t0", "t1", "t2"]


def test_it_is_sorted_by_any_column_over_all_of_its_pages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(siblings, "PER_PAGE", 2)
    make_trials(0.5, 0.25, 0.75)

    html = page("?sort=-out.o0.loss")

    assert names(html) == ["t2", "t0"]
    assert 'aria-sort="descending"><a href="?parent=a0&amp;task=env.trial&amp;sort=out.o0.loss">' in html
    assert 'rel="next" href="?parent=a0&amp;task=env.trial&amp;sort=-out.o0.loss&amp;page=2"' in html
    assert names(page("?sort=-out.o0.loss&page=2")) == ["t1", "t3"]
    assert names(page("?sort=-in.number")) == ["t3", "t2"]
    assert names(page("?sort=phase")) == ["t3", "t0"]


def test_what_was_left_out_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(siblings, "MOST", 2)
    run = make_trials(0.5, 0.25, 0.75)

    found = list_siblings(run.pk, Wanted("a0"), read_order("-in.number"))

    assert ([row.action.name for row in found.rows], found.total, found.left_out) == (["t1", "t0"], 4, 2)


def test_a_file_has_all_columns_and_all_rows():
    make_trials(0.5, 0.25)

    answer = Client().get(f"{RUN}/table.csv?sort=out.o0.loss")

    lines = answer.content.decode().splitlines()
    assert lines[0] == "action,number,corpus,o0.loss,o0.note,phase,seconds,started"
    assert lines[1].startswith("t1,1,web,0.25,<b>,Succeeded,")
    assert len(lines) == 4
    assert answer.headers["Content-Disposition"] == 'attachment; filename="run1-a0.csv"'


def test_the_panel_of_a_call_that_differs_from_others_leads_to_their_table():
    run = factories.make_run()
    root = run.actions.get(name="a0")
    for number in range(2):
        factories.call(run, f"t{number}", parent=root, short_name="trial", number=number)
    factories.make_action(run, "alone", parent=root, short_name="alone")
    panel = Client(headers={"HX-Request": "true"})

    assert f'href="{RUN}/table?parent=a0&amp;task=' in panel.get(f"{RUN}/actions/t1").content.decode()
    assert "/table" not in panel.get(f"{RUN}/actions/a0").content.decode()


def test_the_tasks_of_a_parent_are_one_click_away_and_a_group_can_be_asked_for():
    run = make_trials(0.5, group="first round")
    root = run.actions.get(name="a0")
    factories.make_action(run, "other", parent=root, task_name="env.prepare")

    html = page()

    assert 'href="?parent=a0&amp;task=env.prepare">env.prepare <span class="num">1</span>' in html
    assert "in first round" in page("?group=first round")
    with pytest.raises(NotFound, match="no children that call"):
        list_siblings(run.pk, Wanted("a0", "env.none"), read_order(""))
    assert "does not exist in this run" in page("?parent=nobody", 404)


def test_a_table_takes_four_statements_however_it_is_sorted(django_assert_num_queries: Any):
    run = make_trials(0.5, 0.25)

    for order in ("", "in.number", "-out.o0.loss"):
        with django_assert_num_queries(4):
            list_siblings(run.pk, Wanted("a0"), read_order(order))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("number>=1", ["t1", "t2"]),
        ("loss<0.3", ["t1"]),
        ("loss>0.3 number<2", ["t0"]),
        ("phase=running", ["t2"]),
        ("phase!=running", ["t0", "t1"]),
        ("t1", ["t1"]),
        ("WEB", ["t0", "t1", "t2"]),
        ("number=7", []),
    ],
)
def test_a_filter_leaves_what_it_says_of_inputs_outputs_and_phase(text: str, expected: list[str]):
    make_trials(0.5, 0.25)

    html = page(f"?q={quote(text)}")

    assert names(html) == expected
    assert (f'<b class="num">{len(expected)}</b> match' in html) or not expected
    assert ("No call matches" in html) == (not expected)
    lines = Client().get(f"{RUN}/table.csv?q={quote(text)}").content.decode().splitlines()
    assert sorted(line.split(",")[0] for line in lines[1:]) == expected


def test_what_can_be_aborted_is_picked_also_on_other_pages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(siblings, "PER_PAGE", 1)
    run = make_trials(0.5)
    root = run.actions.get(name="a0")
    for number in (7, 8):
        factories.call(run, f"x{number}", parent=root, short_name="trial", number=number, corpus="web")
    asked = run.actions.get(name="x8")
    factories.change(asked, abort=factories.make_abort(asked))

    html = page("?q=number>=1&sort=-in.number")

    assert names(html) == ["x8"]
    assert boxes(html) == []
    assert "data-abort=" not in html
    assert 'data-pick-matching="x7 t1"' in html
    assert "Select the 2 that can be aborted" in html
    assert (
        'rel="next" href="?parent=a0&amp;task=env.trial&amp;q=number%3E%3D1&amp;sort=-in.number&amp;page=2"'
        in html
    )


def test_a_row_that_runs_has_a_box_and_its_own_abort():
    make_trials(0.5, 0.25)

    html = page()

    assert boxes(html) == ["t2"]
    assert 'data-abort="t2" aria-label="Abort trial number=2…"' in html
    assert html.count("data-abort=") == 1
    assert "data-open=" in html


def test_without_scripts_the_boxes_lead_to_the_form_of_the_abort():
    make_trials(0.5)
    root = Run.objects.get().actions.get(name="a0")
    factories.call(root.run, "t9", parent=root, short_name="trial", number=9)

    html = Client().get(f"{RUN}/abort?names=t1&names=t9").content.decode()

    assert "Abort 2 selected actions?" in html
    assert '<input type="hidden" name="names" value="t1 t9">' in html


def test_whoever_only_reads_has_neither_boxes_nor_buttons():
    make_trials(0.5)

    html = without_controls(page())

    assert names(html) == ["t0", "t1"]
    assert "data-pick-matching" not in html
    assert "data-abort" not in html
    assert 'name="names"' not in html


def test_rows_stay_where_they_are_while_the_run_goes_on():
    run = make_trials(0.5, 0.25)
    wanted, order = Wanted("a0", text="phase!=succeeded"), read_order("-duration")
    shown = list_siblings(run.pk, wanted, order)
    factories.change(run.actions.get(name="t2"), phase=Phase.SUCCEEDED, ended_at=run.created_at)

    again = list_siblings(run.pk, wanted, order, ids=shown.ids)

    assert [row.action.name for row in again.rows] == ["t2"]
    assert (again.rows[0].action.status, again.matched, again.live) == ("succeeded", 0, ())
