"""Values as the tabs of the panel and the page of one value show them: a bounded tree, and a preview of what is in the storage."""

from __future__ import annotations

from dataclasses import dataclass

from runs.domain.roles import Subject
from runs.domain.values.parts import Kind, Part
from runs.domain.values.trees import PAGE, PANEL, Limits, Node, make_node, text_of
from runs.queries.values import files
from runs.queries.values.files import Preview
from runs.queries.values.values import Values

MAX_VALUES = 100  # of an action, in the panel
MAX_PREVIEWS = 6  # of a tab; each reads a file
MAX_COPIED = 20_000  # characters


@dataclass(frozen=True, slots=True)
class Shown:
    """A value. preview: of what it stands for in the storage; copied: its whole text for the clipboard, "" when that is too long."""

    name: str
    node: Node
    preview: Preview | None = None
    copied: str = ""

    @property
    def is_cut(self) -> bool:
        return not self.node.is_whole or bool(self.preview and self.preview.is_cut)


@dataclass(frozen=True, slots=True)
class Panel:
    """values: None where there is no file of them; left_out: how many more there are."""

    side: str
    values: tuple[Shown, ...] | None
    problem: str = ""
    left_out: int = 0


def for_panel(values: Values, subject: Subject) -> Panel:
    """No statement; reads the storage for the first files among them."""
    if values.parts is None:
        return Panel(values.side, None, values.problem)
    shown: list[Shown] = []
    previews = MAX_PREVIEWS
    for name, part in list(values.parts.items())[:MAX_VALUES]:
        one = _shown(name, part, subject if previews else None, PANEL, files.PANEL)
        previews -= one.preview is not None
        shown.append(one)
    return Panel(values.side, tuple(shown), left_out=len(values.parts) - len(shown))


def for_page(name: str, part: Part, subject: Subject, below: str = "") -> Shown:
    """As much as a page of its own has room for. below: a file in a folder. No statement."""
    return _shown(name, part, subject, PAGE, files.PAGE, below)


def _shown(
    name: str, part: Part, subject: Subject | None, limits: Limits, bounds: files.Bounds, below: str = ""
) -> Shown:
    """subject: None when nothing more is read for this page."""
    node = make_node(part, limits)
    if node.is_stored:
        preview = files.preview(part, subject, bounds, below) if subject else None
        return Shown(name, node, preview, copied=part.uri)
    return Shown(name, node, copied=_copied(part, node))


def _copied(part: Part, node: Node) -> str:
    if part.kind is Kind.PICKLE or not node.is_whole:
        return ""
    text = text_of(part)
    return text if len(text) <= MAX_COPIED else ""
