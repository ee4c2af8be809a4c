// Picked rows: a set of names that outlives the window, shown as checkboxes in rows and as the bar below the tree.

import { say } from "./announce.js";
import { nameOf } from "./keys.js";

const MOST = 500; // their names must fit into one URL

export class Picks {
  /** @param {import("./tree.js").RunTree} tree */
  constructor(tree) {
    this.tree = tree;
    this.names = new Set();
    this.anchor = "";
    this.bar = tree.querySelector(".bulk");
    this.bar.addEventListener("click", (event) => this.pressed(event));
    document.addEventListener("abort-asked", () => this.clear());
  }

  /** @param {MouseEvent} event */
  pressed(event) {
    if (event.target.closest("[data-unpick]")) {
      this.clear();
      this.tree.focusRow(this.tree.rows.find((row) => row.tabIndex === 0));
    }
    if (event.target.closest("[data-abort-picked]")) {
      document.querySelector("abort-dialog").open({ names: [...this.names].join(" ") });
    }
  }

  /** Only what is live can be picked. @param {HTMLElement} row @param {boolean} [on] */
  pick(row, on = !this.names.has(nameOf(row))) {
    this.anchor = nameOf(row);
    if (!on) this.names.delete(nameOf(row));
    else if (boxOf(row) && this.names.size < MOST) this.names.add(nameOf(row));
    this.settle();
    say(`${this.names.size} selected`);
  }

  /** All rows from the last picked one. @param {HTMLElement} row */
  pickTo(row) {
    const { rows } = this.tree;
    const from = Math.max(0, rows.findIndex((one) => nameOf(one) === this.anchor));
    const to = rows.indexOf(row);
    for (const one of rows.slice(Math.min(from, to), Math.max(from, to) + 1)) {
      if (boxOf(one) && this.names.size < MOST) this.names.add(nameOf(one));
    }
    this.settle();
    say(`${this.names.size} selected`);
  }

  clear() {
    this.names.clear();
    this.settle();
  }

  /** After rows came, went or ended. */
  settle() {
    for (const row of this.tree.rows) {
      const box = boxOf(row);
      if (!box) this.names.delete(nameOf(row));
      else if (box.checked !== this.names.has(nameOf(row))) box.checked = !box.checked;
    }
    this.bar.hidden = this.names.size === 0;
    this.bar.querySelector("[data-count]").textContent = String(this.names.size);
  }
}

/** @param {HTMLElement} row @returns {HTMLInputElement | null} */
const boxOf = (row) => row.querySelector(".pick > input");
