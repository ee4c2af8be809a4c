"""The list of tasks and the page of one: what belongs to which project, in which order, at which cost."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from runs.domain.errors import NotFound
from runs.domain.phases import Phase
from runs.models import Run
from runs.queries.tasks import catalog, usage
from runs.queries.tasks.catalog import list_tasks
from runs.queries.tasks.task import get_task_page
from tests.support import factories
from tests.support.tasks import deploy, make_spec, ran

pytestmark = pytest.mark.django_db
HERE = ("flytesnacks", "development")


@pytest.fixture
def run() -> Run:
    return factories.make_run()


def names(**asked: Any) -> list[str]:
    return [line.name for line in list_tasks(*HERE, **asked).lines]


def test_what_ran_last_comes_first_and_what_was_only_deployed_last(run: Run):
    deploy("env.only")
    ran(run, "a1", make_spec("env.train"))
    ran(run, "a2", make_spec("env.Test"))
    ran(run, "a3", make_spec("env.train", "v2"))

    assert names() == ["env.train", "env.Test", "env.only"]
    assert names(sort="name") == ["env.only", "env.Test", "env.train"]
    assert names(text="T") == ["env.train", "env.Test"]
    assert (names(text="%"), names(text="_"), names(text="!")) == ([], [], [])


def test_a_task_belongs_to_where_it_runs_and_to_where_it_was_deployed(run: Run):
    elsewhere = factories.make_run(name="other", domain="production")
    ran(elsewhere, "a1", make_spec("env.train"))
    deploy("env.deployed", domain="production")
    ran(factories.make_run(name="third", project="another"), "a1", make_spec("env.another"))

    assert names() == []
    assert [line.name for line in list_tasks("flytesnacks", "production").lines] == [
        "env.train",
        "env.deployed",
    ]
    with pytest.raises(NotFound, match=r"no task 'env.train' in project 'flytesnacks', domain 'development'"):
        get_task_page(*HERE, "env.train")


def test_the_list_has_pages_and_costs_the_same_on_each(
    run: Run, monkeypatch: Any, django_assert_num_queries: Any
):
    monkeypatch.setattr(catalog, "PAGE_SIZE", 2)
    for at in range(5):
        ran(run, f"b{at}", make_spec(f"env.task{at}"))

    with django_assert_num_queries(4):
        found = list_tasks(*HERE, page=2)
    assert ([line.label for line in found.lines], found.total, found.pages) == (["task2", "task1"], 5, 3)
    assert [line.label for line in list_tasks(*HERE, page=99).lines] == ["task0"]


def test_the_bars_are_of_the_last_actions_of_all_versions(run: Run):
    old, new = make_spec(version="v1"), make_spec(version="v2")
    for at in range(20):
        ran(run, f"b{at}", old if at % 2 else new, phase=Phase.FAILED if at == 19 else Phase.SUCCEEDED)

    (line,) = list_tasks(*HERE).lines

    assert [bar.outcome.action for bar in line.bars] == [f"b{at}" for at in range(8, 20)]
    assert (line.words, line.numbers and line.numbers.rate) == ("Last 12: 11 succeeded, 1 failed", "91%")


def test_a_task_page_shows_what_was_deployed_last_and_any_other_version_that_is_asked_for(
    run: Run, django_assert_num_queries: Any
):
    deploy(version="v1")
    deploy(version="v2", defaults={"lr": 0.5})
    newer = ran(run, "a1", make_spec(version="dev"), error_code="ValueError", phase=Phase.FAILED)

    with django_assert_num_queries(5):
        page = get_task_page(*HERE, "env.train")

    assert page.version.version == "v2"
    assert [one.name for one in page.interface.inputs] == ["steps", "lr"]
    assert [one.version for one in page.versions] == ["dev", "v2", "v1"]
    dev = get_task_page(*HERE, "env.train", "dev")
    assert (dev.version.deployed_at, dev.version.last_run) == (None, "run1")
    assert dev.version.code_path.endswith(f"/runs/run1/actions/{newer.name}/code")
    assert page.last_failure
    assert page.last_failure.error == "ValueError"
    with pytest.raises(NotFound, match=r"no task 'env.train' version 'v3'"):
        get_task_page(*HERE, "env.train", "v3")


def test_the_newest_actions_come_from_the_index_of_the_spec(run: Run):
    spec = make_spec()
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            pytest.skip("the plan is SQLite's")
        cursor.execute(f"EXPLAIN QUERY PLAN {usage._NEWEST.format(number=0)}", [spec.pk, *HERE, 30])
        plan = " ".join(row[-1] for row in cursor.fetchall())
    assert "action_specs" in plan
    assert "TEMP B-TREE" not in plan
