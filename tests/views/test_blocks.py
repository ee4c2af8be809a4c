"""What the pages say of a blocked event loop: rows, panel, executors."""

from __future__ import annotations

import pytest
from django.test import Client

from runs.domain.addresses.pages import run_path
from runs.protocol import frames
from tests.support.scene import Scene

pytestmark = pytest.mark.django_db(transaction=True)
STACK = 'File "train.py", line 7, in fit'


@pytest.fixture
def scene() -> Scene:
    """train blocks the loop that it shares with its parent and a neighbour."""
    made = Scene()
    made.start()
    made.grow("train", "innocent")
    now = frames.now_us()
    made.batch(
        frames.LoopState(
            responsive=False, at=now, stack=STACK, key=made.key("train"), epoch=1, since=now - 4_000_000
        )
    )
    return made


def get(path: str) -> str:
    answer = Client(headers={"HX-Request": "true"}).get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_row_of_the_culprit_says_so_and_the_others_by_whom_they_are_held_up(scene: Scene):
    html = Client().get(run_path(scene.ref)).content.decode()

    assert html.count("blocks its event loop, <span data-for=") == 1
    assert html.count("held up by child (train)</span>") == 2


@pytest.mark.parametrize(
    ("name", "heading"), [("train", "Blocks its event loop for"), ("innocent", "Held up for")]
)
def test_the_panel_has_the_stack_and_what_an_abort_would_cost(scene: Scene, name: str, heading: str):
    html = get(f"{run_path(scene.ref)}/actions/{name}")

    assert heading in html
    assert "line 7, in fit" in html
    assert "<b>2</b> other actions there are queued again, and that counts as no failure" in html


def test_the_page_of_the_executors_names_it(scene: Scene):
    assert f"child (train) of run {scene.ref.name} blocks its event loop" in get("/executors/")


def test_nothing_of_it_is_left_when_the_loop_responds(scene: Scene):
    scene.batch(frames.LoopState(responsive=True, at=frames.now_us()))

    assert 'id="block"' not in get(f"{run_path(scene.ref)}/actions/innocent")


def test_a_row_whose_code_has_ended_says_what_goes_on(scene: Scene):
    scene.batch(frames.LoopState(responsive=True, at=frames.now_us()))
    goes_on = frames.GoesOn(scene.key("train"), 1, frames.now_us(), "a thread in fit() goes on", STACK)
    scene.batch(goes_on)
    path = f"{run_path(scene.ref)}/actions/train"

    assert '<b>Ending</b><span class="why"><i>: </i>a thread in fit() goes on</span>' in get(
        run_path(scene.ref)
    )
    assert "Its code has ended, but a thread in fit() goes on." in get(path)
    assert "line 7, in fit" in get(path)

    scene.batch(scene.finished("train", "succeeded"))
    assert "Ending" not in get(run_path(scene.ref))
    assert "line 7, in fit" not in get(path)


def test_the_next_attempt_of_what_was_ending_runs(scene: Scene):
    scene.batch(frames.LoopState(responsive=True, at=frames.now_us()))
    scene.batch(frames.GoesOn(scene.key("train"), 1, frames.now_us(), "a thread in fit() goes on", STACK))
    scene.batch(scene.finished("train", "interrupted"))

    assert "goes on" not in get(run_path(scene.ref))
    assert scene.action("train").goes_on == ""
