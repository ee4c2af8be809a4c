"""The log of a run: the lines of all its actions, which of them a filter leaves, and its parts."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.domain.phases import Phase
from runs.models import Action, LogChunk, Run
from runs.queries.logs import run_log
from runs.queries.logs.run_log import Wanted
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

RUN = "/v2/domain/development/project/flytesnacks/runs/run1"


@pytest.fixture
def run() -> Run:
    """Its root and two children have printed in turns; one of another run has, too."""
    run = factories.make_run("2")
    root, first, second = (run.actions.get(name=name) for name in ("a0", "a0-0", "a0-1"))
    Action.objects.filter(pk=first.pk).update(task_name="env.train", short_name="train")
    Action.objects.filter(pk=second.pk).update(
        task_name="env.train_all", short_name="test", phase=Phase.PAUSED
    )
    factories.make_log(root, "begins")
    factories.make_log(first, "[r][a] INFO loss 0.5", "[r][a] ERROR loss is nan", stream="log")
    factories.make_log(second, "loss 0.1", "\x1b[31mred loss\x1b[0m")
    factories.make_log(first, "ends, with an ERROR that no logger wrote")
    factories.make_log(factories.make_run(name="other").actions.get(name="a0"), "loss of another run")
    return run


def said(log: run_log.RunLog) -> list[tuple[str, str]]:
    return [(one.action, one.line.text) for one in log.lines]


def told(html: str) -> list[str]:
    return re.findall(r"<span>(.*?)</span></div>", html)


def page(query: str = "", path: str = "log") -> str:
    answer = Client().get(f"{RUN}/{path}{query}")
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def test_lines_of_all_actions_come_in_order_of_time(run: Run):
    assert [text for _, text in said(run_log.read_before(run.pk, Wanted()))] == [
        "begins",
        "[r][a] INFO loss 0.5",
        "[r][a] ERROR loss is nan",
        "loss 0.1",
        "\x1b[31mred loss\x1b[0m",
        "ends, with an ERROR that no logger wrote",
    ]


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("?q=RED+loss", 1),
        ("?q=loss", 4),
        ("?task=env.train", 3),
        ("?task=env.train&q=loss", 2),
        ("?task=train", 0),
        ("?phase=paused", 2),
        ("?level=info", 2),
        ("?level=error", 1),
        ("?level=critical", 0),
        ("?q=no+such+line", 0),
    ],
)
def test_a_filter_leaves_what_it_says(run: Run, query: str, lines: int):
    html = page(query)

    assert len(told(html)) == lines
    assert ("No line matches" in html) == (lines == 0)


def test_a_task_is_chosen_by_its_whole_name_which_is_said_where_two_are_called_alike(run: Run):
    twin = factories.make_action(
        run, "twin", parent=run.actions.get(name="a0"), task_name="other.train", short_name="train"
    )
    factories.make_log(twin, "of the twin")

    html = page()

    assert dict(run_log.list_tasks(run.pk)) == {
        "env.main": "main", "env.train": "env.train", "env.train_all": "test", "other.train": "other.train",
    }  # fmt: skip
    assert '<option value="env.train_all">test</option>' in html
    assert len(told(page("?task=other.train"))) == 1


@pytest.mark.parametrize(
    "query", ["?phase=nothing", "?level=loud", "?before=x", "?after=-1", "?before=" + "9" * 30]
)
def test_what_is_no_filter_is_refused_with_words(run: Run, query: str):
    answer = Client().get(f"{RUN}/log/lines{query}")

    assert answer.status_code == 400
    assert "must be" in answer.content.decode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)
@given(
    most_lines=st.integers(1, 4),
    most_chunks=st.integers(1, 4),
    wanted=st.sampled_from([Wanted(), Wanted(text="loss")]),
)
def test_its_parts_have_every_line_once(run: Run, most_lines: int, most_chunks: int, wanted: Wanted):
    whole = said(run_log.read_before(run.pk, wanted))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_log, "MAX_LINES", most_lines)
        patch.setattr(run_log, "MAX_CHUNKS", most_chunks)
        patch.setattr(run_log, "CHUNKS_AT_ONCE", 1)

        part = run_log.read_before(run.pk, wanted)
        upwards = said(part)
        while part.has_earlier:
            part = run_log.read_before(run.pk, wanted, part.first)
            upwards = said(part) + upwards
        part = run_log.read_after(run.pk, wanted, 0)
        downwards = said(part)
        while part.has_more:
            part = run_log.read_after(run.pk, wanted, part.last)
            downwards += said(part)

    assert upwards == downwards == whole


def test_a_part_is_few_statements_however_many_actions_there_are(run: Run, django_assert_num_queries):
    for number in range(30):
        factories.make_log(run.actions.get(name="a0-0"), f"line {number}")

    with django_assert_num_queries(1 + 5):
        run_log.read_before(run.pk, Wanted())


def test_what_comes_after_a_part_follows_it_and_the_page_asks_on_while_anything_runs(run: Run):
    last = LogChunk.objects.filter(action__run=run).latest("pk").pk
    assert f"after={last}" in page()
    assert told(page(f"?after={last}", "log/lines")) == []

    factories.make_log(run.actions.get(name="a0"), "one more")
    html = page(f"?after={last}", "log/lines")

    assert told(html) == ["one more"]
    assert "Earlier lines" not in html
    Action.objects.filter(run=run).update(phase=Phase.SUCCEEDED, ended_at=run.created_at)
    assert "hx-trigger" not in page()


def test_a_line_leads_to_itself_and_to_its_action(run: Run):
    chunk = LogChunk.objects.filter(action__run=run).earliest("pk").pk
    html = page()

    assert f'href="{RUN}?line={chunk}.0"' in html
    assert f'<a class="who" href="{RUN}?action=a0-0" tabindex="-1" title="a0-0">train</a>' in html
