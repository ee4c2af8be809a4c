from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from flyteidl2.core import literals_pb2
from flyteidl2.task import common_pb2

from runs.domain.phases import Cause, Phase
from runs.models import Abort, Action, Attempt, Image, Pool
from runs.queries.tasks.details import get_details
from runs.store import storage
from tests.support import factories, showcase
from tests.support.tasks import make_spec, ran

pytestmark = pytest.mark.django_db(transaction=True)

RUN = "/v2/domain/development/project/flytesnacks/runs/run1"


def panel(action: str = "a0", tab: str = "") -> str:
    answer = Client(headers={"HX-Request": "true"}).get(f"{RUN}/actions/{action}?tab={tab}")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_overview_says_times_and_error():
    run = factories.make_run()
    factories.make_action(
        run,
        "x",
        parent=run.actions.get(),
        phase=Phase.FAILED,
        error_code="ValueError",
        error_message="I will fail!",
    )

    text = panel("x")

    assert "I will fail!" in text
    assert "ValueError" in text
    assert "Ended" in text


def test_the_details_say_which_build_made_the_image_and_what_is_not_honoured():
    run, build = factories.make_run(), factories.make_run(name="build1")
    image = Image.objects.create(
        name="mine:1", state="built", environment="abc", python="3.12.1", flyte="2.12.1", build_run=build,
        not_honoured=["apt packages: ffmpeg"],
    )  # fmt: skip
    pool = Pool.objects.create(key="one", image="flyteui.local/mine:1", built_image=image)
    Action.objects.filter(run=run).update(pool=pool)

    text = panel("a0", "details")

    assert "flyteui.local/mine:1" in text
    assert "Python 3.12.1, flyte 2.12.1" in text
    assert f'<a href="{RUN.replace("run1", "build1")}">run <code>build1</code></a>' in text
    assert "apt packages: ffmpeg" in text


def test_the_details_say_in_what_a_task_runs_and_of_which_run_it_is():
    source = factories.make_run(name="source")
    run = factories.make_run(
        relation="rerun",
        related_to=source,
        labels={"team": "<a>"},
        envs={"MODE": "fast", "API_TOKEN": "s3cret", "_F_X": "1"},
    )
    spec = make_spec(version="v7", bundle="file:///code/one.tgz")
    ran(run, "x", spec)

    text = panel("x", "details")

    for words in (
        "<code>v7</code>", "one.tgz</code></a>", "Rerun of <a", 'runs/source"><code>source', "team=&lt;a&gt;", "<dt><code>MODE</code></dt>",
        "tasks/env.train?version=v7", "••••", "Started by",
    ):  # fmt: skip
        assert words in text, words
    assert ("s3cret" in text, "_F_X" in text) == (False, False)


def test_the_details_of_an_action_whose_spec_is_gone_are_those_of_its_run(django_assert_num_queries):
    root = factories.make_run().actions.get()

    with django_assert_num_queries(1):
        assert get_details(root.pk).task is None
    assert "Started by" in panel("a0", "details")


def test_a_base_image_for_which_the_workers_own_python_stands_is_said():
    run = factories.make_run()
    Action.objects.filter(run=run).update(pool=Pool.objects.create(key="one", image="ubuntu:24.04"))

    text = panel("a0", "details")

    assert "base image ubuntu:24.04" in text
    assert "The worker's own Python" in text


def test_the_abort_chain_says_who_why_when_and_through_whom():
    run = factories.make_run("1x1")
    target, child = run.actions.get(name="a0-0"), run.actions.get(name="a0-0-0")
    asked = timezone.now() - timedelta(seconds=9)
    abort = factories.make_abort(target, actor="carol", reason="wrong data", requested_at=asked)
    Action.objects.filter(pk=child.pk).update(
        abort=abort, phase=Phase.ABORTED, delivered_at=asked + timedelta(milliseconds=9),
        ended_at=asked + timedelta(milliseconds=1030),
    )  # fmt: skip

    text = panel("a0-0-0")

    for words in ("carol", "wrong data", "external abort", 'data-select="a0-0"', "+9 ms", "+1,030 ms"):
        assert words in text


def test_an_action_that_nobody_held_was_never_delivered():
    run = factories.make_run()
    root = run.actions.get()
    abort = factories.make_abort(root, scope=Abort.Scope.RUN, cause=Cause.ROOT_ENDED)
    factories.make_action(run, "q", parent=root, phase=Phase.ABORTED, abort=abort, started_at=None)

    assert "never held by an executor" in panel("q")


def test_inputs_and_outputs_are_read_from_their_files():
    run = factories.make_run()
    folder = storage.join(settings.STORAGE_URL, "x")
    value = literals_pb2.Literal(
        scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(string_value="<hello>"))
    )
    named = [common_pb2.NamedLiteral(name="greeting", value=value)]
    storage.write_bytes(
        storage.join(folder, "inputs.pb"), common_pb2.Inputs(literals=named).SerializeToString()
    )
    storage.write_bytes(storage.join(folder, "outputs.pb"), b"")
    factories.make_action(
        run, "x", parent=run.actions.get(), phase=Phase.SUCCEEDED, output_uri=folder,
        input_uri=storage.join(folder, "inputs.pb"),
    )  # fmt: skip

    assert "greeting" in panel("x", "inputs")
    assert "&lt;hello&gt;" in panel("x", "inputs")
    assert "takes or returns nothing" in panel("x", "outputs")


