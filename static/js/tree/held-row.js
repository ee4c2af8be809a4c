// The row that is held: while the pointer is over what can be done to a row, or it is asked whether to abort it, that row keeps
// its place on the screen, so that a click never meets another one. Rows come and go around it. Where scrolling cannot keep it
// there, at the top or in a short tree, all rows are shifted until the pointer leaves.

import { nameOf, rowOf } from "./rows.js";

export class HeldRow {
  /** @param {HTMLElement} grid that scrolls */
  constructor(grid) {
    this.grid = grid;
    this.shift = 0; // of all rows, in pixels
    this.name = ""; // of the held row, during a frame
    this.top = 0; // where it was before
    this.pointed = ""; // the action whose row the pointer was over when it moved last
    document.addEventListener("mousemove", (event) => this.moved(event.target), { passive: true });
    document.documentElement.addEventListener("mouseleave", () => this.move(0));
  }

  /** @returns {HTMLElement | null | undefined} */
  get row() {
    return this.grid.querySelector("#rows > .row:has(> .act:hover)") ?? document.querySelector("abort-popover")?.row;
  }

  /** Whether the pointer went to this row by itself: a row that slid under a pointer that rests was not meant. @param {HTMLElement} row */
  isMeant(row) {
    return this.pointed === nameOf(row);
  }

  /** The pointer moved. @param {EventTarget} target */
  moved(target) {
    const row = target.closest?.("#rows > .row");
    this.pointed = row ? nameOf(row) : "";
    if (this.shift && !this.row) this.move(0);
  }

  /** Before a frame. */
  keep() {
    const { row } = this;
    this.name = row ? nameOf(row) : "";
    this.top = row?.getBoundingClientRect().top ?? 0;
    if (!row && this.shift) this.move(0);
  }

  /** After it. */
  hold() {
    if (!this.name || !this.off) return;
    this.grid.scrollTop += this.off;
    if (this.off) this.move(this.shift - this.off);
  }

  /** How many pixels the row is below its place; 0 also when it is gone. */
  get off() {
    const row = rowOf(this.name);
    const off = row ? row.getBoundingClientRect().top - this.top : 0;
    return Math.abs(off) < 1 ? 0 : off;
  }

  /** @param {number} shift */
  move(shift) {
    this.shift = shift;
    const rows = /** @type {HTMLElement} */ (this.grid.querySelector("#rows"));
    rows.style.translate = shift ? `0 ${shift}px` : "";
  }
}
