// The focus in the tree: one row can be reached with Tab, and the focus outlives frames that move or take away its row.

import { focusedRow, nameOf, rowOf } from "./rows.js";

export class RowFocus {
  /** @param {HTMLElement} grid @param {(message: object) => boolean} ask */
  constructor(grid, ask) {
    this.grid = grid;
    this.ask = ask;
    this.name = ""; // of the action whose row had it last: the server keeps that row in the page
    /** @type {{name: string, index: number, column: number} | null} where it was before a frame */
    this.kept = null;
    grid.addEventListener("focusin", (event) => this.moved(event.target.closest("#rows > .row")));
  }

  /** The row that Tab reaches. */
  get tabStop() {
    return this.grid.querySelector('#rows > .row[tabindex="0"]');
  }

  /** Make this the one row that Tab reaches. @param {HTMLElement | null | undefined} row */
  rove(row) {
    if (!row) return;
    for (const other of this.grid.querySelectorAll('#rows > .row[tabindex="0"]')) if (other !== row) other.tabIndex = -1;
    row.tabIndex = 0;
  }

  /** @param {HTMLElement | null | undefined} row */
  give(row) {
    if (!row) return;
    this.rove(row);
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  /** @param {HTMLElement | null} row that got it */
  moved(row) {
    if (!row) return;
    this.rove(row);
    if (this.name === nameOf(row)) return;
    this.name = nameOf(row);
    this.ask({ kind: "focus", name: this.name });
  }

  /** Before a frame. @param {HTMLElement[]} rows */
  keep(rows) {
    const row = focusedRow();
    this.kept = row && {
      name: nameOf(row),
      index: rows.indexOf(row),
      column: [...row.children].findIndex((cell) => cell.contains(document.activeElement)),
    };
  }

  /** After it: give back what the frame took; a morph that moves a row blurs it. When the row is gone, another gets it.
   * @param {HTMLElement[]} rows */
  restore(rows) {
    if (!this.kept) return;
    const { name, index, column } = this.kept;
    const row = rowOf(name);
    if (row) {
      if (document.activeElement !== document.body) return;
      const place = /** @type {HTMLElement} */ (row.children[column] ?? row);
      if (!place.hasAttribute("tabindex")) place.tabIndex = -1;
      place.focus({ preventScroll: true });
      return;
    }
    const pinned = this.grid.querySelector("#rows > [data-pinned]"); // the closed branch that hides it now
    if (pinned) pinned.focus({ preventScroll: true });
    else this.give(rows[Math.min(Math.max(index, 0), rows.length - 1)]);
  }
}
