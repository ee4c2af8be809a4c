"""What `make bench` measured, as a file for each day, and what has changed since the last one that is kept in the repository.

`python -m benchmarks.results` prints the machine as it is now.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"
FILES = 1000
PACKAGES = ("flyte", "django", "channels", "daphne", "msgspec", "protobuf")


@dataclass(frozen=True)
class Line:
    """One row of the table. value: the figure that is compared with the last one."""

    what: str
    budget: str
    measured: str
    value: float | None = None


def machine() -> dict[str, Any]:
    """Where it was measured. disk: the file system of the server's home, and what a file costs there now, in microseconds."""
    cpu = Path("/proc/cpuinfo")
    models = (
        [line.partition(":")[2].strip() for line in cpu.read_text().splitlines() if "model name" in line]
        if cpu.exists()
        else []
    )
    return {
        "cores": os.cpu_count(), "cpu": models[0] if models else platform.processor(), "system": platform.platform(),
        "python": platform.python_version(), "sqlite": sqlite3.sqlite_version, "disk": file_system(tempfile.gettempdir()),
        "new_file_us": round(new_file_us(tempfile.gettempdir())),
        "packages": {name: version(name) for name in PACKAGES},
    }  # fmt: skip


def file_system(folder: str) -> str:
    """The kind of the file system there, such as ext4 or tmpfs; "" where nothing says it."""
    mounts = Path("/proc/mounts")
    lines = [line.split() for line in mounts.read_text().splitlines()] if mounts.exists() else []
    above = [(len(at), kind) for _, at, kind, *_ in lines if Path(folder).is_relative_to(at)]
    return max(above)[1] if above else ""


def new_file_us(where: str) -> float:
    """What a new folder with a small file in it takes, as an action's inputs are written: of a thousand, which are deleted again."""
    with tempfile.TemporaryDirectory(dir=where) as folder:
        begun = time.monotonic()
        for number in range(FILES):
            path = Path(folder, str(number))
            path.mkdir()
            (path / "inputs.pb").write_bytes(b"x" * 100)
        return (time.monotonic() - begun) / FILES * 1e6


def keep(lines: Sequence[Line]) -> Path:
    """Write today's file; it is in the repository once somebody commits it."""
    now = datetime.now(UTC)
    file = FOLDER / f"{now:%Y-%m-%d}.json"
    content = {
        "at": now.isoformat(timespec="seconds"),
        "machine": machine(),
        "lines": [asdict(line) for line in lines],
    }
    file.write_text(f"{json.dumps(content, indent=1, ensure_ascii=False)}\n")
    return file


def read_last() -> tuple[str, dict[str, float]]:
    """The day of the newest file, and its values by what they are of; ("", {}) without one."""
    files = sorted(FOLDER.glob("*.json"))
    if not files:
        return "", {}
    lines = json.loads(files[-1].read_text())["lines"]
    return files[-1].stem, {line["what"]: line["value"] for line in lines if line["value"] is not None}


def change(line: Line, last: dict[str, float]) -> str:
    """By how much it differs from the last one, "" where there is nothing to compare."""
    before = last.get(line.what)
    if line.value is None or not before:
        return ""
    return f"{(line.value / before - 1) * 100:+.0f} %"


def fallen(lines: Sequence[Line], last: dict[str, float], by: float) -> list[str]:
    """Which ratios are worse than the last time by more than that part: all else changes with the machine."""
    return [
        f"{line.what}: {line.measured}, the last time {before:.2f}"
        for line in lines
        if line.value is not None
        and "ratio" in line.what
        and (before := last.get(line.what))
        and line.value < before * (1 - by)
    ]


if __name__ == "__main__":
    print(json.dumps(machine(), indent=1, ensure_ascii=False))
