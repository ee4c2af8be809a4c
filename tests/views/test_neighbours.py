"""The run before a run and after it: links of the run page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from runs.domain.names import RunRef
from runs.models import Run
from runs.queries.runs import RunHead, get_neighbour, get_run
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

RUNS = "/v2/domain/development/project/flytesnacks/runs"


def head(name: str) -> RunHead:
    return get_run(RunRef("flytesnacks", "development", name))


@pytest.fixture
def three() -> None:
    """run1, run2 and run3, the last two of one moment; younger ones elsewhere."""
    now = timezone.now()
    for number, ago in ((1, 2), (2, 1), (3, 1)):
        factories.make_run(name=f"run{number}", created_at=now - timedelta(seconds=ago))
    factories.make_run(name="other", domain="staging")
    factories.make_run(name="another", project="elsewhere")


@pytest.mark.usefixtures("three")
def test_neighbours_are_of_the_same_project_and_domain_in_the_order_of_the_list():
    found = [
        (get_neighbour(head(f"run{n}"), older=True), get_neighbour(head(f"run{n}"), older=False))
        for n in (1, 2, 3)
    ]

    assert found == [("", f"{RUNS}/run2"), (f"{RUNS}/run1", f"{RUNS}/run3"), (f"{RUNS}/run2", "")]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads the plans of SQLite")
@pytest.mark.usefixtures("three")
def test_a_neighbour_is_one_statement_on_the_index_of_the_list(django_assert_num_queries):
    middle = head("run2")
    for older in (True, False):
        with django_assert_num_queries(1) as asked:
            get_neighbour(middle, older=older)
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {asked[0]['sql']}")
            plan = " ".join(str(row) for row in cursor.fetchall())
        assert "run_listing" in plan, plan
        assert "TEMP B-TREE" not in plan, plan


@pytest.mark.usefixtures("three")
def test_the_page_links_to_both_neighbours_and_to_none_that_is_not_there():
    middle = Client().get(f"{RUNS}/run2").content.decode()
    last = Client().get(f"{RUNS}/run3").content.decode()

    assert f'rel="prev" href="{RUNS}/run1"' in middle
    assert f'rel="next" href="{RUNS}/run3"' in middle
    assert 'rel="next"' not in last
    assert Run.objects.count() == 5
