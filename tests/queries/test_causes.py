"""Which failure is the cause: the error of a run followed down, what only passes it on, and what that costs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from runs.domain.phases import Phase
from runs.models import Action, Run
from runs.queries.failures.causes import find_cause, find_passing_on, find_raiser
from runs.queries.runs import get_run_by_id
from runs.tree.first_paint import read_first_paint
from runs.tree.snapshot import Snapshot
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

MISSING = {"error_code": "ValueError", "error_message": "the column is missing"}
OWN = {"error_code": "KeyError", "error_message": "no prices"}
RUN = "/v2/domain/development/project/flytesnacks/runs/run1"


def fail(run: Run, name: str, parent: Action, seconds: float, **error: str) -> Action:
    ended = timezone.now() + timedelta(seconds=seconds)
    return factories.make_action(
        run, name, parent=parent, phase=Phase.FAILED, ended_at=ended, short_name=name, **error
    )


@pytest.fixture
def run() -> Run:
    """a0 passes on what b passes on from c, where it was raised; d failed before and was caught."""
    run = factories.make_run(phase=Phase.FAILED)
    root = run.actions.get()
    factories.change(root, **MISSING)
    b = fail(run, "b", root, 3, **MISSING)
    fail(run, "c", b, 2, **MISSING)
    fail(run, "d", root, 1, **OWN)
    return run


def name_of(action_id: int | None) -> str:
    return Action.objects.get(pk=action_id).name if action_id is not None else ""


def test_the_error_of_a_run_is_followed_to_where_it_was_raised(run: Run):
    assert name_of(find_raiser(run.pk)) == name_of(find_cause(run.pk)) == "c"


def test_what_failed_with_an_error_of_its_own_has_the_first_failure_below_as_cause(run: Run):
    factories.change(run.actions.get(name="a0"), **OWN)
    Action.objects.filter(run=run, name="d").delete()

    assert find_raiser(run.pk) is None
    assert name_of(find_cause(run.pk)) == "c"


def test_a_run_that_goes_on_or_succeeded_has_no_error_to_follow(run: Run):
    factories.change(run.actions.get(name="a0"), phase=Phase.SUCCEEDED, error_code="", error_message="")

    assert find_raiser(run.pk) is None
    assert name_of(find_cause(run.pk)) == "d"


def test_what_passes_on_is_told_from_what_failed_by_itself(run: Run):
    ids = dict(run.actions.values_list("name", "pk"))

    assert find_passing_on(ids.values()) == {ids["a0"], ids["b"]}


def test_f_goes_to_what_failed_by_itself_and_to_all_where_a_filter_leaves_nothing_else(run: Run):
    snapshot = Snapshot(get_run_by_id(run.pk))

    def go(after: str, **said: object) -> str:
        from runs.tree.filter import make_filter

        row_filter = make_filter(text=str(said.get("text", "")), statuses=[], started=False)
        return snapshot.page_at_failure(after, 0, 50, row_filter, back=False).goal

    assert [go(""), go("c"), go("d")] == ["c", "d", "c"]
    assert go("", text="main") == "a0"


def test_an_error_is_compared_once(run: Run, django_assert_num_queries):
    snapshot = Snapshot(get_run_by_id(run.pk))
    snapshot.page_at_failure("", 0, 50, back=False)

    with django_assert_num_queries(2):  # what changed; the action with the focus
        snapshot.page_at_failure("c", 0, 50, back=False)


def test_header_and_first_paint_name_it_alike(run: Run):
    head = get_run_by_id(run.pk)

    first = read_first_paint(head, fewest=0)

    assert first is not None
    assert first.summary == Snapshot(head).summarise()[1]
    assert first.summary.cause is not None
    assert first.summary.cause.name == "c"
    html = Client().get(RUN).content.decode()
    assert 'class="note cause failed" data-phase="failed"' in html


def test_an_error_that_was_passed_on_to_the_root_is_said_once(run: Run):
    def boxes() -> tuple[int, int]:
        html = Client().get(RUN).content.decode()
        return html.count('class="note failed"'), html.count('class="note cause failed"')

    assert boxes() == (0, 1)
    factories.change(run.actions.get(name="a0"), **OWN)
    Action.objects.filter(run=run, name="d").delete()
    assert boxes() == (1, 1)


def test_a_failure_that_was_caught_is_no_alarm(run: Run):
    factories.change(run.actions.get(name="a0"), phase=Phase.SUCCEEDED, error_code="", error_message="")

    html = Client().get(RUN).content.decode()

    assert 'class="note cause caught"' in html
    assert "Failed, and the run went on" in html
    assert "First failed" not in html


def test_the_list_leads_to_the_line_of_the_traceback(run: Run):
    listed = Client().get(RUN.rpartition("/")[0]).content.decode()
    assert f'href="{RUN}/first-failure"' in listed
    assert Client().get(f"{RUN}/first-failure")["Location"] == f"{RUN}?action=c"

    chunk = factories.make_log(
        run.actions.get(name="c"), "Traceback (most recent call last):", '  File "/home/ann/etl.py", line 7, in load',
        "    raise ValueError(column)", "ValueError: the column is missing", stream="err",
    )  # fmt: skip

    answer = Client().get(f"{RUN}/first-failure")

    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{RUN}?action=c&tab=logs&line={chunk.pk}")


def test_a_run_without_a_failure_leads_to_itself():
    factories.make_run()

    assert Client().get(f"{RUN}/first-failure")["Location"] == RUN
