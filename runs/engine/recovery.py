"""Use case of recovery (PROTOCOL.md §2.12): a run that takes over what succeeded in an earlier one, action by action.

The name of an action is derived from what is called with which inputs, so an action of the same name has computed the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flyteidl2.task import run_pb2

from runs.domain.caches import cached
from runs.domain.errors import Invalid, NotFound
from runs.domain.phases import SUCCESS, Kind
from runs.domain.specs import NewAction, NewRun
from runs.models import Action, Run
from runs.store.bulk import chunks

RECOVER = "recover"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What an action came to in the related run. source: project/domain/run/action/attempt."""

    output_uri: str
    source: str


def find_related(new: NewRun) -> Run | None:
    """The run that a new one names as related. One statement, none without a relation.

    To recover, it must be there, in the same project and domain; for any other relation a run that is gone is no harm.
    """
    if new.related_to is None:
        return None
    related, recovers = new.related_to, new.relation == RECOVER
    if recovers and (related.project, related.domain) != (new.project, new.domain):
        raise Invalid(
            f"a run of {new.project}/{new.domain} cannot recover {related}: project and domain must be the same"
        )
    found = Run.objects.filter(
        project__name=related.project, domain=related.domain, name=related.name
    ).first()
    if found is None and recovers:
        raise NotFound(f"there is no run {related} to recover from")
    return found


def find_recovered(run: Run, asked: Iterable[NewAction]) -> dict[str, Recovered]:
    """By name, what need not run again. No statement for a run that recovers nothing, else three at most (per 900)."""
    if run.relation != RECOVER or run.related_to_id is None:
        return {}
    forced = _read_forced(bytes(run.spec))
    names = [new.name for new in asked if new.kind is Kind.TASK and new.name not in forced]
    found: dict[str, Recovered] = {}
    for chunk in chunks(names):
        done = Action.objects.filter(
            run_id=run.related_to_id, name__in=chunk, kind=Kind.TASK, phase__in=sorted(SUCCESS)
        )
        for name, output_uri, attempt in done.values_list("name", "output_uri", "attempt"):
            where = (run.project.name, run.domain, run.related_to.name if run.related_to else "", name)
            found[name] = Recovered(output_uri, "/".join([*where, str(attempt)]))
    return found


@cached(16 * 1024**2, size=lambda run_spec: 3 * len(run_spec))
def _read_forced(run_spec: bytes) -> frozenset[str]:
    """The actions that are to run again although they succeeded."""
    return frozenset(run_pb2.RunSpec.FromString(run_spec).recover.force_rerun_actions)
