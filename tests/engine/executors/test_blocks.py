"""A blocked event loop as the database keeps it: who blocks it, whose rows change, and what ends it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from runs.domain.names import ROOT, ActionRef
from runs.domain.phases import Cause, Escalation, Phase
from runs.engine import escalation, leases
from runs.engine.aborts import request_abort
from runs.engine.executors import heartbeats, scheduling
from runs.engine.executors.blocks import note_silence
from runs.models import Abort, Action, ActionEvent, Executor, Manner
from runs.protocol import frames
from runs.queries.panels import get_panel
from runs.queries.rows import ActionRow, get_rows
from tests.support.scene import Scene

pytestmark = pytest.mark.django_db
STACK = 'File "train.py", line 7, in fit'


@pytest.fixture
def scene() -> Scene:
    """A root with two children on the loop, and one in a process of its own."""
    made = Scene()
    made.start()
    made.grow("train", "innocent")
    made.batch(made.enqueue("plain"))
    made.batch(frames.Started(made.key("plain"), 1, frames.now_us(), is_isolated=True))
    return made


def loop_state(
    scene: Scene, name: str = "train", *, epoch: int = 1, seconds: float = 4.0
) -> frames.LoopState:
    now = frames.now_us()
    return frames.LoopState(False, now, STACK, scene.key(name), epoch, now - int(seconds * 1e6))


def block(scene: Scene, name: str = "train", *, epoch: int = 1, seconds: float = 4.0) -> None:
    scene.batch(loop_state(scene, name, epoch=epoch, seconds=seconds))


def responds(scene: Scene) -> None:
    scene.batch(frames.LoopState(responsive=True, at=frames.now_us()))


def executor(scene: Scene) -> Executor:
    return Executor.objects.get(pk=scene.executor_id)


def row(scene: Scene, name: str) -> ActionRow:
    action = scene.action(name)
    return get_rows([action.pk])[action.pk]


def blocks(scene: Scene) -> dict[str, str]:
    """What the rows say, by action."""
    found = {}
    for name in (ROOT, "train", "innocent", "plain"):
        if (mark := row(scene, name).block) is not None:
            found[name] = "blocks" if mark.is_own else f"held up by {mark.held_up_by}"
    return found


def test_the_executor_has_who_blocks_it_since_when_and_in_which_code(scene: Scene):
    block(scene)

    found = executor(scene)
    assert (found.state, found.blocked_by, found.blocked_in) == (
        Executor.State.BLOCKED,
        scene.action("train"),
        STACK,
    )
    assert found.blocked_since is not None
    assert 4.0 <= (timezone.now() - found.blocked_since).total_seconds() < 60


def test_rows_say_who_blocks_and_who_is_held_up(scene: Scene):
    block(scene)

    held_up = "held up by child (train)"
    assert blocks(scene) == {ROOT: held_up, "train": "blocks", "innocent": held_up}


def test_pages_hear_of_it_as_of_any_change(scene: Scene):
    before = {name: scene.action(name).changed_seq for name in (ROOT, "train", "innocent", "plain")}

    block(scene)
    seq = scene.action("train").changed_seq

    assert {name for name in before if scene.action(name).changed_seq > before[name]} == {
        ROOT,
        "train",
        "innocent",
    }
    responds(scene)
    assert scene.action("innocent").changed_seq > seq


def test_it_is_over_when_the_loop_responds(scene: Scene):
    block(scene)

    responds(scene)

    assert blocks(scene) == {}
    found = executor(scene)
    assert (found.state, found.blocked_by, found.blocked_since) == (Executor.State.CONNECTED, None, None)


def test_the_next_one_to_block_takes_its_place(scene: Scene):
    block(scene)

    block(scene, "innocent")

    assert blocks(scene)["innocent"] == "blocks"
    assert blocks(scene)["train"] == "held up by child (innocent)"


def test_what_belongs_to_no_action_holds_up_all(scene: Scene):
    scene.batch(frames.LoopState(responsive=False, at=frames.now_us()))

    assert set(blocks(scene).values()) == {"held up by code of no action"}


def test_an_older_lease_is_not_charged(scene: Scene):
    block(scene, epoch=7)

    assert executor(scene).blocked_by is None


def test_the_panel_says_what_an_abort_would_cost(scene: Scene):
    block(scene)

    panel = get_panel(scene.run.pk, "innocent")

    assert panel.block is not None
    assert (panel.block.stack, panel.block.neighbours) == (STACK, 3)
    assert get_panel(scene.run.pk, "plain").block is None


def test_law_13_an_abort_of_what_is_held_up_costs_the_others_nothing(scene: Scene):
    block(scene)
    scene.abort("innocent")
    step = int(Escalation.PROCESS)
    scene.batch(frames.Refusing(scene.key("innocent"), 1, frames.now_us(), step, STACK, 0))

    reason = executor(scene).end_reason
    assert reason == f"child (train) blocks its event loop, and innocent of run {scene.ref.name} is to stop"
    leases.end_executor(scene.executor_id, "killed by SIGKILL")

    assert scene.phase("innocent") is Phase.ABORTED
    assert {scene.phase(name) for name in (ROOT, "train", "plain")} == {Phase.QUEUED}
    assert {scene.action(name).system_failures for name in (ROOT, "train", "plain")} == {0}
    assert executor(scene).blocked_by is None


def refusing(scene: Scene, name: str, step: Escalation, *, is_held_up: bool) -> frames.Refusing:
    return frames.Refusing(scene.key(name), 1, frames.now_us(), int(step), STACK, 0, is_held_up)


def test_what_was_held_up_has_not_refused_to_stop(scene: Scene):
    block(scene)
    scene.abort("innocent")
    scene.abort("train")
    scene.batch(refusing(scene, "innocent", Escalation.PROCESS, is_held_up=True))
    assert row(scene, "innocent").status == "aborting"
    scene.batch(refusing(scene, "train", Escalation.PROCESS, is_held_up=False))
    leases.end_executor(scene.executor_id, "killed by SIGKILL")

    history = {
        name: list(
            ActionEvent.objects.filter(action=scene.action(name))
            .order_by("pk")
            .values_list("cause", flat=True)
        )
        for name in ("innocent", "train")
    }
    assert scene.phases()["innocent"] == scene.phases()["train"] == Phase.ABORTED
    assert history["innocent"][-2:] == [Cause.HELD_UP, Cause.HELD_UP]
    assert Cause.REFUSED not in history["innocent"]
    assert history["train"][-2:] == [Cause.REFUSED, Cause.REFUSED]


def test_an_executor_that_cannot_speak_says_it_of_neither(scene: Scene):
    """The backstop for a process that is silent knows it as well."""
    block(scene)
    scene.abort("innocent")
    long_ago = timezone.now() - timedelta(hours=1)
    Abort.objects.update(requested_at=long_ago)
    Executor.objects.update(reached_at=long_ago)

    overdue = escalation.find_overdue(timezone.now())
    escalation.stop_overdue(overdue)

    assert [one.is_held_up for one in overdue] == [True]
    assert row(scene, "innocent").status == "aborting"


def silence(scene: Scene) -> None:
    """As its worker reports it."""
    note_silence(scene.executor_id, loop_state(scene))


def ends_silence(scene: Scene) -> None:
    note_silence(scene.executor_id, frames.LoopState(responsive=True, at=frames.now_us()))


def overdue(scene: Scene, seconds: float) -> set[str]:
    """Whose executor is to be stopped so many seconds from now."""
    found = escalation.find_overdue(timezone.now() + timedelta(seconds=seconds))
    return {Action.objects.get(pk=one.action_id).name for one in found}


def test_what_a_worker_reports_of_a_silent_executor_is_shown_like_its_own_report(scene: Scene):
    silence(scene)

    found = executor(scene)
    assert (found.state, found.is_silent, found.blocked_in) == (Executor.State.BLOCKED, True, STACK)
    assert blocks(scene)["train"] == "blocks"
    assert Manner.objects.get().kind == Manner.Kind.BLOCKED

    ends_silence(scene)
    assert blocks(scene) == {}
    assert (executor(scene).state, executor(scene).is_silent) == (Executor.State.CONNECTED, False)


def test_what_an_executor_reports_itself_counts_more_than_that_its_silence_is_over(scene: Scene):
    silence(scene)
    block(scene, "innocent")

    ends_silence(scene)

    assert blocks(scene)["innocent"] == "blocks"


def test_a_silent_executor_that_answers_no_pings_is_not_out_of_reach(scene: Scene):
    silence(scene)
    Executor.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=5), unproved_since=None)
    assert not heartbeats.has_silent()

    leases.disconnect_executor(scene.executor_id, scene.epoch)
    assert executor(scene).state == Executor.State.BLOCKED
    assert executor(scene).disconnected_at is not None

    ends_silence(scene)
    assert executor(scene).state == Executor.State.DISCONNECTED
    leases.connect_executor(scene.hello(scene.executor_id, scene.epoch))
    assert (executor(scene).state, executor(scene).is_silent) == (Executor.State.CONNECTED, False)


def test_a_web_process_that_has_just_started_learns_of_a_silence_before_the_executor_comes_back(scene: Scene):
    scheduling.forget_connections()

    silence(scene)

    assert blocks(scene)["innocent"] == "held up by child (train)"
    assert executor(scene).state == Executor.State.BLOCKED


def test_law_13_what_shares_a_silent_process_stops_within_its_grace_period(scene: Scene):
    grace = settings.ABORT_GRACE_SECONDS
    silence(scene)
    scene.abort("innocent")
    scene.abort("train")

    assert overdue(scene, 0) == set()
    assert overdue(scene, grace - 3) == {"innocent"}
    assert overdue(scene, 2 * grace + 1) == {"innocent", "train"}

    escalation.stop_overdue(escalation.find_overdue(timezone.now() + timedelta(seconds=grace - 3)))
    assert executor(scene).state == Executor.State.STOPPING
    assert "child (train) blocks its event loop, and innocent" in executor(scene).end_reason


def test_force_on_what_shares_a_silent_process_waits_for_nothing(scene: Scene):
    silence(scene)

    request_abort(ActionRef(scene.ref, "innocent"), reason="", actor="ann", force=True)

    assert overdue(scene, 0) == {"innocent"}
