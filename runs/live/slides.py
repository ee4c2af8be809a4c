"""How a page gets from the window that it shows to the next one: row by row, by sliding, or all anew.

While somebody scrolls, most rows stay. To send and morph them again costs the browser more than a frame may take.
"""

from __future__ import annotations

from runs.tree.render import Window, partial, spacer, whole

# Up to so many changed rows are sent one by one; more, as one window.
MAX_PARTIALS = 40
MAX_NEW = 50  # rows that slide in: those that slide out are in the page until these are


def lead(shown: Window | None, window: Window) -> list[str]:
    """The partials that make the rows that a page shows those of the window. A page that slid drops those outside of it."""
    if shown is None or (new := _new_rows(shown, window)) is None:
        return [whole(window)]
    rows, had = window.kept, shown.kept
    changed = [name for name, html in rows.items() if name in had and had[name] != html]
    if len(changed) > MAX_PARTIALS:
        return [whole(window)]
    partials = [partial(f"action-{name}", rows[name], "outerMorph") for name in changed]
    if new:
        place = ("rows-after", "beforebegin") if window.before > shown.before else ("rows-before", "afterend")
        partials.append(partial(place[0], "".join(rows[name] for name in new), place[1]))
    spacers = shown.spacers
    return partials + [spacer(one, n) for one, n in window.spacers.items() if spacers[one] != n]


def _new_rows(shown: Window, window: Window) -> list[str] | None:
    """Those that come at one end while all that stay keep their places; None when more than that happened."""
    if shown.pin_place != window.pin_place or shown.spacers.keys() != window.spacers.keys():
        return None
    old, names = list(shown.rows), list(window.rows)
    by = window.before - shown.before
    stay, new = (names[: len(old) - by], names[len(old) - by :]) if by > 0 else (names[-by:], names[:-by])
    had = old[by:] if by > 0 else old[: len(names) + by]
    is_slide = stay == had and (by == 0 or bool(stay))
    return new if is_slide and len(new) <= MAX_NEW else None
