from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.test import Client

from runs.domain.phases import Phase
from runs.protocol.constants import WINDOW_ROWS
from runs.queries.runs import get_run
from runs.tree.snapshot import Snapshot
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

RUNS = "/v2/domain/development/project/flytesnacks/runs"


class Rows(HTMLParser):
    """The attributes of the tree's rows, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[dict[str, str | None]] = []
        self.inline: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if attributes.get("role") == "row" and attributes.get("id"):
            self.rows.append(attributes)
        self.inline += [name for name in attributes if name.startswith("on") or name == "style"]
        if (tag == "script" and "src" not in attributes) or tag == "style":
            self.inline.append(tag)


def get(path: str, **headers: str):
    return Client(headers=headers).get(path)


def test_the_first_page_is_the_runs_of_the_default_project():
    assert get("/").headers["Location"] == RUNS


def test_an_empty_list_teaches():
    text = get(RUNS).content.decode()

    assert "flyte run" in text
    assert "endpoint: http://localhost:8000" in text


def test_the_list_shows_newest_runs_first_and_pages_by_key():
    for number in range(60):
        factories.make_run(name=f"run{number}")

    first = get(RUNS).content.decode()
    cursor = first.rpartition("?before=")[2].partition('"')[0]
    second = get(f"{RUNS}?before={cursor}").content.decode()

    assert first.count("<tr id=") == 50
    assert second.count("<tr id=") == 10
    assert 'id="run-run59"' in first
    assert 'id="run-run0"' in second


@pytest.mark.parametrize("path", ["?before=x", "?before=9999999999999999999999-1"])
def test_a_bad_cursor_is_a_bad_request(path: str):
    assert get(RUNS + path).status_code == 400


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"{RUNS}/none", "There is no run"),
        ("/v2/domain/mars/project/flytesnacks/runs", "does not exist"),
        ("/v2/domain/development/project/none/runs", "does not exist"),
    ],
)
def test_what_does_not_exist_is_named_and_keeps_the_navigation(path: str, said: str):
    answer = get(path)

    assert answer.status_code == 404
    assert said in answer.content.decode()
    assert 'class="bar"' in answer.content.decode()


def test_rows_say_what_a_treegrid_must_say():
    factories.make_run("2x3")

    rows = Rows(get(f"{RUNS}/run1").content.decode()).rows

    assert [row["aria-level"] for row in rows] == ["1", "2", "3", "3", "3", "2", "3", "3", "3"]
    assert [row["aria-rowindex"] for row in rows] == [str(number) for number in range(1, 10)]
    assert [row["aria-posinset"] for row in rows[2:5]] == ["1", "2", "3"]
    assert all("aria-expanded" in row for row in rows if row["aria-level"] != "3")
    assert not any("aria-expanded" in row for row in rows if row["aria-level"] == "3")


def test_no_inline_script_or_style_and_a_policy_that_forbids_them():
    factories.make_run("2")

    answer = get(f"{RUNS}/run1?action=a0")

    assert Rows(answer.content.decode()).inline == []
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_a_long_run_comes_as_a_window_around_the_selected_action():
    factories.make_run("400")

    rows = Rows(get(f"{RUNS}/run1?action=a0-300").content.decode()).rows

    assert len(rows) == WINDOW_ROWS
    assert "action-a0-300" in {row["id"] for row in rows}


def test_what_users_wrote_is_text():
    run = factories.make_run()
    factories.make_action(
        run, "x", parent=run.actions.get(), short_name="<b>x</b>", group="data-place", phase=Phase.FAILED,
        error_code="E", error_message="<script>alert(1)</script>",
    )  # fmt: skip

    text = get(f"{RUNS}/run1?action=x").content.decode()

    assert "<script>alert" not in text
    assert "<b>x</b>" not in text
    assert "&lt;b&gt;x&lt;/b&gt;" in text


def test_the_number_of_statements_does_not_grow_with_the_run(django_assert_num_queries):
    ref = factories.ref_of(factories.make_run("3x40"))

    with django_assert_num_queries(3):
        Snapshot(get_run(ref)).page_from(0, 100)
