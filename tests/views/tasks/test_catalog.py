"""The pages of tasks: the list, and one task."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from runs.domain.phases import Phase
from tests.support import factories
from tests.support.tasks import deploy, make_spec, ran

pytestmark = pytest.mark.django_db(transaction=True)
TASKS = "/v2/domain/development/project/flytesnacks/tasks"


def page(path: str) -> tuple[int, str]:
    answer = Client().get(path)
    return answer.status_code, answer.content.decode()


def test_the_list_leads_to_each_task_and_says_what_its_last_actions_came_to():
    run = factories.make_run()
    deploy("env.only")
    ran(run, "b1", make_spec(), phase=Phase.FAILED)
    ran(run, "b2", make_spec())

    status, html = page(TASKS)

    assert status == 200
    assert f'href="{TASKS}/env.train"' in html
    assert (
        'aria-label="Last 2: 1 failed, 1 succeeded"' in html
        or 'aria-label="Last 2: 1 succeeded, 1 failed"' in html
    )
    assert ">50%<" in html
    assert html.index("env.train") < html.index("env.only")
    assert "<b>2</b> tasks" in html.replace(' class="num"', "")


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("", 200, "No tasks here yet"),
        ("?q=<b>", 200, "has “&lt;b&gt;” in its name"),
        ("?sort=size", 400, "There is no order &#x27;size&#x27;; there are recent, name"),
        ("?page=x", 400, "Page must be a number"),
    ],
)
def test_an_empty_list_and_a_query_that_cannot_be_read_say_what_to_do(query: str, status: int, words: str):
    factories.make_project()

    found, html = page(TASKS + query)

    assert (found, words in html) == (status, True), html


def test_a_task_page_shows_interface_documentation_versions_and_what_became_of_it():
    run = factories.make_run()
    deploy(defaults={"name": "first"})
    failed = ran(
        run, "b1", make_spec(version="dev"), phase=Phase.FAILED, error_code="ValueError", error_message="<i>"
    )
    ran(run, "b2", make_spec(version="dev"), seconds=61)

    status, html = page(f"{TASKS}/env.train")

    assert status == 200
    for words in (
        "Trains &lt;b&gt;one&lt;/b&gt; model.", 'href="https://example.com/train.py" rel="noreferrer noopener"',
        "<b>steps</b>: int</code>", "<b>name</b>: str = &quot;first&quot;</code>", "<b>o0</b>: float</code>",
        f'href="{TASKS}/env.train?version=dev"', "Succeeded after 1m 01s: b2 of run run1", "ValueError: &lt;i&gt;",
        f"action={failed.name}", "?task=env.train", f'href="{TASKS}/env.train/launch?version=v1"',
    ):  # fmt: skip
        assert words in html, words


def test_no_such_task_is_said_with_its_name_and_place():
    factories.make_project()

    status, html = page(f"{TASKS}/env.%3Cb%3E")

    assert status == 404
    assert (
        "There is no task &#x27;env.&lt;b&gt;&#x27; in project &#x27;flytesnacks&#x27;, domain &#x27;development&#x27;"
        in html
    )


def test_a_run_and_the_panel_of_an_action_lead_to_their_task():
    run = factories.make_run()
    ran(run, "b1", make_spec())

    _, run_html = page("/v2/domain/development/project/flytesnacks/runs/run1")
    _, panel_html = page("/v2/domain/development/project/flytesnacks/runs/run1/actions/b1")

    assert f'href="{TASKS}/env.main"' in run_html
    assert f'href="{TASKS}/env.train"' in panel_html


def test_the_bar_leads_to_the_tasks_of_the_project_and_elsewhere_to_those_of_the_first_one():
    factories.make_project()

    assert f'href="{TASKS}"' in page(TASKS.replace("tasks", "runs"))[1]
    assert 'href="/tasks/"' in page("/executors/")[1]
    answer: Any = Client().get("/tasks/")
    assert (answer.status_code, answer["Location"]) == (302, TASKS)
