"""Two runs or two actions side by side."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from flyteidl2.task import run_pb2

from runs.domain.errors import NotFound
from runs.domain.names import ROOT, ActionRef
from runs.domain.phases import Phase
from runs.domain.roles import Role, Subject, Way
from runs.models import Action, Run, TaskSpec
from runs.queries.values.compare import Side, compare, get_side, tally_calls
from runs.store import storage
from tests.domain.tasks.test_bundles import pack
from tests.support import factories
from tests.support.scene import task_spec
from tests.support.values import blob, give, store

pytestmark = pytest.mark.django_db(transaction=True)

RUNS = "/v2/domain/development/project/flytesnacks/runs"
A, B = "flytesnacks/development/run1", "flytesnacks/development/run2"
EVERYWHERE = Subject("ann", "ann", Way.PAGE, everywhere=Role.VIEWER)


def make_run(
    name: str,
    *,
    code: bytes = b"",
    inputs: dict[str, Any] | None = None,
    outputs: dict[str, Any] | None = None,
    **fields: Any,
) -> Run:
    """A run whose root has succeeded, with two calls."""
    run = factories.make_run(name=name, **fields)
    root = give(run.actions.get(name=ROOT), inputs or {}, outputs)
    if code:
        uri = storage.upload_uri(run.project.name, "development", name, "code.tgz")
        storage.write_bytes(uri, pack(("pkg/train.py", code), ("same.py", b"x = 1\n")))
        data = task_spec("env.main", bundle=uri, loader=["mod", "pkg.train", "instance", "main"])
        factories.change(root, spec=TaskSpec.objects.create(digest=name, spec=data, name="env.main"))
    factories.change(
        root,
        task_name="env.main",
        phase=Phase.SUCCEEDED,
        started_at=run.created_at,
        ended_at=run.created_at + timedelta(seconds=3),
    )
    for number in range(2):
        factories.make_action(run, f"t{number}", parent=root, task_name="env.train", phase=Phase.SUCCEEDED)
    return run


def side(run: str) -> Side:
    return get_side(ActionRef(factories.ref_of(Run.objects.get(name=run)), ROOT), EVERYWHERE)


def page(query: str, status: int = 200) -> str:
    answer = Client().get(f"/compare/{query}")
    assert answer.status_code == status
    return " ".join(answer.content.decode().split())


def both(**changes: Any) -> str:
    """The page of a run, and of one with these changes."""
    make_run("run1", inputs={"lr": 0.1, "n": 3}, outputs={"o0": "<i>"})
    make_run("run2", **{"inputs": {"lr": 0.2, "n": 3}, "outputs": {"o0": "<b>"}, **changes})
    return page(f"?a={A}&b={B}")


def test_what_differs_is_said_first_and_what_is_equal_is_folded():
    html = both(envs={"MODE": "fast", "_F_HIDDEN": "x"})

    assert 'First difference: <a href="#inputs">inputs, <code>lr</code></a>' in html
    assert '<code>lr</code></th><td class="side-a">0.1</td><td class="side-b">0.2</td>' in html
    assert "<summary>1 the same</summary>" in html
    assert '<td class="side-a">&lt;i&gt;</td><td class="side-b">&lt;b&gt;</td>' in html
    assert "variable MODE" in html
    assert "_F_HIDDEN" not in html
    assert "2 succeeded" in html
    assert "Neither has code that was sent with it." in html


def test_what_looks_like_a_secret_differs_and_is_not_shown():
    html = both(envs={"API_TOKEN": "hunter2", "MODE": "fast"})

    assert "variable API_TOKEN" in html
    assert "hunter2" not in html
    assert "fast" in html


def test_equal_runs_differ_in_nothing_but_times():
    html = both(inputs={"lr": 0.1, "n": 3}, outputs={"o0": "<i>"})

    assert "Nothing differs but times." in html


def test_code_is_compared_line_by_line_in_its_colours():
    make_run("run1", code=b"import flyte\n\ndef main():\n    return '<a>'\n")
    make_run("run2", code=b"import flyte\n\ndef main():\n    return '<b>'\n")

    html = page(f"?a={A}&b={B}")

    assert '<a href="#code">code, <code>pkg/train.py</code></a>' in html
    assert "1 file differs" in html
    deleted = html.split('data-line="delete" data-number="4"')[1].split('data-line="insert"')[0]
    assert "only in A:" in deleted
    assert '<span class="tok-k">return</span>' in deleted
    assert "&lt;a&gt;" in deleted
    assert "same.py" not in html


def test_files_are_compared_by_what_they_hold():
    make_run("run1", outputs={"o0": blob(store("one/x.txt", b"same")), "o1": blob(store("one/y.txt", b"a"))})
    make_run("run2", outputs={"o0": blob(store("two/x.txt", b"same")), "o1": blob(store("two/y.txt", b"b"))})

    found = compare(side("run1"), side("run2"), EVERYWHERE)

    assert [(pair.name, pair.a) for pair in found.outputs.pairs] == [("o1", "y.txt, 1 B")]
    assert [pair.a for pair in found.outputs.same] == ["x.txt, 4 B"]


def test_two_actions_of_a_run_are_compared():
    run = make_run("run1")
    for name, lr in (("t0", 0.1), ("t1", 0.2)):
        give(run.actions.get(name=name), {"lr": lr})

    assert '<td class="side-a">0.1</td><td class="side-b">0.2</td>' in page(f"?a={A}/t0&b=run1/t1")


def test_with_what_it_is_compared_is_asked_with_suggestions():
    source = make_run("run1", inputs={"lr": 0.1})
    make_run("run2", inputs={"lr": 0.2}, relation="rerun", related_to=source)
    make_run("run3")

    html = page(f"?a={B}")

    assert f'<a class="label" href="/compare/?a={B}&amp;b={A}">main run1</a>' in html
    assert "Its source" in html
    assert "A run of its task" in html
    assert "A call of its task" in page(f"?a={A}/t0")


def test_the_page_of_a_rerun_leads_to_the_comparison_with_its_source():
    source = make_run("run1")
    rerun = make_run("run2", relation="rerun", related_to=source)
    Run.objects.filter(pk=rerun.pk).update(spec=rerun_of("run1"))

    assert f'href="/compare/?a={A}&amp;b={B}">Compare</a>' in Client().get(f"{RUNS}/run2").content.decode()
    assert (
        f'href="/compare/?a={A}/t0">Compare with…</a>'
        in Client().get(f"{RUNS}/run1?action=t0").content.decode()
    )


def rerun_of(name: str) -> bytes:
    spec = run_pb2.RunSpec()
    spec.relation.related_to.name = name
    return spec.SerializeToString()


def test_two_selected_runs_are_compared_the_older_one_first():
    make_run("run1")
    make_run("run2")

    answer = Client().get(f"{RUNS.removesuffix('/runs')}/compare?name=run2&name=run1")

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/compare/?a={A}&b={B}")
    assert Client().get(f"{RUNS.removesuffix('/runs')}/compare?name=run2").status_code == 400


def test_what_cannot_be_compared_is_said():
    make_run("run1")

    assert "Run &#x27;gone&#x27; does not exist" in page(f"?a={A}&b=gone", 404)
    assert "names no run" in page(f"?a={A}&b=what is it", 400)
    assert "Choose two runs" in page("", 400)


def test_nobody_compares_with_what_they_may_not_read():
    make_run("run1", project="theirs")
    make_run("run2")
    subject = Subject("ann", "ann", Way.PAGE, projects={"flytesnacks": Role.VIEWER})

    get_side(ActionRef(factories.ref_of(Run.objects.get(name="run2")), ROOT), subject)
    with pytest.raises(NotFound, match="or you may not read it"):
        get_side(ActionRef(factories.ref_of(Run.objects.get(name="run1")), ROOT), subject)


def test_the_calls_of_a_task_are_counted_and_averaged_in_one_statement(django_assert_num_queries: Any):
    make_run("run1")
    calls = Action.objects.filter(run__name="run1", task_name="env.train").order_by("pk")
    for call, seconds in zip(calls, (1, 4), strict=True):
        factories.change(
            call,
            started_at=call.created_at,
            ended_at=call.created_at + timedelta(seconds=seconds),
        )
    one = side("run1")

    with django_assert_num_queries(1):
        tallies = tally_calls(one.action)

    assert {task: (tally.phases, tally.average) for task, tally in tallies.items()} == {
        "env.main": ("1 succeeded", "3.0 s"), "env.train": ("2 succeeded", "2.5 s"),
    }  # fmt: skip


def test_a_comparison_takes_few_statements(django_assert_max_num_queries: Any):
    make_run("run1", code=b"a = 1\n")
    make_run("run2", code=b"a = 2\n")
    a, b = side("run1"), side("run2")

    with django_assert_max_num_queries(8):
        compare(a, b, EVERYWHERE)
    assert Action.objects.count() == 6
