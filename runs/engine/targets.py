"""What a request means: which actions of a run a selection has, as ids, and what became of a run that is not there."""

from __future__ import annotations

from django.db.models import Q

from runs.domain.errors import NotFound
from runs.domain.names import RunRef
from runs.domain.selections import Selection
from runs.models import Action, Deletion
from runs.store.bulk import chunks


def list_selected(run_id: int, selection: Selection) -> dict[str, int]:
    """The ids of what is selected, by name. A phase or a group never selects the root. One statement for each 900 names."""
    if selection.names:
        return _list_named(run_id, list(selection.names))
    if selection.beside:
        return _list_beside(run_id, selection.beside)
    wanted = Q(group=selection.group) if selection.phase is None else Q(phase=selection.phase)
    if selection.under:
        wanted &= Q(parent__name=selection.under)
    below_root = Action.objects.filter(run_id=run_id, parent_id__isnull=False)
    return dict(below_root.filter(wanted).values_list("name", "pk"))


def _list_named(run_id: int, names: list[str]) -> dict[str, int]:
    ids: dict[str, int] = {}
    for chunk in chunks(names):
        ids.update(Action.objects.filter(run_id=run_id, name__in=chunk).values_list("name", "pk"))
    return ids


def _list_beside(run_id: int, name: str) -> dict[str, int]:
    """The ids of the other actions with the parent of this one, which must be there. Two statements."""
    one = Action.objects.filter(run_id=run_id, name=name).values_list("pk", "parent_id").first()
    if one is None:
        raise NotFound(f"the run has no action {name!r}")
    own, parent = one
    beside = Action.objects.filter(run_id=run_id, parent_id=parent, parent_id__isnull=False)
    return dict(beside.exclude(pk=own).values_list("name", "pk"))


def missing_run(ref: RunRef) -> NotFound:
    """That there is no such run, or who has deleted it. One statement."""
    deletion = (
        Deletion.objects.filter(project=ref.project, domain=ref.domain, name=ref.name).order_by("-pk").first()
    )
    if deletion is None:
        return NotFound(f"there is no run {ref.name!r} in project {ref.project!r}, domain {ref.domain!r}")
    what = f"run {ref.name!r} of project {ref.project!r}, domain {ref.domain!r}"
    when = f"{deletion.deleted_at:%Y-%m-%d %H:%M} UTC"
    if deletion.cause == Deletion.Cause.RETENTION:
        return NotFound(f"{what} was deleted on {when}, because its time was over ({deletion.actor})")
    return NotFound(f"{what} was deleted on {when} by {deletion.actor}")
