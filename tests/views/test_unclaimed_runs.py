"""What a run page says of a run that no executor has claimed."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from runs.domain.phases import Phase
from runs.models import Pool
from runs.queries.waits import get_unclaimed
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

RUN = "/v2/domain/development/project/flytesnacks/runs/run1"


def make_queued_run():
    run = factories.make_run(phase=Phase.QUEUED)
    run.actions.filter(name="a0").update(pool=Pool.objects.create(key="p"), started_at=None)
    return run


def test_a_run_that_waits_says_since_when_why_and_what_helps():
    make_queued_run()

    text = Client().get(RUN).content.decode()

    assert "No executor has claimed this run" in text
    assert "no worker is connected: start one with flyteui worker." in text
    assert 'data-text="flyteui worker"' in text


def test_the_fragment_is_empty_once_the_run_was_claimed():
    run = make_queued_run()
    assert "No executor" in Client().get(f"{RUN}/unclaimed").content.decode()

    factories.change(run.actions.get(name="a0"), phase=Phase.RUNNING, started_at=timezone.now())

    assert Client().get(f"{RUN}/unclaimed").content.decode().strip() == ""
    assert "No executor has claimed" not in Client().get(RUN).content.decode()


def test_why_a_run_waits_is_four_statements_when_there_is_no_executor(django_assert_num_queries):
    run = make_queued_run()

    with django_assert_num_queries(4):
        assert get_unclaimed(run.pk) is not None
