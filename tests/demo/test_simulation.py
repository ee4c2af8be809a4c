"""Demonstrations are made through the engine, so they obey the same laws as any run."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db.models import F, Q
from django.utils import timezone

from runs.demo.earlier_run import split_earlier_run
from runs.demo.scripts import write_scripts
from runs.demo.simulation import make_finished_run
from runs.doctor import checks
from runs.domain.errors import Invalid, NotFound
from runs.domain.names import ROOT, ActionRef
from runs.domain.phases import TERMINAL, Kind, Phase
from runs.domain.tasks.interface import read_interface
from runs.domain.values.trees import INPUTS, OUTPUTS, read_parts
from runs.engine import escalation
from runs.engine.cache import Status
from runs.engine.registry import seed as seed_projects
from runs.launch.rerun import Changes, read_source, rerun
from runs.launch.start import read_launch
from runs.management.commands.doctor import limits
from runs.models import Action, Executor, LogChunk, Run
from runs.queries import panels
from runs.queries.tasks.code import read_code
from runs.store import storage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def _projects():
    seed_projects()


@pytest.mark.usefixtures("_projects")
def test_a_demonstration_shows_every_way_to_end_and_keeps_the_laws():
    before = timezone.now()

    ref = make_finished_run(
        write_scripts((40, 8), seed=3), actor="demo", ends_at=before, progress=lambda events: None
    )

    actions = Action.objects.filter(run__name=ref.name)
    assert {Phase(phase) for phase in actions.values_list("phase", flat=True)} == TERMINAL - {
        Phase.TIMED_OUT, Phase.RECOVERED,
    }  # fmt: skip
    assert actions.filter(attempt=2, phase=Phase.SUCCEEDED).exists()
    assert actions.filter(abort__cause="external abort").exists()
    assert actions.filter(abort__cause="parent ended").exists()
    assert actions.exclude(group="").exists()
    assert checks.list_findings(limits(60)) == []
    assert Executor.objects.get().state == Executor.State.GONE


@pytest.mark.usefixtures("_projects")
def test_its_times_lie_in_the_past_and_in_their_order():
    before = timezone.now()

    ref = make_finished_run(write_scripts((5, 4)), actor="demo", ends_at=before, progress=lambda events: None)

    rows = Action.objects.filter(run__name=ref.name)
    misplaced = Q(started_at__lt=F("created_at")) | Q(ended_at__lt=F("started_at")) | Q(ended_at__gt=before)
    assert not rows.filter(misplaced).exists()
    created_at, ended_at = rows.values_list("created_at", "ended_at").get(name=ROOT)
    assert ended_at is not None
    assert ended_at - created_at > timedelta(seconds=1)


@pytest.mark.usefixtures("_projects")
def test_a_server_beside_it_does_not_take_its_aborts_for_overdue():
    overdue = []

    def look(events: int) -> None:
        # As on a machine that takes minutes to make a long one.
        overdue.extend(escalation.find_overdue(timezone.now() + timedelta(minutes=5)))

    long_ago = timezone.now() - timedelta(hours=1)
    ref = make_finished_run(write_scripts((40, 8), seed=3), actor="demo", ends_at=long_ago, progress=look)

    assert Action.objects.filter(run__name=ref.name, abort__cause="external abort").exists()
    assert overdue == []


@pytest.mark.usefixtures("_projects")
def test_its_panels_have_inputs_and_outputs_and_its_root_a_report(settings, tmp_path):
    settings.STORAGE_URL = f"file://{tmp_path}"
    ref = make_finished_run(
        write_scripts((3, 4)), actor="demo", ends_at=timezone.now(), progress=lambda events: None
    )

    run = Run.objects.get(name=ref.name)
    leaf = run.actions.filter(phase=Phase.SUCCEEDED, kind=Kind.TASK, children=None).first()
    assert leaf is not None
    for name, wanted in (
        (ROOT, {"corpus", "epochs", "learning_rate"}),
        (leaf.name, {"number", "learning_rate", "warm_up"}),
    ):
        action = run.actions.get(name=name)
        inputs, outputs = (
            storage.read_bytes(action.input_uri),
            storage.read_bytes(f"{action.output_uri}/outputs.pb"),
        )
        assert inputs is not None
        assert outputs is not None
        assert set(read_parts(inputs, INPUTS, {})) == wanted
        assert set(read_parts(outputs, OUTPUTS, {})) == {"loss", "rows", "checkpoint"}
    report = storage.read_bytes(f"{run.actions.get(name=ROOT).output_uri}/report.html")
    assert report is not None
    assert b"<h1>16 actions</h1>" in report
    assert report.count(b"<rect") == 3


@pytest.mark.usefixtures("_projects")
def test_somebody_answered_its_question_while_it_ran():
    before = timezone.now()

    ref = make_finished_run(write_scripts((3, 4)), actor="demo", ends_at=before, progress=lambda events: None)

    (condition,) = Action.objects.filter(run__name=ref.name, kind=Kind.CONDITION)
    panel = panels.get_panel(condition.run_id, condition.name)
    assert panel.phase is Phase.SUCCEEDED
    assert panel.question is not None
    assert panel.question.prompt.endswith("Keep this checkpoint?")
    assert panel.answer is not None
    assert (panel.answer.text, panel.answer.actor) == ("true", "bo")
    assert condition.ended_at is not None
    assert condition.parent is not None
    assert condition.parent.ended_at is not None
    assert condition.created_at + timedelta(seconds=1.9) < condition.ended_at <= condition.parent.ended_at


@pytest.mark.usefixtures("_projects")
def test_a_question_of_a_branch_that_is_aborted_stays_without_an_answer():
    scripts = write_scripts((3, 4))
    scripts["m0"] = replace(scripts["m0"], aborted_after=0.2)

    ref = make_finished_run(scripts, actor="demo", ends_at=timezone.now(), progress=lambda events: None)

    condition = Action.objects.get(run__name=ref.name, kind=Kind.CONDITION)
    assert (condition.phase, bytes(condition.value)) == (Phase.ABORTED, b"")
    assert checks.list_findings(limits(60)) == []


@pytest.mark.usefixtures("_projects")
def test_the_command_says_where_to_look(capsys):
    call_command("demo", "--shape", "2x3")

    run = Run.objects.latest("pk")
    assert capsys.readouterr().out.strip().endswith(f"/runs/{run.name}")
    assert run.actions.count() == 9


def test_the_command_needs_no_server_that_was_started():
    call_command("demo", "--shape", "2x3")

    assert Run.objects.latest("pk").actions.count() == 9


@pytest.mark.usefixtures("_projects")
def test_the_command_makes_an_earlier_run_that_is_recovered_and_whose_outputs_are_in_the_cache(
    settings, tmp_path
):
    settings.STORAGE_URL = f"file://{tmp_path}"
    call_command("demo", "--shape", "3x8", "--seed", "3")

    earlier, run = Run.objects.order_by("created_at")
    assert (run.relation, run.related_to) == ("recover", earlier)
    assert earlier.actions.get(name=ROOT).phase == Phase.FAILED
    done = list(earlier.actions.filter(phase=Phase.SUCCEEDED).order_by("pk"))
    assert len(done) == 3
    recovered = run.actions.filter(phase=Phase.RECOVERED).order_by("pk")
    cached = run.actions.filter(cache_status=Status.HIT, phase=Phase.SUCCEEDED).order_by("pk")
    sources = [f"flytesnacks/development/{earlier.name}/{one.name}/1" for one in done]
    assert [one.name for one in recovered] == [one.name for one in done]
    assert [one.source for one in recovered] == [one.source for one in cached] == sources
    assert [one.output_uri for one in cached] == [one.output_uri for one in done]
    late = Q(ended_at__gt=F("parent__ended_at")) | Q(ended_at__lt=F("created_at"))
    assert not run.actions.filter(late).exists()
    assert checks.list_findings(limits(60)) == []


def test_a_demonstration_with_too_few_leaves_has_no_earlier_run():
    scripts = write_scripts((3,))

    assert split_earlier_run(write_scripts((1, 1)), "key") == ({}, write_scripts((1, 1)))
    earlier, now = split_earlier_run(scripts, "key")
    assert set(earlier) == {ROOT, scripts[ROOT].children[0]}
    assert now == scripts  # one branch only, so nothing for the cache


@pytest.mark.usefixtures("_projects")
@pytest.mark.parametrize("option", [["--actions", "1"], ["--shape", "3xx"], ["--actions", "300000"]])
def test_a_size_that_cannot_be_makes_nothing(option):
    with pytest.raises(CommandError):
        call_command("demo", *option)

    assert not Run.objects.exists()


@pytest.mark.usefixtures("_projects")
def test_a_failure_says_where_it_happened_in_its_message_and_on_stderr():
    ref = make_finished_run(
        write_scripts((30, 8), seed=3), actor="demo", ends_at=timezone.now(), progress=lambda events: None
    )

    failed = Action.objects.filter(run__name=ref.name, phase=Phase.FAILED, children=None).first()
    assert failed is not None
    assert failed.error_message.startswith("Traceback (most recent call last):")
    lines = [
        line for chunk in LogChunk.objects.filter(action=failed) for line in json.loads(bytes(chunk.lines))
    ]
    assert {stream for _, stream, _ in lines} == {"out", "err"}
    assert lines[-1][2] == f"{failed.error_message}\n"
    again = Action.objects.filter(run__name=ref.name, phase=Phase.SUCCEEDED, attempt=2).first()
    assert again is not None
    log = "".join(bytes(chunk.lines).decode() for chunk in LogChunk.objects.filter(action=again))
    assert "attempt 2, going on from step 48" in log


@pytest.mark.usefixtures("_projects")
def test_its_tasks_say_that_a_demonstration_has_no_code():
    ref = make_finished_run(
        write_scripts((3, 4)), actor="demo", ends_at=timezone.now(), progress=lambda events: None
    )

    launch = read_launch(ref.project, ref.domain, "demo.main")
    assert launch.problem == "it is of a demonstration, which has no code"
    assert not read_interface(launch.task.SerializeToString()).has_code
    with pytest.raises(Invalid, match="a demonstration, which has no code"):
        asyncio.run(rerun(read_source(ActionRef(ref)), Changes(), created_by="ann"))
    with pytest.raises(NotFound, match="a demonstration, which has no code"):
        read_code(Run.objects.get(name=ref.name).pk, ROOT)
