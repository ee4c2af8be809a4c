"""Values of every kind, and trials that differ in one input: what pages of values, of siblings and of comparisons show."""

import base64
import enum
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import flyte
import flyte.report
from flyte.io import DataFrame, Dir, File
from pydantic import BaseModel

env = flyte.TaskEnvironment(name="values")

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAHUlEQVR4nGP8z8DAwMDAxAADCBYjI8N/BgYGBkYGBgAjKQMBQyXfDwAAAABJRU5ErkJggg=="
)


class Optimizer(enum.Enum):
    ADAM = "adam"
    SGD = "sgd"


@dataclass
class Layer:
    width: int
    names: list[str]


@dataclass
class Config:
    lr: float
    layers: list[Layer]
    seeds: dict[str, int] = field(default_factory=dict)
    notes: File | None = None


class Summary(BaseModel):
    best: float
    optimizer: Optimizer = Optimizer.ADAM


@env.task
async def everything(
    config: Config,
    optimizer: Optimizer,
    since: datetime,
    within: timedelta,
    title: str | None,
    ids: list[int],
    weights: dict[str, float],
) -> tuple[Summary, File, File, Dir, DataFrame]:
    folder = Path(tempfile.mkdtemp())
    (folder / "model").mkdir()
    (folder / "model" / "card.json").write_text('{"name": "small", "layers": [1, 2]}')
    (folder / "model" / "weights.bin").write_bytes(bytes(range(256)))
    (folder / "plot.png").write_bytes(PNG)
    (folder / "losses.csv").write_text(
        "epoch,loss,note\n" + "".join(f"{at},{1 / (at + 1):.4f},<b>{at}\n" for at in range(12))
    )
    (folder / "table").mkdir()
    (folder / "table" / "data.csv").write_text("id,name\n1,one\n2,two\n")
    table = await Dir.from_local(folder / "table")
    return (
        Summary(best=config.lr),
        await File.from_local(folder / "plot.png"),
        await File.from_local(folder / "losses.csv"),
        await Dir.from_local(folder / "model"),
        DataFrame.from_existing_remote(table.path, format="csv"),
    )


@env.task(report=True)
async def trial(number: int, lr: float) -> tuple[float, str]:
    await flyte.report.replace.aio(f"<h1>Trial {number}</h1>")
    await flyte.report.flush.aio()
    return 1 - (lr - 0.03) ** 2, "good" if number % 2 else "bad"


@env.task
async def main(trials: int = 3, factor: float = 0.01) -> float:
    path = Path(tempfile.mkdtemp()) / "notes.txt"
    path.write_text("as it was\n")
    config = Config(0.1, [Layer(8, ["in"]), Layer(2, ["out"])], {"torch": 7}, await File.from_local(path))
    await everything(
        config,
        Optimizer.SGD,
        datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        timedelta(minutes=90),
        None,
        [3, 1, 2],
        {"a": 0.5},
    )
    scores = [(await trial(number, number * factor))[0] for number in range(trials)]
    return max(scores)
