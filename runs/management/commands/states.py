"""`manage.py states`: write docs/reference/phases.md from the transition table."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from runs.domain.phases import HELD, MOVES, UNHELD, Cause, Phase

PATH = settings.ROOT / "docs" / "reference" / "phases.md"

MEANINGS: dict[Cause, str] = {
    Cause.ENQUEUED: "it was created: the root by a submission, a child by its parent",
    Cause.LEASED: "it was given to an executor",
    Cause.STARTED: "its code began",
    Cause.FINISHED: "its code returned or raised",
    Cause.RETRIED: "it failed, or was too long in the queue, and has tries left",
    Cause.RECOVERED: "an earlier run had made its outputs, and this one took them over",
    Cause.SIGNALLED: "somebody gave a condition its value",
    Cause.SHUTDOWN: "the server or its executor was stopped in order; it runs again, with the same attempt",
    Cause.EXECUTOR_LOST: "its executor died or was out of reach too long; it runs again, with the same attempt",
    Cause.EXTERNAL_ABORT: "a person or a tool asked: page, CLI, API, `flyteui abort`",
    Cause.CANCELLED_BY_PARENT: "its parent's code cancelled it",
    Cause.PARENT_ENDED: "its parent ended while it ran",
    Cause.ROOT_ENDED: "the root of its run ended while it ran",
    Cause.TIMEOUT: "a limit of its task passed",
    Cause.REFUSED: "it went on after a grace period, and the next step was taken",
    Cause.HELD_UP: "another action blocked the loop on which it had to stop",
    Cause.FORCED: "somebody would not wait for its grace periods",
    Cause.REASON_ADDED: "who had aborted it without a reason gave one",
    Cause.CACHE_HIT: "an equal call had been made before, and its outputs were taken",
}


class Command(BaseCommand):
    """Write docs/reference/phases.md, or check that it is fresh."""

    help = "Write docs/reference/phases.md from the transition table."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; exit 1 when the file is stale"
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        del args, options
        if not check:
            PATH.write_text(render())
        elif PATH.read_text() != render():
            raise SystemExit("docs/reference/phases.md is stale: run `python manage.py states`")


def render() -> str:
    """The page, in Markdown."""
    rows = [
        f"| {phase.label} | `{phase.name}` | {phase.value} | {_holder(phase)} | {_moves(phase)} |"
        for phase in Phase
    ]
    return "\n".join(
        [
            "# Phases and causes",
            "",
            "Made by `python manage.py states` from `runs/domain/phases.py`; do not edit. The numbers are those of Flyte's wire.",
            "",
            "| word | phase | number | held by | may become |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "*Aborting* is not a phase: it is an action that has an abort and is not terminal yet. It keeps its phase",
            "until the executor says that its task has stopped ([law 4](../explanation/abort.md#the-laws)).",
            "",
            "## Causes",
            "",
            "What the events of an action say of each change, and an abort of itself.",
            "",
            "| cause | means |",
            "|---|---|",
            *(f"| {cause.value} | {MEANINGS[cause]} |" for cause in Cause),
            "",
        ]
    )


def _moves(phase: Phase) -> str:
    moves = [f"{to.label} ({when})" for to, when in MOVES.get(phase, {}).items()]
    return "; ".join(moves) or "nothing: terminal is final"


def _holder(phase: Phase) -> str:
    if phase in HELD:
        return "an executor"
    return "nobody: an abort ends it at once" if phase in UNHELD else "nobody"
