"""`manage.py states`: write docs/states.md from the transition table."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from runs.domain.phases import HELD, MOVES, TERMINAL, UNHELD, Cause, Phase

PATH = settings.ROOT / "docs" / "states.md"


class Command(BaseCommand):
    """Write docs/states.md, or check that it is fresh."""

    help = "Write docs/states.md from the transition table."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; exit 1 when the file is stale"
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        del args, options
        if not check:
            PATH.write_text(render())
        elif PATH.read_text() != render():
            raise SystemExit("docs/states.md is stale: run `python manage.py states`")


def render() -> str:
    """The page, in Markdown with a Mermaid diagram."""
    edges = [
        f"    {phase.name} --> {to.name}: {when}"
        for phase, moves in MOVES.items()
        for to, when in moves.items()
    ]
    ends = [f"    {phase.name} --> [*]" for phase in sorted(TERMINAL)]
    rows = [
        f"| {phase.label} | `{phase.name}` | {phase.value} | {_holder(phase)} | {_moves(phase)} |"
        for phase in Phase
    ]
    return "\n".join(
        [
            "# States of an action",
            "",
            "Made by `python manage.py states` from `runs/domain/phases.py`; do not edit. The numbers are those of Flyte's wire.",
            "",
            "| word | phase | number | held by | may become |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "*Aborting* is not a phase: it is an action that has an abort and is not terminal yet. It keeps its phase",
            "until the executor says that its task has stopped (law 4 of `DESIGN.md` §5).",
            "",
            "```mermaid",
            "stateDiagram-v2",
            "    [*] --> QUEUED",
            "    [*] --> WAITING_FOR_RESOURCES: has a key of the cache",
            "    [*] --> PAUSED",
            *edges,
            *ends,
            "```",
            "",
            "Causes that the event log records: " + ", ".join(f"*{cause.value}*" for cause in Cause) + ".",
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
