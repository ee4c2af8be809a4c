"""What actions have printed last, for the rows of a run: the end of the newest chunk of each log, never a whole log."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from django.db import connection

from runs.domain.logs.terminal import plain
from runs.store.bulk import chunks

TAIL_BYTES = 4096  # of a chunk; a line that does not fit is not shown
MAX_SHOWN = 160  # characters: more than a cell has room for

# A line in a chunk, which is a list of them in JSON. No text can look like one, because its quotes are escaped.
_LINE = re.compile(r'\[\d+,\s*"(\w+)",\s*"((?:[^"\\]|\\.)*)"\]')
# The newest chunk comes from the end of the index log_order, the end of its bytes from the row.
_TAILS = f"""
    SELECT a.id, substr(c.lines, CASE WHEN length(c.lines) > {TAIL_BYTES} THEN length(c.lines) - {TAIL_BYTES - 1} ELSE 1 END)
    FROM runs_action a JOIN runs_logchunk c ON c.id = (
        SELECT max(l.id) FROM runs_logchunk l WHERE l.action_id = a.id AND l.attempt = a.attempt
    )
    WHERE a.id IN (%s)
"""  # noqa: S608 -- of constants


def read_last_lines(ids: Collection[int]) -> dict[int, str]:
    """The last line that is not blank of each of these actions, as one reads it; without those that have none. One statement for each 900."""
    found: dict[int, str] = {}
    for some in chunks(list(ids)):
        with connection.cursor() as cursor:
            cursor.execute(_TAILS % ", ".join(["%s"] * len(some)), some)
            for action, tail in cursor.fetchall():
                if line := last_line(bytes(tail)):
                    found[action] = line
    return found


def last_line(tail: bytes) -> str:
    """The last line that is not blank in the end of a chunk; "" without one. What flyteui itself notes is none."""
    for stream, text in reversed(_LINE.findall(tail.decode(errors="replace"))):
        if stream == "system":
            continue
        line = " ".join(plain(json.loads(f'"{text}"')).split())
        if line:
            return line if len(line) <= MAX_SHOWN else f"{line[: MAX_SHOWN - 1]}…"
    return ""
