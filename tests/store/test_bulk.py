"""What the driver takes and returns, where rows go past Django's model objects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from django.db import connection

from runs.domain.phases import Kind, Phase
from runs.engine.book.book import open_run
from runs.models import Action, Executor, Pool
from runs.store.bulk import CHUNK, plain, plain_row, select
from tests.support import factories

pytestmark = pytest.mark.django_db

INSTANTS = [
    datetime(2026, 12, 1, 10, 26, 22, 245447, tzinfo=UTC),
    datetime(2026, 12, 1, 10, 26, 22, tzinfo=UTC),
    datetime(1, 1, 2, tzinfo=UTC),
    datetime(2026, 12, 1, 1, 0, tzinfo=timezone(timedelta(hours=2))),
]


@pytest.mark.parametrize("at", INSTANTS, ids=str)
def test_an_instant_is_written_as_django_writes_it(at: datetime):
    assert plain(at) == connection.ops.adapt_datetimefield_value(at)


def test_other_values_are_what_a_model_object_would_write():
    executor, pool = uuid4(), Pool.objects.create(key="p", bundle_uri="", image="", env={})
    made = Executor.objects.create(pk=executor, pool=pool, capacity=1)

    ((stored,),) = select("SELECT id FROM runs_executor WHERE id IN ({})", [plain(executor)])

    assert stored == plain(made.pk)
    assert plain_row([Phase.RUNNING, Kind.TASK, "text", None, 1.5, b"bytes", True]) == [
        4, Kind.TASK, "text", None, 1.5, b"bytes", True,
    ]  # fmt: skip


def test_a_row_of_a_book_is_what_the_model_has():
    run = factories.make_run("1")
    executor = Executor.objects.create(
        pool=Pool.objects.create(key="p", bundle_uri="", image="", env={}), capacity=1
    )
    Action.objects.filter(run=run).update(executor=executor, due_at=INSTANTS[0], is_alone=True)

    with open_run(run.pk) as book:
        book.load(["a0"])
        (by_id,) = book.by_id([run.actions.exclude(name="a0").get().pk])
        by_name = book.get("a0")

    names = ("name", "executor_id", "due_at", "started_at", "is_alone", "parent_id", "not_before")
    for row in (by_name, by_id):
        action = Action.objects.get(pk=row.id)
        assert row.phase == action.phase
        for name in names:
            value, expected = getattr(row, name), getattr(action, name)
            assert (value, type(value)) == (expected, type(expected)), name


def test_more_values_than_one_statement_takes_are_read_in_several():
    run = factories.make_run(str(CHUNK + 1))
    names = list(run.actions.values_list("name", flat=True))

    found = select("SELECT name FROM runs_action WHERE name IN ({}) AND run_id = %s", names, run.pk)

    assert sorted(name for (name,) in found) == sorted(names)