def test_events_are_listed_in_order():
    root = factories.make_run().actions.get()
    factories.make_event(root, Phase.QUEUED, cause=Cause.ENQUEUED)
    factories.make_event(root, Phase.RUNNING, before=Phase.RUNNING, cause=Cause.EXTERNAL_ABORT)

    text = panel("a0", "events")

    assert text.index("enqueued") < text.index("Asked to stop")


def test_an_unknown_action_is_a_fragment_that_says_so():
    factories.make_run()

    answer = Client(headers={"HX-Request": "true"}).get(f"{RUN}/actions/none")

    assert answer.status_code == 404
    assert "none" in answer.content.decode()
    assert "<html" not in answer.content.decode()


def test_a_page_whose_address_names_an_unknown_action_shows_the_run_and_says_so():
    factories.make_run()

    answer = Client().get(f"{RUN}?action=<none>&tab=logs")

    assert answer.status_code == 200
    text = answer.content.decode()
    assert "This run has no action <code>&lt;none&gt;</code>." in text
    assert 'id="action-a0"' in text
    assert 'id="panel"' not in text


def test_a_condition_has_no_log_and_no_attempts():
    showcase.make_condition(factories.make_run(), "ship", "boolean", "Ship it?")

    text = panel("a0-ship", "logs")

    assert {"logs", "attempts"} & set(tabs_of(text)) == set()
    assert "get logs" not in text


@pytest.mark.parametrize(("is_local", "client"), [(True, "flyte --config {}/config.yaml"), (False, "flyte")])
def test_a_line_for_the_shell_reaches_this_server(settings, is_local: bool, client: str):
    settings.IS_LOCAL = is_local
    factories.make_run()

    assert f"<code>{client.format(settings.HOME)} abort run1 a0</code>" in panel("a0")


def tabs_of(text: str) -> list[str]:
    return re.findall(r'role="tab" id="tab-(\w+)"', text)


def test_an_abort_and_a_report_get_a_tab_only_where_there_is_one():
    run = factories.make_run()
    folder = storage.join(settings.STORAGE_URL, "reported")
    factories.make_action(run, "x", parent=run.actions.get(), phase=Phase.SUCCEEDED, output_uri=folder)
    always = ["overview", "inputs", "outputs", "logs", "attempts", "code", "details", "events"]

    assert tabs_of(panel("x")) == always
    storage.write_bytes(storage.join(folder, "report.html"), b"<h1>Hi</h1>")
    assert tabs_of(panel("x")) == [*always, "report"]
    factories.make_abort(run.actions.get(name="x"))
    Action.objects.filter(name="x").update(abort=Abort.objects.get())
    assert tabs_of(panel("x")) == [*always, "abort", "report"]


def test_a_tab_that_the_action_has_not_is_the_overview():
    factories.make_run()

    assert 'data-tab="overview"' in panel("a0", "report")
    assert panel("a0", "report").count('aria-selected="true"') == 1


def test_each_attempt_has_a_card_with_its_error_and_a_link_to_its_log():
    root = factories.make_run().actions.get()
    for number, outcome in ((1, "failed"), (2, "")):
        Attempt.objects.create(
            action=root, number=number, lease_epoch=number, outcome=outcome, started_at=timezone.now(),
            ended_at=timezone.now() if outcome else None, error_message="<no disk>" if outcome else "",
        )  # fmt: skip

    text = panel("a0", "attempts")

    assert "&lt;no disk&gt;" in text
    assert text.index('id="lease-2"') < text.index('id="lease-1"')
    assert "tab=logs&amp;attempt=1" in text
    assert 'Attempts <span class="badge num">2</span>' in text


def test_the_shell_is_told_to_abort_only_what_is_live():
    run = factories.make_run()
    factories.make_action(run, "x", parent=run.actions.get(), phase=Phase.SUCCEEDED)

    assert " abort run1 a0<" in panel("a0")
    assert " abort run1" not in panel("x")
    assert " get io run1 x<" in panel("x")


def test_a_report_is_served_without_any_right_of_ours(monkeypatch: pytest.MonkeyPatch):
    run = factories.make_run()
    folder = storage.join(settings.STORAGE_URL, "served")
    storage.write_bytes(storage.join(folder, "report.html"), b"<h1>Hi</h1>")
    factories.make_action(run, "x", parent=run.actions.get(), phase=Phase.SUCCEEDED, output_uri=folder)

    answer = Client().get(f"{RUN}/actions/x/report")

    policy = answer.headers["Content-Security-Policy"]
    assert answer.content.startswith(b"<h1>Hi</h1>")
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in policy
    assert "connect-src 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert Client().get(f"{RUN}/actions/a0/report").status_code == 404
    monkeypatch.setattr("runs.queries.reports.MAX_BYTES", 3)
    assert Client().get(f"{RUN}/actions/x/report").status_code == 400
    assert "too large" in panel("x", "report")


def test_a_bug_is_told_in_words_to_a_fragment(monkeypatch: pytest.MonkeyPatch):
    factories.make_run()
    monkeypatch.setattr("runs.views.panels.panel_context", lambda *_: 1 / 0)
    client = Client(
        headers={"HX-Request": "true", "x-request-id": "abc-12345"}, raise_request_exception=False
    )

    answer = client.get(f"{RUN}/actions/a0")

    assert answer.status_code == 500
    assert "error-box" in answer.content.decode()
    assert "abc-12345" in answer.content.decode()
