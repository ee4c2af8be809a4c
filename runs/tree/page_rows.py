"""The rows of a run's actions and groups that its pages showed lately, read when they are shown and kept until they change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from runs.domain.errors import NotFound
from runs.domain.status import STATUS_LABELS
from runs.queries.attempts import with_attempts
from runs.queries.rows import ActionRow, get_rows, told_apart
from runs.queries.runs import RunHead
from runs.queries.tree.groups import Times, list_group_times
from runs.queries.waits import with_reasons
from runs.tree.groups import GroupRow, Groups, name_of
from runs.tree.layout import Tree
from runs.tree.page import LIVE_STATUSES

KEPT_ROWS = 20_000  # of a run
_ASKED = frozenset({"aborting", "refusing", "timing-out"})


class PageRows:
    """Call it with the lock of its snapshot held."""

    def __init__(self, head: RunHead, groups: Groups) -> None:
        self._head = head
        self._groups = groups
        self._rows: dict[int, ActionRow] = {}
        self._times: dict[int, tuple[int, Times]] = {}  # of groups, and for which change

    def __getitem__(self, node: int) -> ActionRow:
        return self._rows[node]

    def drop(self, node: int) -> None:
        """It has changed."""
        self._rows.pop(node, None)

    def read(self, ids: Sequence[int]) -> None:
        """Read those of these actions that are not kept. A few statements when there are any. Raises NotFound."""
        missing = [one for one in ids if one not in self._rows]
        if not missing:
            return
        if len(self._rows) + len(missing) > KEPT_ROWS:
            self._rows.clear()
            missing = list(ids)
        read = get_rows(missing)
        if len(read) < len(missing):
            raise NotFound(f"run {self._head.ref} was deleted")
        self._rows.update(with_attempts(read))

    def told_apart(self, node: int) -> ActionRow:
        """The row of an action that was read together with its parent, with what tells it from its siblings."""
        return told_apart(self._rows[node], self._rows)

    def with_reasons(self, ids: Sequence[int], parents: Sequence[int]) -> dict[int, ActionRow]:
        """The rows of these actions, with what their parents know that tells them apart, and with the reasons why they wait.

        Those are read anew: they change without the action.
        """
        self.read(list(dict.fromkeys([*ids, *parents])))
        return with_reasons({one: self.told_apart(one) for one in ids})

    def groups(self, nodes: Sequence[int], tree: Tree, statuses: Mapping[int, str]) -> dict[int, GroupRow]:
        """The rows of these groups, whose parents were read. One statement where one has changed, else none."""
        stale = {
            node: self._groups.keys[node]
            for node in nodes
            if self._times.get(node, (None,))[0] != self._groups.seqs[node]
        }
        found = list_group_times(self._head.id, stale.values())
        for node, key in stale.items():
            self._times[node] = self._groups.seqs[node], found.get(key, Times(None, None))
        return {
            node: self._group(node, Counter(map(statuses.__getitem__, tree.children(node)))) for node in nodes
        }

    def _group(self, node: int, counts: Counter[str]) -> GroupRow:
        parent, label = self._groups.keys[node]
        return group_row(node, label, self._rows[parent].name, counts, self._times[node][1])


def group_row(node: int, label: str, parent: str, counts: Counter[str], times: Times) -> GroupRow:
    """The row of a group."""
    live = {status for status in counts if status in LIVE_STATUSES}
    return GroupRow(
        name_of(node), label, parent, tuple((one, counts[one]) for one in STATUS_LABELS if counts[one]),
        began_at=times.began, ended_at=None if live else times.ended, can_abort=bool(live - _ASKED),
    )  # fmt: skip
