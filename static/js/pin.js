// The focus of the tree: it outlives frames that move or take its row, and the server knows whose it is.

import { nameOf } from "./keys.js";
import { send } from "./live.js";

export class Focus {
  /** @param {import("./tree.js").RunTree} tree */
  constructor(tree) {
    this.tree = tree;
    this.name = "";
    /** @type {{name: string, index: number, column: number} | null} */
    this.had = null;
    tree.grid.addEventListener("focusin", (event) => this.came(event.target.closest(".rows > .row")));
  }

  /** The server keeps this row in the page. @param {HTMLElement | null} row */
  came(row) {
    if (!row) return;
    this.tree.rove(row);
    if (this.name === nameOf(row)) return;
    this.name = nameOf(row);
    send(this.tree, { kind: "focus", name: this.name }); // else the next hello says it
  }

  /** Before a frame. */
  keep() {
    const active = document.activeElement;
    const row = active?.closest?.(".rows > .row");
    this.had = row && {
      name: nameOf(row),
      index: this.tree.rows.indexOf(row),
      column: [...row.children].findIndex((cell) => cell.contains(active)),
    };
  }

  /** After it: give back what it took. A morph that moves a row blurs it. @param {HTMLElement[]} rows */
  restore(rows) {
    if (!this.had) return;
    const { name, index, column } = this.had;
    const row = this.tree.row(name);
    if (row) {
      if (document.activeElement !== document.body) return;
      const place = /** @type {HTMLElement} */ (row.children[column] ?? row);
      if (!place.hasAttribute("tabindex")) place.tabIndex = -1;
      place.focus({ preventScroll: true });
      return;
    }
    const pinned = this.tree.querySelector("#rows > [data-pinned]"); // the closed branch that hides it now
    if (pinned) pinned.focus({ preventScroll: true });
    else this.tree.focusRow(rows[Math.min(Math.max(index, 0), rows.length - 1)]);
  }
}
