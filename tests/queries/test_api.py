"""The reads of the API take as many statements as they say, however large a run is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from runs.domain.names import ActionRef
from runs.queries import api, filters, registry
from runs.queries.filters import ListQuery
from runs.queries.logs import action_log
from tests.support.factories import make_log, make_run, ref_of

Count = Callable[[int], AbstractContextManager[Any]]
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("shape", ["0", "30"])
def test_statements_are_counted(django_assert_num_queries: Count, shape: str) -> None:
    run = make_run(shape)
    ref = ActionRef(ref_of(run))
    root = api.get_action(ref)
    make_log(run.actions.get(name="a0"), "one\n")

    with django_assert_num_queries(1):
        api.get_action(ref)
    with django_assert_num_queries(4):
        details = api.get_action_details(ref)
    with django_assert_num_queries(1):
        api.list_changed(run.pk, after=-1)
    with django_assert_num_queries(2):
        log, is_complete = action_log.read_attempt(root.id, 1, action_log.LogOffset())
    with django_assert_num_queries(2):
        filters.list_runs("flytesnacks", "development", ListQuery(), domains=["development"])
    with django_assert_num_queries(1):
        filters.list_actions(run.pk, ListQuery())
    with django_assert_num_queries(1):
        registry.list_projects(ListQuery())
    assert [line.text for line in log.lines] == ["one"]
    assert not is_complete
    assert details.attempts[0].has_logs
