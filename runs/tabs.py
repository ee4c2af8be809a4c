"""The tabs of the panel of an action: which there are, their words and numbers. Pure."""

from __future__ import annotations

from dataclasses import dataclass

OVERVIEW = "overview"


@dataclass(frozen=True, slots=True)
class Tab:
    """One part of the panel. badge: how many there are of what it shows; 0: no number."""

    key: str
    word: str
    badge: int = 0


def make_tabs(*, attempts: int, has_abort: bool, has_report: bool) -> tuple[Tab, ...]:
    """Those that every action has, and Abort and Report where there is something to tell. One attempt needs no number."""
    tabs = [
        Tab(OVERVIEW, "Overview"),
        Tab("inputs", "Inputs"),
        Tab("outputs", "Outputs"),
        Tab("logs", "Logs"),
        Tab("attempts", "Attempts", attempts if attempts > 1 else 0),
        Tab("events", "Events"),
    ]
    if has_abort:
        tabs.append(Tab("abort", "Abort"))
    if has_report:
        tabs.append(Tab("report", "Report"))
    return tuple(tabs)


def commands_for(run: str, action: str, *, is_live: bool) -> tuple[str, ...]:
    """What the flyte client is told to do the same from a shell."""
    found = (
        f"flyte get logs {run} {action}",
        f"flyte get io {run} {action}",
        f"flyte get action {run} {action}",
    )
    return (f"flyte abort {run} {action}", *found) if is_live else found
