from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from flyteidl2.core import literals_pb2
from flyteidl2.task import common_pb2

from runs import storage
from runs.models import Abort, Action
from runs.phases import Cause, Phase
from tests import factories

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

    text = panel("x", "data")

    assert "greeting" in text
    assert "&lt;hello&gt;" in text
    assert "takes or returns nothing" in text


def test_the_log_is_followed_while_the_action_is_live():
    run = factories.make_run()
    chunk = factories.make_log(run.actions.get(), "first\n")

    assert "first" in panel("a0", "logs")
    assert f"log?after={chunk.pk}" in panel("a0", "logs")
    assert Client().get(f"{RUN}/actions/a0/log?after={chunk.pk}").status_code == 204

    factories.make_log(run.actions.get(), "second\n", stream="stderr")
    tail = Client().get(f"{RUN}/actions/a0/log?after={chunk.pk}").content.decode()
    assert "second" in tail
    assert "first" not in tail


def test_the_log_of_an_ended_action_is_not_asked_for_again():
    run = factories.make_run(phase=Phase.SUCCEEDED)
    factories.make_log(run.actions.get(), "done")

    assert "log?after" not in panel("a0", "logs")


def test_the_log_can_be_had_as_a_file():
    run = factories.make_run()
    factories.make_log(run.actions.get(), "<one>", "two")

    answer = Client().get(f"{RUN}/actions/a0/log.txt")

    assert answer.headers["Content-Type"].startswith("text/plain")
    assert [line.split(" ", 3)[3] for line in answer.content.decode().splitlines()] == ["<one>", "two"]


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
