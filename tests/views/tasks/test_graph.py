"""The graph of a run."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from runs.domain.names import ROOT
from runs.domain.phases import Kind, Phase
from runs.queries.tasks.graph import get_graph
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)
RUN = "/v2/domain/development/project/flytesnacks/runs/run1"


def test_the_graph_shows_each_task_once_and_leads_to_its_actions(django_assert_num_queries: Any):
    run = factories.make_run("3x2", phase=Phase.SUCCEEDED)
    root = run.actions.get(name=ROOT)
    factories.make_action(
        run, "odd", parent=root, kind=Kind.TRACE, task_name="<b>", short_name="<b>", phase=Phase.FAILED
    )
    factories.make_action(run, "again", parent=root, task_name="env.step_1", short_name="step_1")

    with django_assert_num_queries(1):
        graph = get_graph(run.pk)
    html = Client().get(f"{RUN}/graph").content.decode()

    assert [(one.node.label, one.node.depth, one.bar.total) for one in graph.tasks] == [
        ("main", 0, 1), ("step_0", 1, 3), ("step_1", 2, 7), ("<b>", 1, 1),
    ]  # fmt: skip
    step = graph.tasks[2]
    assert (step.total, step.longest, step.callers) == ("9.0 s", "1.5 s", [("task-1-env.main", "main", 1)])
    assert f'href="{RUN}?q=task%3Denv.step_1"' in html
    assert "6 succeeded, 1 running" in html
    assert '&lt;b&gt;</a> <span class="chip">trace</span>' in html
    assert html.count("<ul>") + html.count('<ul class="graph">') == html.count("</ul>")
    assert html.count("<li id=") == html.count("</li>")


def test_a_run_leads_to_its_graph_and_no_run_has_none():
    factories.make_run()

    assert f'href="{RUN}/graph"' in Client().get(RUN).content.decode()
    assert Client().get(f"{RUN}x/graph").status_code == 404
