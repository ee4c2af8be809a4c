"""Feeds of pages that cost more to read than they change: the graph of a run, the table of calls, the page of a task."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from django.template.loader import render_to_string

from runs.live.feed import Feed, Send
from runs.queries.runs import RunHead, find_run_seq, get_run_by_id
from runs.queries.tasks.graph import get_graph
from runs.queries.tasks.task import get_task_page
from runs.queries.values.table_page import read_table_page
from runs.tree.render import partial

TIMES = 10.0  # a rest is so many times as long as it took to compose
MAX_REST_SECONDS = 5.0


class PacedFeed(Feed):
    """Reads at most once a second; less often where that takes long, so that one page never has more than a tenth of a processor."""

    least_rest = 1.0
    target: str  # the id of the element whose content a frame is

    def __init__(self, send: Send) -> None:
        super().__init__(send)
        self._html = ""

    def compose(self) -> str | None:
        is_new, begun = self.takes_hello(), time.monotonic()
        html = self.render(is_new=is_new)
        self.rest = min(max(self.least_rest, TIMES * (time.monotonic() - begun)), MAX_REST_SECONDS)
        if html is None or (html == self._html and not is_new):
            return None
        self._html = html
        return partial(self.target, html, "innerMorph")

    @abstractmethod
    def render(self, *, is_new: bool) -> str | None:
        """The content now; None when nothing has changed. is_new: the page has nothing of what was sent before. Raises NotFound."""


class _OfRun(PacedFeed):
    """Renders only when the run has changed, which one small statement says."""

    def __init__(self, run_id: int, send: Send) -> None:
        super().__init__(send)
        self._run_id = run_id
        self._head: RunHead | None = None
        self._seen: int | None = -1

    def render(self, *, is_new: bool) -> str | None:
        if self._head is None:
            self._head = get_run_by_id(self._run_id)
        seq = find_run_seq(self._run_id)
        if seq == self._seen and not is_new:
            return None
        self._seen = seq
        return self.content(self._head, is_new=is_new)

    @abstractmethod
    def content(self, head: RunHead, *, is_new: bool) -> str:
        """The same, once the run has changed."""


class GraphFeed(_OfRun):
    """The tasks of a run, each once."""

    name = "graph"
    target = "graph"

    def content(self, head: RunHead, *, is_new: bool) -> str:
        return render_to_string("runs/tasks/_graph.html", {"head": head, "graph": get_graph(head.id)})


class TableFeed(_OfRun):
    """The calls of a task side by side. Whatever they are sorted by, rows stay where they are until the page is opened again:
    what somebody is about to abort must not slide away.
    """

    name = "table"
    target = "calls"

    def __init__(self, run_id: int, query: Mapping[str, str], send: Send) -> None:
        super().__init__(run_id, send)
        self._query = query
        self._ids: tuple[int, ...] | None = None

    def content(self, head: RunHead, *, is_new: bool) -> str:
        page = read_table_page(head, self._query, ids=None if is_new else self._ids)
        if not self._ids or is_new:
            self._ids = page["siblings"].ids
        return render_to_string("runs/values/_siblings.html", page)


class TaskFeed(PacedFeed):
    """What the last actions of a task came to, and its versions. Roots hint; what other tasks call is seen by the poll."""

    name = "task"
    target = "task"

    def __init__(self, task: tuple[str, str, str], version: str, send: Send) -> None:
        super().__init__(send)
        self._task = task
        self._version = version

    def render(self, *, is_new: bool) -> str | None:
        project, domain, name = self._task
        page = get_task_page(project, domain, name, self._version)
        context: dict[str, Any] = {"page": page, "project": project, "domain": domain}
        return render_to_string("runs/tasks/_task.html", context)
