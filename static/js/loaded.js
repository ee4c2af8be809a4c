// The loaded rows: a window into all rows of the tree, between spacers that stand for the others.

import { send } from "./live.js";

const WINDOW = 100;
const MARGIN = 20;

export class LoadedRows {
  /** @param {import("./tree.js").RunTree} tree */
  constructor(tree) {
    this.tree = tree;
    this.grid = tree.grid;
    this.wanted = null;
    this.grid.addEventListener("scroll", () => this.scrolled(), { passive: true });
  }

  /** How many rows are above the loaded ones. */
  get before() {
    return Number(document.getElementById("rows-before").dataset.rows);
  }

  get after() {
    return Number(document.getElementById("rows-after").dataset.rows);
  }

  sizeSpacers() {
    for (const spacer of this.tree.querySelectorAll(".spacer")) {
      spacer.style.blockSize = `calc(${spacer.dataset.rows} * var(--row-h))`;
    }
    this.grid.setAttribute("aria-rowcount", String(this.before + this.tree.rows.length + this.after));
  }

  scrolled() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.ask();
    });
  }

  /** Ask for other rows when what shows comes near the window's border. */
  ask() {
    const { rows } = this.tree;
    const height = rows[0]?.offsetHeight || 32;
    const top = Math.floor(this.grid.scrollTop / height);
    const bottom = top + Math.ceil(this.grid.clientHeight / height);
    const { before, after } = this;
    const end = before + rows.length;
    if (!(before && top < before + MARGIN) && !(after && bottom > end - MARGIN)) return;
    this.askFrom(Math.max(0, Math.round((top + bottom - WINDOW) / 2)));
  }

  /** @param {number} first */
  askFrom(first) {
    if (this.asked !== first && send(this.tree, { kind: "window", first, count: WINDOW })) this.asked = first;
  }

  /** Other rows will come: begin at their top. */
  begin() {
    this.grid.scrollTop = 0;
    this.askFrom(0);
  }

  /** Go to the first or last row, which may have to be asked for. @param {"first" | "last"} which */
  edge(which) {
    const isHere = which === "first" ? !this.before : !this.after;
    this.grid.scrollTop = which === "first" ? 0 : this.grid.scrollHeight;
    if (isHere) this.tree.focusRow(this.tree.rows.at(which === "first" ? 0 : -1));
    else this.wanted = which;
  }

  /** The row that `edge` went for, once it is there. */
  arrived() {
    const isHere = this.wanted === "first" ? !this.before : !this.after;
    if (!isHere) return undefined;
    const row = this.tree.rows.at(this.wanted === "first" ? 0 : -1);
    this.wanted = null;
    return row;
  }
}
