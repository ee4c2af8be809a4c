"""A run as a graph of its tasks: one aggregate over its actions, however many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from runs.domain.phases import Phase
from runs.domain.tasks.graph import Calls, TaskNode, fold
from runs.domain.timeline import format_duration
from runs.queries.run_list import Bar, make_bar

MAX_NODES = 300
MAX_GROUPS = 5_000  # of caller, task and phase; the largest ones

# Along the index of the run; each parent is one step in the primary key, and most of them are at hand.
_CALLS = """
    SELECT p.kind, p.task_name, a.kind, a.task_name, MAX(a.short_name), a.phase, COUNT(*) AS number, SUM({took}), MAX({took})
    FROM runs_action a LEFT JOIN runs_action p ON p.id = a.parent_id
    WHERE a.run_id = %s
    GROUP BY p.kind, p.task_name, a.kind, a.task_name, a.phase
    ORDER BY number DESC LIMIT %s
"""
_TOOK = {
    "sqlite": "(JULIANDAY(a.ended_at) - JULIANDAY(a.started_at)) * 86400000.0",
    "postgresql": "EXTRACT(EPOCH FROM a.ended_at - a.started_at) * 1000.0",
}


@dataclass(frozen=True, slots=True)
class DrawnTask:
    """A task of the graph with its words. total, longest: "" when none of its actions has ended."""

    node: TaskNode
    bar: Bar
    total: str
    longest: str

    @property
    def anchor(self) -> str:
        return anchor_of(self.node.key)

    @property
    def callers(self) -> list[tuple[str, str, int]]:
        """Anchor, label and number of calls of what else calls it."""
        return [(anchor_of(one.key), one.label, one.number) for one in self.node.others]


@dataclass(frozen=True, slots=True)
class RunGraph:
    """tasks: in the order in which they are drawn; more: how many are left out."""

    tasks: tuple[DrawnTask, ...]
    actions: int
    more: int


def anchor_of(key: tuple[int, str]) -> str:
    """The id of a task in the page."""
    return f"task-{key[0]}-{key[1]}"


def get_graph(run_id: int) -> RunGraph:
    """One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_CALLS.format(took=_TOOK[connection.vendor]), [run_id, MAX_GROUPS])
        calls = [_calls(*row) for row in cursor.fetchall()]
    nodes, more = fold(calls, MAX_NODES)
    return RunGraph(tuple(map(_drawn, nodes)), sum(one.number for one in calls), more)


def _calls(*row: Any) -> Calls:
    parent_kind, parent, kind, name, label, phase, number, total, longest = row
    caller = None if parent_kind is None else (parent_kind, parent)
    label = label or name.rpartition(".")[2] or name
    return Calls(caller, (kind, name), label, Phase(phase), number, round(total or 0), round(longest or 0))


def _drawn(node: TaskNode) -> DrawnTask:
    has_ended = bool(node.longest_ms)
    return DrawnTask(
        node,
        make_bar(node.phases),
        format_duration(node.total_ms) if has_ended else "",
        format_duration(node.longest_ms) if has_ended else "",
    )
