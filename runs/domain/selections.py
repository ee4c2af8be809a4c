"""Which actions of a run are meant by a bulk abort: by name, by phase, by group or beside another. Pure.

An abort reaches everything below what is selected, so a subtree is selected by the name of its top. A phase or a group
never selects the root: nearly always it runs for as long as anything does, and an abort of the whole run is asked for as such.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runs.domain.errors import Invalid, NotFound
from runs.domain.names import check_action_name
from runs.domain.phases import LIVE, Phase

_SELECTABLE = {phase.slug: phase for phase in sorted(LIVE)}
MAX_SHOWN = 5  # names in an error message


@dataclass(frozen=True, slots=True)
class Selection:
    """Exactly one of these is set, under only beside group. Make one with `select`, which checks it."""

    names: frozenset[str] = frozenset()
    phase: Phase | None = None
    group: str = ""
    under: str = ""  # the action whose children the group's are; "": of any
    beside: str = ""  # the action beside which they are; it is not one of them

    def __str__(self) -> str:
        if self.phase is not None:
            return f"phase {self.phase.slug}"
        if self.group:
            return f"group {self.group!r}" + (f" under {self.under}" if self.under else "")
        if self.beside:
            return f"everything beside {self.beside}"
        return f"{'action' if len(self.names) == 1 else 'actions'} {', '.join(sorted(self.names))}"


def select(
    *, names: Iterable[str] = (), phase: str = "", group: str = "", beside: str = "", under: str = ""
) -> Selection:
    """The selection. Invalid: none or several of these are given, or a name or a phase is wrong. under: only beside group."""
    wanted = frozenset(names)
    if sum(map(bool, (wanted, phase, group, beside))) != 1:
        raise Invalid("select actions by exactly one of: names, a phase, a group, what they are beside")
    if under and not group:
        raise Invalid("`under` says whose children a group's are: give the group, too")
    for name in wanted | ({beside, under} - {""}):
        check_action_name(name)
    if not phase:
        return Selection(names=wanted, group=group, under=under, beside=beside)
    if (found := _SELECTABLE.get(phase)) is None:
        raise Invalid(f"phase {phase[:80]!r} cannot be aborted; the phases are {', '.join(_SELECTABLE)}")
    return Selection(phase=found)


def check_found(selection: Selection, found: Iterable[str], run: str) -> None:
    """Raise NotFound that names what the selection means and the run does not have. No action in a phase is no error."""
    there = set(found)
    if selection.group and not there:
        under = f" under {selection.under}" if selection.under else ""
        raise NotFound(f"run {run} has no group {selection.group!r}{under}")
    if missing := sorted(selection.names - there):
        shown = ", ".join(map(repr, missing[:MAX_SHOWN]))
        more = f" and {len(missing) - MAX_SHOWN} more" if len(missing) > MAX_SHOWN else ""
        raise NotFound(f"run {run} has no action {shown}{more}")
