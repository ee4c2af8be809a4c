// The line below the tree: which rows are loaded, and how many came below the view of a live run.

import { write } from "./clock.js";

const NUMBERS = new Intl.NumberFormat("en");

export class Foot {
  /** @param {import("./tree.js").RunTree} tree */
  constructor(tree) {
    this.tree = tree;
    this.note = tree.querySelector("[data-loaded]");
    this.more = tree.querySelector("[data-more]");
    this.news = 0;
    this.total = tree.loaded.total;
    this.more.addEventListener("click", () => tree.loaded.go(tree.loaded.total - 1));
    tree.grid.addEventListener("scroll", () => this.scrolled(), { passive: true });
  }

  /** The reader changed which rows there are: none of them is news. */
  reshape() {
    this.isReshaped = true;
  }

  /** After a frame. @param {number} above how many of the rows that came are above the view */
  settle(above) {
    const { loaded } = this.tree;
    const { before, total } = loaded;
    const came = total - this.total - above;
    this.news = this.isReshaped ? 0 : Math.max(0, this.news + came);
    this.isReshaped = false;
    this.total = total;
    const end = before + this.tree.rows.length;
    this.note.hidden = end - before >= total;
    write(this.note.querySelector("[data-range]"), `${NUMBERS.format(before + 1)}–${NUMBERS.format(end)}`);
    write(this.note.querySelector("[data-total]"), NUMBERS.format(total));
    this.show();
  }

  scrolled() {
    if (this.news) this.show();
  }

  show() {
    if (this.tree.loaded.view.bottom >= this.total) this.news = 0;
    const isLive = !document.getElementById("run-summary").dataset.end;
    this.more.hidden = !isLive || !this.news || this.tree.following.isOn;
    write(this.more, `${NUMBERS.format(this.news)} more ↓`);
  }
}
