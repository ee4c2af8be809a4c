// The scroll anchor: what the reader looks at keeps its place when rows come or go above it.

import { nameOf, rowOf } from "./rows.js";

export class ScrollAnchor {
  /** @param {import("./row-window.js").RowWindow} rowWindow */
  constructor(rowWindow) {
    this.rowWindow = rowWindow;
    /** @type {{name: string, index: number}[]} the visible rows: that with the focus, then from the top */
    this.kept = [];
    this.scrollTop = 0; // when they were
  }

  /** Before a frame: which rows are visible. At the very top it is the top that stays, unless a visible row has the focus. */
  keep() {
    const { before, grid, rows: loaded, visible } = this.rowWindow;
    this.scrollTop = grid.scrollTop;
    const rows = loaded.slice(Math.max(0, visible.top - before), Math.max(0, visible.bottom - before));
    const focused = rows.find((row) => row.contains(document.activeElement));
    if (focused) rows.unshift(focused);
    else if (!grid.scrollTop) rows.length = 0;
    this.kept = rows.map((row) => ({ name: nameOf(row), index: Number(row.ariaRowIndex) }));
  }

  /** After it: by how many rows the first of those that are still there has moved. */
  moved() {
    for (const { name, index } of this.kept) {
      const row = rowOf(name);
      if (row) return Number(row.ariaRowIndex) - index;
    }
    return 0;
  }

  /** The action whose row is to stay in view when others come above it; "" at the top. */
  get name() {
    this.keep();
    return this.kept[0]?.name ?? "";
  }
}
