"""What an executor is to be sent: cancels, children that have ended, and how much it may lease."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q

from runs.domain.phases import LIVE, TERMINAL
from runs.engine.leases import Offer, child_updates, get_offer
from runs.models import Action, Run
from runs.protocol import frames

_LIVE, _TERMINAL = sorted(LIVE), sorted(TERMINAL)
_ASKED = [
    "name", "lease_epoch", "forced_at",
    "abort__cause", "abort__actor", "abort__reason", "abort__target__name", "abort__requested_at",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed for an executor, and up to which seq of each run that is complete."""

    seqs: dict[int, int] = field(default_factory=dict)
    cancels: list[frames.Cancel] = field(default_factory=list)
    children: list[frames.ChildUpdate] = field(default_factory=list)


def get_changes(executor_id: UUID, seen: Mapping[int, int]) -> Changes:
    """Cancels and ended children since the given seq of each run.

    One statement for the runs, and three at most for each run that has changed.
    """
    changes = Changes()
    for run_id, seq in Run.objects.filter(pk__in=list(seen)).values_list("pk", "seq"):
        if seq <= seen[run_id]:
            continue
        changed = Action.objects.filter(run_id=run_id, changed_seq__gt=seen[run_id])
        asked = changed.filter(
            Q(delivered_at__isnull=True) | Q(forced_at__isnull=False),
            executor_id=executor_id, phase__in=_LIVE, abort__isnull=False,
        )  # fmt: skip
        for name, epoch, forced_at, cause, actor, reason, target, at in asked.order_by("pk").values_list(
            *_ASKED
        ):
            note = frames.AbortNote(cause, actor, reason, target, int(at.timestamp() * 1e6))
            is_forced = forced_at is not None
            changes.cancels.append(frames.Cancel(frames.Key(run_id, name), epoch, note, is_forced))
        ended = changed.filter(
            Q(parent__executor_id=executor_id, parent__phase__in=_LIVE), phase__in=_TERMINAL
        )
        changes.children.extend(child_updates(run_id, ended))
        changes.seqs[run_id] = seq
    return changes


def get_news(executor_id: UUID, seen: Mapping[int, int]) -> tuple[Changes, Offer]:
    """All that an executor's feed sends next, in one visit to the database.

    Nothing is offered when there are cancels: they must not wait for it, and the executor's report on them is the next hint.
    """
    changes = get_changes(executor_id, seen)
    return changes, Offer(0, is_draining=False) if changes.cancels else get_offer(executor_id)


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
