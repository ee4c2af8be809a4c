"""Reports on pages of their own, in the dark too, and the list of a run's reports."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from flyteidl2.task import task_definition_pb2

from runs.domain.phases import Phase
from runs.models import Action, Run, TaskSpec
from runs.queries.values import run_reports
from runs.store import storage
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

RUN = "/v2/domain/development/project/flytesnacks/runs/run1"


def writer(*, writes: bool = True) -> TaskSpec:
    spec = task_definition_pb2.TaskSpec(short_name="train")
    spec.task_template.metadata.generates_deck.value = writes
    data = spec.SerializeToString()
    return TaskSpec.objects.create(digest=f"writes {writes}", spec=data, name="env.train")


def make_trials(run: Run, count: int, spec: TaskSpec, content: bytes = b"<h1>Loss</h1>") -> list[Action]:
    """Trials of which all but the last have written a report."""
    root = run.actions.get(name="a0")
    made = []
    for number in range(count):
        folder = storage.join(settings.STORAGE_URL, "flytesnacks", token_hex(8), str(number))
        action = factories.call(run, f"t{number}", parent=root, short_name="trial", number=number)
        factories.change(action, spec=spec, output_uri=folder, phase=Phase.SUCCEEDED, ended_at=run.created_at)
        if number < count - 1:
            storage.write_bytes(storage.join(folder, "report.html"), content)
        made.append(action)
    return made


def page(path: str, status: int = 200) -> str:
    answer = Client().get(f"{RUN}{path}")
    assert answer.status_code == status
    return " ".join(answer.content.decode().split())


def test_the_page_of_a_run_leads_to_its_reports_if_a_task_writes_some():
    run = factories.make_run()
    make_trials(run, 1, writer(writes=False))
    assert "/reports" not in page("")

    make_trials(factories.make_run(name="run2"), 2, writer())

    assert (
        f'href="{RUN.replace("run1", "run2")}/reports"'
        in Client().get(RUN.replace("run1", "run2")).content.decode()
    )


def test_the_list_says_whose_each_report_is_and_which_has_none_yet(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run_reports, "MOST", 2)
    make_trials(factories.make_run(), 3, writer())

    html = page("/reports")

    assert f'href="{RUN}/actions/t0/report/page">trial<span class="hidden"> number=0' in html
    assert html.count("/report/page") == 2
    after = run_reports.list_reports(Run.objects.get().pk).after
    assert f'href="?after={after}"' in html
    rest = page(f"/reports?after={after}")
    assert "no report yet" in rest
    assert "number=2" in rest
    assert "After must be a number" in page("/reports?after=x", 400)


def test_a_run_without_reports_says_so():
    factories.make_run()

    assert "No task of this run writes a report" in page("/reports")


def test_a_report_has_a_page_of_its_own_with_a_frame_that_has_no_rights():
    make_trials(factories.make_run(), 2, writer())

    html = page("/actions/t0/report/page")

    assert '<iframe sandbox="allow-scripts" referrerpolicy="no-referrer" title="Report of trial"' in html
    assert "has no report" in page("/actions/t1/report/page", 404)


@pytest.mark.parametrize(
    ("content", "is_turned"),
    [(b"<h1>Loss</h1>", True), (b"<style>@media (prefers-color-scheme: dark) {}</style>", False)],
)
def test_a_report_is_dark_where_the_page_is_unless_it_cares_for_that_itself(content: bytes, is_turned: bool):
    make_trials(factories.make_run(), 2, writer(), content)

    assert ("filter: invert" in page("/actions/t0/report")) is is_turned


def test_how_many_statements_they_take(django_assert_num_queries: Any):
    run = factories.make_run()
    make_trials(run, 3, writer())

    with django_assert_num_queries(2):
        assert run_reports.may_have_reports(run.pk)
    with django_assert_num_queries(4):
        run_reports.list_reports(run.pk)
