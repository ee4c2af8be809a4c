"""What an executor is to be sent: cancels, children that have ended, and how much it may lease."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from runs.domain.phases import LIVE, TERMINAL
from runs.engine.leases import CHILD, Offer, child_updates, get_offer
from runs.models import Action, Run
from runs.protocol import frames
from runs.store.bulk import instant_of, plain, select

_LIVE, _TERMINAL = sorted(LIVE), sorted(TERMINAL)
# Read whenever a run changes: to make these texts from query sets took longer than the database takes for them.
_SEQS = "SELECT id, seq FROM runs_run WHERE id IN ({})"
_CHANGED = "one.phase IN ({}) AND one.run_id = %s AND one.changed_seq > %s"
_ASKED = (
    "SELECT one.name, one.lease_epoch, one.forced_at, "  # noqa: S608 -- our own words
    "abort.cause, abort.actor, abort.reason, target.name, abort.requested_at FROM runs_action one "
    "JOIN runs_abort abort ON abort.id = one.abort_id JOIN runs_action target ON target.id = abort.target_id "
    f"WHERE {_CHANGED} AND one.executor_id = %s AND (one.delivered_at IS NULL OR one.forced_at IS NOT NULL) ORDER BY one.id"
)
_ENDED = (
    f"SELECT {', '.join('parent.name' if column == 'parent__name' else f'one.{column}' for column in CHILD)} "  # noqa: S608
    f"FROM runs_action one JOIN runs_action parent ON parent.id = one.parent_id WHERE {_CHANGED} "
    f"AND parent.executor_id = %s AND parent.phase IN ({', '.join(str(int(phase)) for phase in _LIVE)})"
)


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
    for run_id, seq in select(_SEQS, list(seen)):
        if seq <= seen[run_id]:
            continue
        since = run_id, seen[run_id], plain(executor_id)
        for name, epoch, forced_at, cause, actor, reason, target, at in select(_ASKED, _LIVE, *since):
            asked_us = int(instant_of(at).timestamp() * 1e6)
            note = frames.AbortNote(cause, actor, reason, target, asked_us)
            is_forced = forced_at is not None
            changes.cancels.append(frames.Cancel(frames.Key(run_id, name), epoch, note, is_forced))
        changes.children.extend(child_updates(run_id, select(_ENDED, _TERMINAL, *since)))
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
