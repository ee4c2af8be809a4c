"""The sums of the minimap: how many actions of a run started and ended in which bucket, and how many ran at once at most, counted by the database."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db import connection

from runs.domain.phases import Phase
from runs.store.bulk import plain


class Span(NamedTuple):
    """Actions of one phase that started in the same bucket and ended in the same one; None: they did not (yet).

    start_ms and end_ms are sums, since the run began. A bucket may lie outside of the run: clocks disagree.
    """

    phase: Phase
    start: int | None
    end: int | None
    number: int
    start_ms: float | None
    end_ms: float | None


# Milliseconds since an instant (given once for each column), and the whole part of a number. SQLite's julianday is exact to 0.04 ms.
SINCE = {
    "sqlite": "(julianday({0}) - julianday(%s)) * 86400000",
    "postgresql": "CAST(extract(epoch FROM {0} - %s) * 1000 AS double precision)",
}
_WHOLE = {"sqlite": "CAST({0} AS integer)", "postgresql": "CAST(floor({0}) AS integer)"}
_SPANS = """
    SELECT phase, {start}, {end}, count(*), sum(started), sum(ended) FROM (
        SELECT phase, {started} AS started, {ended} AS ended FROM runs_action WHERE run_id = %s
    ) AS times GROUP BY 1, 2, 3
"""


def list_spans(run_id: int, *, origin: datetime, bucket_ms: float) -> list[Span]:
    """Every action of the run counts in one of them. One statement, which reads each of its rows once."""
    since, whole = SINCE[connection.vendor], _WHOLE[connection.vendor]
    sql = _SPANS.format(
        start=whole.format("started / %s"), end=whole.format("ended / %s"),
        started=since.format("started_at"), ended=since.format("ended_at"),
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(sql, [bucket_ms, bucket_ms, plain(origin), plain(origin), run_id])
        return [Span(Phase(phase), *rest) for phase, *rest in cursor.fetchall()]


# What ends when another one starts did not run beside it, so ends come first. The database does it all: 100,000 rows take 0.25 s,
# in which Python's other threads go on.
_MOST = """
    SELECT max(live) FROM (
        SELECT sum(step) OVER (ORDER BY at, step ROWS UNBOUNDED PRECEDING) AS live FROM (
            SELECT started_at AS at, 1 AS step FROM runs_action WHERE run_id = %s AND started_at IS NOT NULL
            UNION ALL
            SELECT CASE WHEN ended_at < started_at THEN started_at ELSE ended_at END, -1 FROM runs_action
            WHERE run_id = %s AND started_at IS NOT NULL AND ended_at IS NOT NULL
        ) AS steps
    ) AS moments
"""


def count_most_at_once(run_id: int) -> int:
    """How many actions of the run had started and not ended, at the moment when that were most. One statement, which reads each of its rows twice."""
    with connection.cursor() as cursor:
        cursor.execute(_MOST, [run_id, run_id])
        (most,) = cursor.fetchone()
    return most or 0
