// The bulk selection: names of actions whose boxes are checked. It outlives the row window; a toolbar below the tree aborts
// them together. (The selected action, whose panel is open, is another thing: run-tree.js has it.)

import { announce } from "../page/announcer.js";
import { boxOf, nameOf } from "./rows.js";

const MOST = 500; // their names must fit into one URL

export class BulkSelection {
  /** @param {HTMLElement} bar @param {import("./row-window.js").RowWindow} rowWindow @param {() => void} refocus when the bar goes */
  constructor(bar, rowWindow, refocus) {
    this.bar = bar;
    this.rowWindow = rowWindow;
    this.refocus = refocus;
    /** @type {Set<string>} */
    this.names = new Set();
    this.last = ""; // the one that was picked or released last: a range begins there
    this.bar.addEventListener("click", (event) => this.pressed(event));
    document.addEventListener("abort-asked", () => this.clear());
  }

  /** @param {MouseEvent} event */
  pressed(event) {
    if (event.target.closest("[data-unpick]")) {
      this.clear();
      this.refocus();
    }
    if (event.target.closest("[data-abort-picked]")) {
      document.querySelector("abort-dialog").open({ names: [...this.names].join(" ") });
    }
  }

  /** Only what is live can be picked. @param {HTMLElement} row @param {boolean} [on] */
  pick(row, on = !this.names.has(nameOf(row))) {
    this.last = nameOf(row);
    if (on) this.add(row);
    else this.names.delete(nameOf(row));
    this.changed();
  }

  /** All rows from the one that was picked last. @param {HTMLElement} row */
  pickTo(row) {
    const { rows } = this.rowWindow;
    const from = Math.max(0, rows.findIndex((one) => nameOf(one) === this.last));
    const to = rows.indexOf(row);
    for (const one of rows.slice(Math.min(from, to), Math.max(from, to) + 1)) this.add(one);
    this.changed();
  }

  /** @param {HTMLElement} row */
  add(row) {
    if (boxOf(row) && this.names.size < MOST) this.names.add(nameOf(row));
  }

  changed() {
    this.settle();
    announce(`${this.names.size} selected`);
  }

  clear() {
    this.names.clear();
    this.settle();
  }

  /** After rows came, went or ended. */
  settle() {
    for (const row of this.rowWindow.rows) {
      const box = boxOf(row);
      if (!box) this.names.delete(nameOf(row));
      else if (box.checked !== this.names.has(nameOf(row))) box.checked = !box.checked;
    }
    this.bar.hidden = this.names.size === 0;
    this.bar.querySelector("[data-count]").textContent = String(this.names.size);
  }
}
