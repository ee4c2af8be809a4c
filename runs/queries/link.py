"""Reads for the executor link: what has changed that an executor must hear of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q

from runs.executor import frames
from runs.leases import Offer, abort_note, child_updates, get_offer
from runs.models import Abort, Action, Run
from runs.phases import LIVE, TERMINAL

_LIVE, _TERMINAL = sorted(LIVE), sorted(TERMINAL)


@dataclass(frozen=True, slots=True)
class Changes:
    """What an executor must hear of, and up to which seq of each run that is complete."""

    seqs: dict[int, int] = field(default_factory=dict)
    cancels: list[frames.Cancel] = field(default_factory=list)
    children: list[frames.ChildUpdate] = field(default_factory=list)


def get_changes(executor_id: UUID, seen: Mapping[int, int]) -> Changes:
    """Cancels and ended children since the given seq of each run.

    One statement for the runs, two for each run that has changed, and one for each abort in it that is news.
    """
    changes = Changes()
    for run_id, seq in Run.objects.filter(pk__in=list(seen)).values_list("pk", "seq"):
        if seq <= seen[run_id]:
            continue
        changed = Action.objects.filter(run_id=run_id, changed_seq__gt=seen[run_id])
        asked = changed.filter(
            executor_id=executor_id, phase__in=_LIVE, abort__isnull=False, delivered_at__isnull=True
        )
        notes: dict[int, frames.AbortNote] = {}
        for name, epoch, abort_id in asked.order_by("pk").values_list("name", "lease_epoch", "abort_id"):
            assert abort_id is not None
            if abort_id not in notes:
                notes[abort_id] = abort_note(Abort.objects.select_related("target").get(pk=abort_id))
            changes.cancels.append(frames.Cancel(frames.Key(run_id, name), epoch, notes[abort_id]))
        ended = changed.filter(
            Q(parent__executor_id=executor_id, parent__phase__in=_LIVE), phase__in=_TERMINAL
        )
        changes.children.extend(child_updates(run_id, ended))
        changes.seqs[run_id] = seq
    return changes


def get_news(executor_id: UUID, seen: Mapping[int, int]) -> tuple[Changes, Offer]:
    """All that an executor's feed looks for, in one visit to the database."""
    return get_changes(executor_id, seen), get_offer(executor_id)


def list_runs_held(executor_id: UUID) -> list[int]:
    """The runs in which an executor holds actions. One statement."""
    held = Action.objects.filter(executor_id=executor_id, phase__in=_LIVE)
    return list(held.order_by("run_id").values_list("run_id", flat=True).distinct())


def get_run_infos(run_ids: Iterable[int]) -> list[frames.RunInfo]:
    """What all actions of each run share. One statement."""
    return [
        frames.RunInfo(
            run=run.pk, org=run.org, project=run.project.name, domain=run.domain, name=run.name,
            base_uri=run.base_uri, raw_data_prefix=run.raw_data_prefix,
            started_from=run.started_from.isoformat().replace("+00:00", "Z"),
        )
        for run in Run.objects.filter(pk__in=list(run_ids)).select_related("project")
    ]  # fmt: skip
