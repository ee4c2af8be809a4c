"""Groups as rows: nodes of the tree between an action and those of its children to which its code gave one name. Pure.

The id of such a node is minus that of its first member, in whose place it comes; so any process gives it the same one. Its name
begins with ~, as that of no action does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from runs.domain.status import STATUS_LABELS
from runs.queries.rows import Node

_MARK = "~"
_DIGITS = 18
Key = tuple[int, str]  # the id of the parent, and what the code called the group


def name_of(group: int) -> str:
    """The name of a group's row, in pages and messages."""
    return f"{_MARK}{-group}"


def read_name(name: str) -> int | None:
    """The id of the group with this name; None when it is none's."""
    digits = name[1:]
    is_group = name[:1] == _MARK and digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS
    return -int(digits) if is_group else None


class Groups:
    """Those of a run. keys: of each; seqs: the number of the last change of a member."""

    def __init__(self) -> None:
        self.keys: dict[int, Key] = {}
        self.seqs: dict[int, int] = {}
        self._ids: dict[Key, int] = {}

    def place(self, node: Node) -> int | None:
        """What is above the node in the tree: its group, or its parent."""
        if not node.group or node.parent_id is None:
            return node.parent_id
        key = node.parent_id, node.group
        if (group := self._ids.get(key)) is None:
            group = self._ids[key] = -node.id
            self.keys[group] = key
        self.seqs[group] = max(node.changed_seq, self.seqs.get(group, -1))
        return group

    def nodes(self, nodes: Iterable[Node]) -> Iterator[tuple[int, int | None]]:
        """The nodes of the tree, with what is above them: a group before its first member."""
        for node in nodes:
            above = self.place(node)
            if above == -node.id:
                yield above, node.parent_id
            yield node.id, above


@dataclass(frozen=True, slots=True)
class GroupRow:
    """What the row of a group is made of: context of runs/tree/_group_row.html. Equal rows have equal HTML.

    parent: the name of the action whose children they are; counts: how many of its members have which display status, in the
    order of the summary; began_at: when the first started; ended_at: when the last ended, None while one goes on.
    """

    name: str
    label: str
    parent: str
    counts: tuple[tuple[str, int], ...]
    began_at: datetime | None
    ended_at: datetime | None
    can_abort: bool

    @property
    def status(self) -> str:
        """The first in the order of the summary: what needs attention."""
        return self.counts[0][0]

    @property
    def total(self) -> int:
        return sum(number for _, number in self.counts)

    @property
    def said(self) -> list[tuple[str, int, str]]:
        """Status, number and words of each count."""
        return [(status, number, STATUS_LABELS[status].lower()) for status, number in self.counts]
