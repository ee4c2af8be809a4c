"""What each action of a demonstration does: how long it takes, how it ends, for what it waits. Pure.

The same numbers and the same seed give the same scripts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from runs.domain.names import ROOT

MAX_ACTIONS = 200_000
CHILDREN = 20  # of each branch, when only the number of actions is given
ROUND = 25  # branches in one group, where there are more
TASKS = ("main", "train", "epoch", "step", "shard")  # by level; deeper levels repeat the last
REASON = "the loss does not fall"
CONDITION = "approve"
PROMPT = "The loss has fallen to 0.31. Keep this checkpoint?"
ERRORS = (
    (
        "ValueError",
        'Traceback (most recent call last):\n  File "/app/train.py", line 88, in step\n    loss = check(criterion(out, y))\n'
        '  File "/app/train.py", line 41, in check\n    raise ValueError(f"loss is NaN after {n} steps")\n'
        "ValueError: loss is NaN after 120 steps",
    ),
    (
        "ConnectionResetError",
        'Traceback (most recent call last):\n  File "/app/shards.py", line 23, in read\n    block = await body.read(1 << 20)\n'
        "ConnectionResetError: [Errno 104] Connection reset by peer: s3://corpus/shard-00017.parquet",
    ),
    (
        "KeyError",
        'Traceback (most recent call last):\n  File "/app/shards.py", line 57, in rows\n    yield row["text"], row["label"]\n'
        "KeyError: 'label'",
    ),
    (
        "OutOfMemoryError",
        'Traceback (most recent call last):\n  File "/app/train.py", line 91, in step\n    loss.backward()\n'
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.10 GiB; 1.37 GiB of 23.65 GiB are free",
    ),
)


@dataclass(frozen=True, slots=True)
class ScriptedAttempt:
    """One attempt. seconds: of work beside waiting for children; error: (code, message), or None when it succeeds."""

    seconds: float
    error: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """An action. waits: whether it waits for its children before it ends; else it leaves them behind.

    prompt: of a condition, which must be answered with yes or no; it has no attempts. cache_key: of a call whose outputs
    are kept.
    """

    name: str
    parent: str | None
    task: str
    group: str
    attempts: tuple[ScriptedAttempt, ...]
    children: tuple[str, ...] = ()
    waits: bool = True
    aborted_after: float | None = None  # seconds after its start, when somebody aborts it
    prompt: str = ""
    cache_key: str = ""


def widths_for(actions: int) -> tuple[int, ...]:
    """The shape of a run of about so many actions: branches under the root, leaves under each."""
    return (max(1, round((actions - 1) / (CHILDREN + 1))), CHILDREN)


def parse_shape(text: str) -> tuple[int, ...]:
    """`30x10x4`: 30 children of the root, 10 of each of them, 4 of each of those. Raises ValueError."""
    try:
        widths = tuple(int(part) for part in text.split("x"))
    except ValueError:
        widths = ()
    if not widths or min(widths) < 1:
        raise ValueError(f"the shape {text!r} must be numbers from 1 on with x between them, like 30x10x4")
    if count(widths) > MAX_ACTIONS:
        raise ValueError(
            f"the shape {text!r} has {count(widths):,} actions, at most {MAX_ACTIONS:,} are made"
        )
    return widths


def count(widths: Sequence[int]) -> int:
    """How many actions a shape has, the root included."""
    total = level = 1
    for width in widths:
        level *= width
        total += level
    return total


def write_scripts(widths: Sequence[int], *, seed: int = 0) -> dict[str, Script]:
    """The scripts by name, parents before their children."""
    rng = random.Random(seed)  # noqa: S311 -- something to look at
    scripts = {script.name: script for script in _branch(ROOT, None, 0, 0, tuple(widths), rng)}
    _ask_once(scripts)
    return scripts


def _ask_once(scripts: dict[str, Script]) -> None:
    """Make a condition of the last leaf of the first branch, where that has others."""
    for script in scripts.values():
        last = script.children[-1] if len(script.children) > 1 else None
        if last and not scripts[last].children:
            scripts[last] = replace(scripts[last], task=CONDITION, attempts=(), prompt=PROMPT)
            return


def _branch(
    name: str, parent: str | None, place: int, level: int, widths: tuple[int, ...], rng: random.Random
) -> Iterator[Script]:
    task = TASKS[min(level, len(TASKS) - 1)]
    group = f"round-{place // ROUND + 1}" if level == 1 and widths[0] > ROUND else ""
    if level == len(widths):
        yield Script(name, parent, task, group, _attempts(rng))
        return
    stem = "" if name == ROOT else f"{name}."
    children = tuple(f"{stem}{task[0]}{number}" for number in range(widths[level]))
    chance = rng.random() if level else 1.0
    yield Script(
        name, parent, task, group, children=children, waits=chance > 0.02,
        attempts=(ScriptedAttempt(0.4 if chance <= 0.02 else 0.05, ERRORS[0] if chance <= 0.02 else None),),
        aborted_after=rng.uniform(0.2, 2.0) if 0.02 < chance < 0.08 else None,
    )  # fmt: skip
    for number, child in enumerate(children):
        yield from _branch(child, name, number, level + 1, widths, rng)


def _attempts(rng: random.Random) -> tuple[ScriptedAttempt, ...]:
    """The attempts of a leaf: most succeed, some at the second attempt, a few never."""
    seconds = min(rng.lognormvariate(-0.4, 0.7), 12.0)
    chance = rng.random()
    if chance < 0.015:
        return (ScriptedAttempt(seconds, rng.choice(ERRORS)),)
    if chance < 0.04:
        return (ScriptedAttempt(seconds / 2, rng.choice(ERRORS)), ScriptedAttempt(seconds))
    return (ScriptedAttempt(seconds),)
