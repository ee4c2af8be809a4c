"""Reads the marks that the user code of flows.py leaves."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mark:
    """what: start | stop | doubled. at: seconds of the machine's monotonic clock, the same in all processes."""

    what: str
    run: str
    action: str
    pid: int
    at: float


def read_marks(folder: Path) -> list[Mark]:
    """All marks, in the order in which they were written."""
    file = folder / "marks.jsonl"
    if not file.exists():
        return []
    return [Mark(**json.loads(line)) for line in file.read_text().splitlines()]


def doubled(marks: list[Mark]) -> list[Mark]:
    """Starts that found the action running already."""
    return [mark for mark in marks if mark.what == "doubled"]


def starts(marks: list[Mark], run: str) -> Counter[str]:
    """How often the code of each action of a run began."""
    return Counter(mark.action for mark in marks if mark.run == run and mark.what == "start")


def let_end(folder: Path) -> None:
    """Let the actions of fan_out() end that wait for it."""
    (folder / "may-end").touch()
