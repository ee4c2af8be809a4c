"""The tries of actions, for their bars."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import islice

from django.db.models import F

from runs.models import Attempt
from runs.queries.rows import ActionRow
from runs.timeline import Try

MAX_TRIES = 5  # of one action, the newest: a row must stay short


def with_tries(rows: dict[int, ActionRow]) -> dict[int, ActionRow]:
    """The same rows, those that were queued again with their tries.

    One statement for each 900 of those; none when there are none, as nearly always.
    """
    again = iter([row.id for row in rows.values() if row.was_queued_again])
    tries: defaultdict[int, list[Try]] = defaultdict(list)
    while chunk := list(islice(again, 900)):
        newest = Attempt.objects.filter(
            action_id__in=chunk, lease_epoch__gt=F("action__lease_epoch") - MAX_TRIES
        ).order_by("lease_epoch")
        fields = ("action_id", "outcome", "leased_at", "started_at", "ended_at")
        for action_id, outcome, *times in newest.values_list(*fields):
            tries[action_id].append(Try(outcome, *times))
    return rows | {action_id: replace(rows[action_id], tries=tuple(tries[action_id])) for action_id in tries}
