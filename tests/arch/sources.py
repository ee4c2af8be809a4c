"""Which files a rule reads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIPPED_FOLDERS = frozenset(
    {"__pycache__", "node_modules", "build", "dist", "staticfiles", "vendor", "test-results"}
)
PRODUCT = ("flyteui", "runs")
ADAPTERS = (
    "runs/views",
    "runs/sockets",
    "runs/api",
    "runs/admin",
    "runs/management",
    "runs/templatetags",
)


def python_files(*rooms: str, but: Iterable[str] = ()) -> Iterator[Path]:
    """Yield the files of rooms, each a package or a module written without `.py`, without migrations."""
    excluded = tuple(but)
    for room in rooms:
        folder = ROOT / room
        for path in (folder.with_suffix(".py"), *files_under(folder)):
            name = path.relative_to(ROOT).as_posix()
            wanted = path.suffix == ".py" and path.is_file() and "migrations" not in path.parts
            if wanted and not name.startswith(excluded):
                yield path


def files_under(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in SKIPPED_FOLDERS
        )
        yield from (Path(parent, name) for name in sorted(names))
