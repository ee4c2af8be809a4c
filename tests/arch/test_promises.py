"""docs/tests.md names tests that exist: a promise whose test went away must not look kept."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(test_\w+)?(?:::(test_\w+?)_?(…)?)?`")


def named() -> list[tuple[str, str, bool]]:
    """File, function or "", and whether it is only the beginning of its name. `::test_…` is of the file named before it."""
    found, file = [], ""
    for line in (ROOT / "docs/tests.md").read_text().splitlines():
        for match in NAMED.finditer(line):
            file = match[1] or file
            found.append((file, match[2] or "", bool(match[3])))
    return found


def test_each_test_that_the_map_of_promises_names_exists():
    missing = []
    for file, function, is_beginning in named():
        path = next((ROOT / "tests/e2e").rglob(f"{file}.py"), None)
        source = path.read_text() if path else ""
        wanted = f"\ndef {function}{'' if is_beginning else '('}" if function else ""
        if not source or wanted not in source:
            missing.append(f"{file}::{function}")
    assert len(named()) > 60
    assert missing == []
