"""Random frames of executors and workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from hypothesis import strategies as st

from runs.protocol import frames, worker_frames
from tests.support.fuzz.structs import Strategies, of_type
from tests.support.fuzz.values import damaged, numbers, texts

# Of what msgpack can hold.
INTEGERS = st.one_of(st.integers(0, 3), numbers(-(2**63), 2**64 - 1))


def leaves(known: list[str], run_id: int) -> Strategies:
    """Texts, numbers and keys of which some are there."""
    runs = st.one_of(st.just(run_id), st.just(run_id), INTEGERS)
    names = st.one_of(st.just("a0"), texts(known))
    return {str: texts(known), int: INTEGERS, frames.Key: st.builds(frames.Key, runs, names)}


def events(known: list[str], run_id: int) -> st.SearchStrategy[list[frames.Event]]:
    return st.lists(of_type(frames.Event, leaves(known, run_id)), max_size=5)


@dataclass(frozen=True)
class Conversation:
    """What is said at a path. steps: by how much the number of a batch is beyond the last that was acknowledged."""

    path: str
    greeting: object | None  # None: one that is welcome
    said: list[object]
    steps: int = 0
    damage: bytes | None = None  # the last frame instead of what it would be

    def frames(self, hello: frames.Hello, acked: int) -> list[bytes]:
        """hello: one that is welcome."""
        said = [hello if self.greeting is None else self.greeting, *self.said]
        for one in said:
            if isinstance(one, frames.Batch):
                one.seq = acked + self.steps
        data = [frames.encode(one) for one in said]
        return data if self.damage is None else [*data[:-1], self.damage]


@st.composite
def conversations(draw: st.DrawFn, known: list[str], run_id: int) -> Conversation:
    some = leaves(known, run_id)
    if draw(st.integers(0, 3)) == 0:
        greeting = draw(
            st.one_of(
                st.just(worker_frames.WorkerHello("w", "h", 1)), of_type(worker_frames.WorkerHello, some)
            )
        )
        kinds = [kind for kind in get_args(worker_frames.FromWorker) if kind is not worker_frames.WorkerHello]
        said = [draw(of_type(draw(st.sampled_from(kinds)), some)) for _ in range(2)]
        return Conversation("/ws/worker/", greeting, said, damage=draw(_damage(said[-1])))
    greeting = draw(st.one_of(*[st.none()] * 4, of_type(frames.Hello, some)))
    batch = frames.Batch(0, draw(events(known, run_id)))
    steps = draw(st.sampled_from([1] * 6 + [0, 9, 2**62, -2]))
    return Conversation("/ws/executor/", greeting, [batch], steps, draw(_damage(batch)))


def _damage(whole: object) -> st.SearchStrategy[bytes | None]:
    return st.one_of(*[st.none()] * 4, damaged(frames.encode(whole)))
