"""Tasks whose outputs say what they were given, for runs that are started again with something else."""

import enum
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import flyte
from flyte.io import File
from pydantic import BaseModel

env = flyte.TaskEnvironment(name="reruns")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Model:
    depth: int
    rate: float = 0.5
    tags: list[str] = field(default_factory=list)


class Data(BaseModel):
    path: str
    rows: int | None = None
    is_shuffled: bool = False


@env.task
async def square(n: int) -> int:
    return n * n


@env.task
async def main(n: int, limit: int = 100, name: str = "it") -> str:
    """Fail above a limit: as what an input that was too large does."""
    squared = await square(n)
    if squared > limit:
        raise ValueError(f"{squared} is above {limit}")
    return f"{name}: {squared}, {os.environ.get('MODE', 'no mode')}"


@env.task
async def everything(
    text: str,
    count: int,
    share: float,
    is_on: bool,
    colour: Colour,
    at: datetime,
    least: timedelta,
    maybe: int | None,
    either: int | str,
    model: Model,
    data: Data,
    names: list[str],
    weights: dict[str, float],
    source: File,
) -> str:
    """All kinds of inputs that a form knows."""
    given = [
        text, count, share, is_on, colour, at.isoformat(), least.total_seconds(), maybe, either, model, data, names,
        weights, source.path,
    ]  # fmt: skip
    return "\n".join(repr(one) for one in given)


@env.task
async def give_everything() -> str:
    return await everything(
        text="one\ntwo",
        count=3,
        share=0.25,
        is_on=False,
        colour=Colour.RED,
        at=datetime.fromisoformat("2026-01-31T10:00:00+00:00"),
        least=timedelta(minutes=90),
        maybe=None,
        either="x",
        model=Model(depth=2, tags=["a"]),
        data=Data(path="here"),
        names=["ann", "bob"],
        weights={"a": 0.5},
        source=File(path="s3://bucket/file.csv"),
    )
