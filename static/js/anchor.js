// The anchor: the row under the eye keeps its place when rows come or go above it.

import { nameOf } from "./keys.js";

export class Anchor {
  /** @param {import("./tree.js").RunTree} tree */
  constructor(tree) {
    this.tree = tree;
    /** @type {{name: string, index: number}[]} the rows that show: that with the focus, then from the top */
    this.shown = [];
    this.scrollTop = 0; // before a frame
  }

  /** Before a frame: which rows show. At the very top it is the top that stays, unless a row that shows has the focus. */
  keep() {
    const { loaded } = this.tree;
    const { top, bottom } = loaded.view;
    this.scrollTop = loaded.grid.scrollTop;
    const rows = this.tree.rows.slice(Math.max(0, top - loaded.before), Math.max(0, bottom - loaded.before));
    const focused = rows.find((row) => row.contains(document.activeElement));
    if (focused) rows.unshift(focused);
    else if (!loaded.grid.scrollTop) rows.length = 0;
    this.shown = rows.map((row) => ({ name: nameOf(row), index: Number(row.ariaRowIndex) }));
  }

  /** After it: by how many rows the first of those that are still there has moved, so far the view goes too. */
  hold() {
    const { loaded, focused } = this.tree;
    // htmx gives a row that it moved the focus back, and scrolls to it.
    if (focused.had && loaded.grid.scrollTop !== this.scrollTop) loaded.grid.scrollTop = this.scrollTop;
    for (const { name, index } of this.shown) {
      const row = this.tree.row(name);
      if (!row) continue;
      const moved = Number(row.ariaRowIndex) - index;
      if (moved) loaded.grid.scrollTop += moved * loaded.rowHeight;
      return moved;
    }
    return 0;
  }

  /** The row that is to stay in view when others come above it; empty at the top. */
  get name() {
    this.keep();
    return this.shown[0]?.name ?? "";
  }
}
