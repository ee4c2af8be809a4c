"""Values that no column holds: the event is refused or applied without them, and its batch is acknowledged, not sent for ever."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.domain.failures import Failure
from runs.domain.names import ROOT
from runs.domain.phases import Phase
from runs.models import Action, Executor
from runs.protocol import frames
from tests.support.fuzz import links
from tests.support.scene import Scene

FAR = 2**63 - 1  # microseconds: no calendar has that year


@pytest.fixture
def scene(db: None) -> Scene:
    made = Scene()
    made.start()
    made.grow("child")
    return made


def phase(name: str) -> Phase:
    return Phase(Action.objects.get(name=name).phase)


@pytest.mark.parametrize(
    "values",
    [{"at": FAR}, {"at": -FAR}, {"peak_memory_bytes": 2**64 - 1}, {"peak_memory_bytes": -1},
     {"failure": Failure("E", "no"), "cpu_seconds": 1e308, "peak_memory_bytes": 2**63}],
)  # fmt: skip
def test_an_end_is_an_end_whatever_is_said_with_it(scene: Scene, values: dict[str, object]):
    event = scene.finished("child", "failed" if "failure" in values else "succeeded")
    for name, value in values.items():
        setattr(event, name, value)

    scene.batch(event)

    assert phase("child").is_terminal
    assert Executor.objects.get().acked_seq == scene.seq


def test_the_other_events_of_a_batch_are_applied(scene: Scene):
    strange = frames.Started(frames.Key(2**63, ROOT), 1, FAR)
    blocked = frames.LoopState(responsive=False, at=FAR, since=-FAR, stack="x")

    results = scene.batch(
        strange, blocked, scene.enqueue("second"), frames.Refusing(scene.key("child"), 1, FAR, 99, "", FAR),
        scene.finished("child"),
    )  # fmt: skip

    assert [(result.index, result.code) for result in results] == [(2, "ok")]
    assert phase("child") is Phase.SUCCEEDED


def test_an_action_that_cannot_be_stored_is_refused_to_its_parent(scene: Scene):
    enqueue = scene.enqueue("second")
    enqueue.run = 2**63

    (result,) = scene.batch(enqueue)

    assert result.code in {"invalid_argument", "not_found"}
    assert not Action.objects.filter(name="second").exists()


@settings(max_examples=60, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
@given(data=st.data())
def test_whatever_an_executor_says_its_batch_is_acknowledged(scene: Scene, data: st.DataObject):
    scene.batch(*data.draw(links.events(["a0", "child", "out", "succeeded", "failed"], scene.run.pk)))

    assert Executor.objects.get().acked_seq == scene.seq
