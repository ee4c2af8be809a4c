"""Rows of the tree as HTML, the same for first paint and live frames, cached for equal rows; and windows of them.

A row's HTML holds no time that passes: what is open is filled in by the browser's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.template.loader import get_template

from runs.domain.timeline import Segment, between_ms, format_duration, segments
from runs.queries.rows import ActionRow
from runs.tree.groups import GroupRow
from runs.tree.layout import Place

# Stands where the row's place goes. It comes before all that users wrote, so the first one found is ours.
PLACE = "data-place"
CACHE_ROWS = 4_000  # as they were too, so that a run that changes fills it: about 10 MB


@dataclass(frozen=True, slots=True)
class Pin:
    """A row that stays in the page though the window is elsewhere, because it has the focus. index: 0-based."""

    index: int
    name: str
    html: str


@dataclass(frozen=True, slots=True)
class Window:
    """The rows that a page holds: their HTML by name, in order, and how many are above and below.

    The pinned row, if there is one, is outside of them and counts as above or below.
    """

    rows: dict[str, str]
    before: int
    after: int
    pin: Pin | None = None

    @property
    def kept(self) -> dict[str, str]:
        """All rows of the page: those of the window and the pinned one."""
        return self.rows | {self.pin.name: self.pin.html} if self.pin else self.rows

    @property
    def middle(self) -> tuple[str, int] | None:
        """The row in the middle of the window, and how many rows of it are above that one."""
        names, at = list(self.rows), len(self.rows) // 2
        return (names[at], at) if names else None

    @property
    def pin_place(self) -> tuple[int, str] | None:
        """Where the pinned row is, and which one."""
        return (self.pin.index, self.pin.name) if self.pin else None

    @property
    def spacers(self) -> dict[str, int]:
        """How many rows each spacer replaces, from the top. A pinned row splits the one in which it lies."""
        pin = self.pin
        if pin is None:
            return {"rows-before": self.before, "rows-after": self.after}
        if pin.index < self.before:
            between = self.before - pin.index - 1
            return {"rows-over": pin.index, "rows-before": between, "rows-after": self.after}
        between = pin.index - self.before - len(self.rows)
        return {"rows-before": self.before, "rows-after": between, "rows-under": self.after - between - 1}


@dataclass(frozen=True, slots=True)
class RowView:
    """Context of runs/tree/_row.html."""

    action: ActionRow
    segments: tuple[Segment, ...]
    duration: str
    since_ms: int | None
    attempt_label: str


def view_of(row: ActionRow, origin: datetime) -> RowView:
    began = row.started_at or row.created_at
    return RowView(
        action=row,
        segments=segments(
            origin, created=row.created_at, started=row.started_at, ended=row.ended_at, attempts=row.attempts
        ),
        duration=format_duration(between_ms(began, row.ended_at)) if row.ended_at else "",
        since_ms=None if row.ended_at else between_ms(origin, began),
        attempt_label=f"{row.attempt}/{row.max_attempts}" if row.max_attempts > 1 else "",
    )


@dataclass(frozen=True, slots=True)
class GroupView:
    """Context of runs/tree/_group_row.html."""

    group: GroupRow
    duration: str
    from_ms: int | None
    to_ms: int | None


def view_of_group(row: GroupRow, origin: datetime) -> GroupView:
    began, ended = row.began_at, row.ended_at
    return GroupView(
        row,
        duration=format_duration(between_ms(began, ended)) if began and ended else "",
        from_ms=between_ms(origin, began) if began else None,
        to_ms=between_ms(origin, ended) if ended else None,
    )


@lru_cache(maxsize=CACHE_ROWS)
def _render(row: ActionRow | GroupRow, origin: datetime) -> str:
    if isinstance(row, GroupRow):
        html = get_template("runs/tree/_group_row.html").render(
            {"row": view_of_group(row, origin), "place": PLACE}
        )
    else:
        html = get_template("runs/tree/_row.html").render({"row": view_of(row, origin), "place": PLACE})
    # Between two swaps, white space around a morphed row would add up to text nodes.
    return "".join(line.strip() for line in html.splitlines())


def render(
    row: ActionRow | GroupRow,
    place: Place,
    origin: datetime,
    *,
    hidden_failures: int = 0,
    is_context: bool = False,
    more: str = "",
) -> str:
    """The row at its place. Measured: 0.2 ms when it is new, 2 µs when it is kept."""
    return _render(row, origin).replace(PLACE, _attributes(place, hidden_failures, is_context) + more, 1)


def _attributes(place: Place, hidden_failures: int, is_context: bool) -> str:
    text = (
        f'aria-rowindex="{place.index}" aria-level="{place.level}" '
        f'aria-posinset="{place.position}" aria-setsize="{place.set_size}"'
    )
    if place.parent_index:
        text += f' data-parent="{place.parent_index}"'
    if place.is_expanded is not None:
        text += f' aria-expanded="{"true" if place.is_expanded else "false"}"'
    if hidden_failures:
        text += f' data-hidden-failures="{hidden_failures}" aria-description="{hidden_failures} failed below"'
    if is_context:
        text += " data-context"
    return text


def whole(window: Window) -> str:
    """The window as one partial, with its spacers: they are rows of the same group."""
    return partial("rows", window_html(window), "innerMorph")


def window_html(window: Window) -> str:
    """Rows between their spacers, as first paint and frames show them."""
    spacers = {id_: spacer_html(id_, count) for id_, count in window.spacers.items()}
    pinned = window.pin.html if window.pin else ""
    over, under = spacers.get("rows-over", ""), spacers.get("rows-under", "")
    above = over + pinned * bool(over) + spacers["rows-before"]
    below = spacers["rows-after"] + pinned * bool(under) + under
    return above + "".join(window.rows.values()) + below


def spacer_html(id_: str, count: int) -> str:
    return f'<div id="{id_}" class="spacer" role="presentation" data-rows="{count}"></div>'


def spacer(id_: str, count: int) -> str:
    return partial(id_, spacer_html(id_, count), "outerMorph")


def partial(id_: str, html: str, swap: str) -> str:
    """A part of a frame. htmx finds its target by id when there is no hx-target, and escapes what a name may hold."""
    return f'<hx-partial id="{id_}" hx-swap="{swap}">{html}</hx-partial>'
