"""What the page of the table of siblings shows, from the query of its address: the same for the first paint and for its frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from runs.domain.names import ROOT
from runs.domain.values.grids import read_order
from runs.queries.runs import RunHead
from runs.queries.values.siblings import MOST, MOST_PICKED, Wanted, fixed_headers, list_siblings

MAX_DIGITS = 6
MAX_TEXT = 300


def read_table_page(
    head: RunHead, query: Mapping[str, str], *, ids: Sequence[int] | None = None
) -> dict[str, Any]:
    """Context of runs/values/_siblings.html. ids: see list_siblings. Four statements. Raises NotFound."""
    order = read_order(query.get("sort", ""))
    found = list_siblings(head.id, read_wanted(query), order, _page(query), ids=ids)
    asked = {"parent": found.wanted.parent, "task": found.task}
    asked |= {"group": found.wanted.group} if found.wanted.group else {}
    hidden = asked | ({"sort": order.text} if order.key else {})
    asked |= {"q": found.wanted.text} if found.wanted.text else {}
    sorted_query = urlencode(asked | ({"sort": order.text} if order.key else {}))
    return {
        "head": head,
        "siblings": found,
        "fixed": fixed_headers(order),
        "order": order,
        "most": MOST,
        "most_picked": MOST_PICKED,
        "hidden": hidden,
        "query": urlencode(asked),
        "clear_query": urlencode(hidden),
        "sorted_query": sorted_query,
    }


def read_wanted(query: Mapping[str, str]) -> Wanted:
    text = query.get("q", "").strip()[:MAX_TEXT]
    return Wanted(query.get("parent") or ROOT, query.get("task", ""), query.get("group", ""), text)


def _page(query: Mapping[str, str]) -> int:
    """The first one for what is no number."""
    text = query.get("page", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else 1
