"""A finding of the doctor: the rule, the action that breaks it, a message and a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import F, Q, QuerySet

from runs.domain.phases import Phase
from runs.models import Action

LIMIT = 100  # findings of one check; more would add nothing
REPORT = "this is a bug of flyteui: report it with the output of `flyteui doctor --json`"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. run: project/domain/name."""

    check: str
    message: str
    remedy: str
    run: str = ""
    action: str = ""


class Check(NamedTuple):
    """Actions that match `wrong` break the rule; the texts are formatted with the columns below."""

    name: str
    wrong: Q
    message: str
    remedy: str


# The fields of a message, and their paths from an action.
_FACTS = {
    "project": "run__project__name", "domain": "run__domain", "run": "run__name", "run_seq": "run__seq",
    "action": "name", "phase": "phase", "ended_at": "ended_at", "changed_seq": "changed_seq", "attempt": "attempt",
    "lease_epoch": "lease_epoch", "executor": "executor_id", "executor_state": "executor__state",
    "executor_host": "executor__host", "executor_pid": "executor__pid", "parent": "parent__name",
    "parent_phase": "parent__phase", "target": "abort__target__name", "asked_at": "abort__requested_at", "asked_by": "abort__actor",
    "delivered_at": "delivered_at", "queued_at": "queued_at",
}  # fmt: skip


def facts_of(rows: QuerySet[Any], prefix: str = "", **more: Any) -> Iterator[dict[str, Any]]:
    """The columns of the action that each row is about (prefix: the path to it), as text."""
    columns = {alias: F(f"{prefix}{path}") for alias, path in _FACTS.items()} | more
    aliases = {f"of_{name}": column for name, column in columns.items()}  # not to collide with fields
    for values in rows.order_by("pk").values(**aliases)[:LIMIT]:
        facts = {name.removeprefix("of_"): value for name, value in values.items()}
        for name in ("phase", "parent_phase"):
            if facts[name] is not None:
                facts[name] = Phase(facts[name]).label.lower()
        yield facts


def finding_of(check: str, message: str, remedy: str, facts: dict[str, Any]) -> Finding:
    run = "{project}/{domain}/{run}".format(**facts)
    return Finding(check, message.format(**facts), remedy.format(**facts), run, facts["action"])


def check_actions(check: Check, actions: QuerySet[Action]) -> Iterator[Finding]:
    for facts in facts_of(actions.filter(check.wrong)):
        yield finding_of(check.name, check.message, check.remedy, facts)
