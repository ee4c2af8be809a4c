"""The first paint of a long run says what its snapshot says."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from runs.domain.inputs.siblings import with_child
from runs.domain.phases import TERMINAL, Cause, Phase
from runs.models import Abort, Action, Run
from runs.queries.runs import get_run
from runs.tree.first_paint import read_first_paint
from runs.tree.snapshot import Snapshot
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)


def random_run(seed: int) -> Run:
    """A tree of any form, whose actions are in any state."""
    rng = random.Random(seed)
    run = factories.make_run("0", phase=rng.choice([Phase.RUNNING, Phase.SUCCEEDED]))
    made = [run.actions.get()]
    abort = Abort.objects.create(
        run=run, target=made[0], scope="run", cause=Cause.EXTERNAL_ABORT, actor="ann"
    )
    groups = rng.choice([[""], ["", "one", "two"]])
    phases = list(TERMINAL) if rng.random() < 0.3 else list(Phase)
    for number in range(rng.choice([1, 5, 400, 420])):
        phase = rng.choice(phases)
        is_asked = phase is Phase.ABORTED or rng.random() < 0.1
        is_hit = rng.random() < 0.3
        action = factories.new_action(
            run, f"n{number}", parent=rng.choice(made[-rng.choice([1, 3, 500]) :]), phase=phase,
            group=rng.choice(groups),
            abort=abort if is_asked else None, cache_status=2 if is_hit else 0, cache_key="k" if is_hit else "",
            exceeded=rng.choice(["", "", "DEADLINE"]), not_before=rng.choice([None, None, timezone.now()]),
            ended_at=timezone.now() - timedelta(seconds=rng.randrange(20)) if phase in TERMINAL else None,
            refusing_since=timezone.now() if is_asked and rng.random() < 0.3 else None,
        )  # fmt: skip
        if rng.random() < 0.7 and (parent := action.parent):
            action.input_digest = f'{{"number":{rng.randrange(9)},"lr":{rng.choice([0.1, 0.2])}}}'
            action.task_name = f"env.{rng.choice(['one', 'other'])}"
            parent.child_inputs = with_child(parent.child_inputs, action.task_name, action.input_digest)
            parent.save(update_fields=["child_inputs"])
        action.save()
        made.append(action)
    return run


@pytest.mark.parametrize("seed", range(12))
def test_the_first_paint_is_the_page_of_the_snapshot(seed: int):
    head = get_run(factories.ref_of(random_run(seed)))
    snapshot = Snapshot(head)

    assert read_first_paint(head, fewest=0) == snapshot.page_around("a0")


def test_a_long_run_is_painted_without_its_snapshot_and_a_short_one_is_read(monkeypatch: pytest.MonkeyPatch):
    run = factories.make_run("2x3")
    head = get_run(factories.ref_of(run))
    assert read_first_paint(head) is None
    url = f"/v2/domain/development/project/flytesnacks/runs/{run.name}"
    monkeypatch.setattr("runs.views.run_page.shared.get", Snapshot)
    read = Client().get(url).context["page"]

    monkeypatch.setattr(Snapshot, "page_around", None)
    monkeypatch.setattr("runs.views.run_page.read_first_paint", lambda head: read_first_paint(head, fewest=0))

    assert Client().get(url).context["page"] == read


def test_the_number_of_statements_grows_with_the_branches_seen_and_not_with_the_run(
    django_assert_num_queries,
):
    run = factories.make_run("120x2")
    head = get_run(factories.ref_of(run))
    assert Action.objects.filter(run=run).count() == 361

    with django_assert_num_queries(13 + 2 * 27):
        read_first_paint(head, fewest=0)
